"""Tables, figures and the page of a report."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, cast

import pytest
from rich.console import Console

from nerdistill.report.chart.svg import standalone
from nerdistill.report.figures import curves, f1
from nerdistill.report.markdown import report, write_report
from nerdistill.report.tables import SIMULATED, rich_tables, spread, tables
from tests.report.made_up import everything

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, object]
STEP = {"kind": "step", "at": 0.5, "first": 1.0, "then": 0.0, "warp": 1.0, "mean_share": 0.5}
FLAT = {"kind": "constant", "share": 0.0, "warp": 1.0, "mean_share": 0.0}


def cell(name: str, f1: float, test: float, seed: int = 1, distilled: str | None = "web") -> Json:
    """A cell as results.json holds it."""
    scores = {
        part: {"precision": value, "recall": value, "f1": value, "gold": 9, "by_type": {}}
        for part, value in (("validation", f1), ("test", test))
    }
    return {
        "phases": [1, 2] if name == "original" else [2, 3],
        "regimen": name,
        "curve": FLAT if name == "original" else STEP,
        "schedule": "single",
        "teacher": "t",
        "distilled": distilled,
        "budget": 100,
        "subset_seed": 1,
        "seed": seed,
        **scores,
        "examples": {"original": 640, "distilled": 0 if name == "original" else 640},
        "human_labels": {"train": 100, "validation": 20},
        "steps": 80,
        "seconds": 12.3,
        "model": "stages/x/model",
    }


def results(*cells: Json, simulated: bool = False, title: str = "A study") -> Json:
    """A results document."""
    outcomes = dict.fromkeys(("exact", "repaired", "ambiguous", "not_in_text"), 0) | {"exact": 7}
    scores = {"precision": None, "recall": None, "f1": None, "by_type": None}
    near = {"validation": 1, "test": 2}
    return {
        "study": "s",
        "title": title,
        "note": "illustration, not evidence",
        "simulated": simulated,
        "student": "minilm",
        "labels": ["PER"],
        "seeds": [1],
        "steps": 80,
        "batch_size": 16,
        "learning_rate": 3e-4,
        "mean_share": 0.5,
        "versions": {"nerdistill": "1"},
        "teacher": [
            {"corpus": "web", "annotator": "replay", "model": "m|1", "simulated": simulated}
            | {"sentences": 10, "failed": 1, "outcomes": outcomes, **scores}
        ],
        "original": [
            {"budget": 100, "subset_seed": 1, "sentences": 100, "documents": 9}
            | {"human_labels": {"train": 100, "validation": 20}, "left_in_pool": 5}
            | {"shared_with_teacher": 3, "dropped_duplicates": 0, "near_duplicates": near}
        ],
        "distilled": [
            {"name": "web", "source": "teacher", "sentences": 9}
            | {"near_duplicates": near, "dropped_duplicates": 0}
        ],
        "cells": list(cells),
        "missing_cells": 2,
        "winner": None,
    }


def test_best_is_by_validation() -> None:
    """The row that test likes best is not the one that is marked."""
    data = tables(results(cell("original", 80.0, 70.0), cell("simple-mix", 79.0, 75.0)))[2]
    assert data.title.startswith("Phase 2")
    assert (data.best, [row[0] for row in data.rows]) == ((0,), ["original", "simple-mix"])


def test_a_ceiling_is_never_best() -> None:
    """Gold labels that nobody has cannot win."""
    data = tables(
        results(cell("original", 80.0, 70.0), cell("simple-mix", 99.0, 99.0, distilled="gold web"))
    )[2]
    assert data.best == (0,)


def test_seeds_make_one_row_with_a_deviation() -> None:
    """Cells that differ by seed alone are one row: mean and standard deviation."""
    cells = [cell("simple-mix", f1, f1, seed) for seed, f1 in enumerate((70.0, 72.0, 74.0))]
    (_, _, phase) = tables(results(*cells))
    assert len(phase.rows) == 1
    assert "72.0 ±2.0" in phase.rows[0]
    assert spread([71.25]) == "71.2"


@pytest.mark.parametrize("simulated", [True, False])
def test_every_head_carries_note_and_simulated(simulated: bool) -> None:
    """Nobody can cut a table out and lose what it rests on."""
    told = results(cell("original", 1.0, 1.0), cell("simple-mix", 1.0, 1.0), simulated=simulated)
    assert len(tables(told)) == 4
    for data in tables(told):
        assert "illustration, not evidence" in data.title
        assert (SIMULATED in data.title) == simulated
    assert (SIMULATED in report(told)) == simulated
    assert (SIMULATED in standalone(f1.draw(told, 700))) == simulated


def test_tables_fit_a_terminal_of_80() -> None:
    """No line is wider than 80 characters, and no number is cut."""
    cells = [cell("original-then-distilled-restart", 70.0, 71.0, seed) for seed in (1, 2)]
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    for table in rich_tables(results(*cells)):
        console.print(table)
    assert max(map(len, stream.getvalue().splitlines())) <= 80
    assert "70.0 ±0.0" in stream.getvalue()
    assert "71.0 ±0.0" in stream.getvalue()


def test_names_cannot_break_the_page() -> None:
    """Bars, tags and line breaks in names stay text."""
    page = report(results(cell("original", 1.0, 1.0), title="a | <script>alert(1)</script>\n# b"))
    assert page.startswith("# a \\| &lt;script&gt;alert(1)&lt;/script&gt; # b\n")
    assert "m\\|1" in page
    assert "<script>" not in page


def test_the_page_says_what_it_may_not_claim() -> None:
    """A student that is not bert-base reproduces nothing, and missing cells are told."""
    page = report(results(cell("original", 1.0, 1.0)))
    assert "reproduce nothing" in page
    assert "2 cells are not finished" in page
    assert "reproduce nothing" not in report(results() | {"student": "bert-base-cased"})


def test_what_to_have_labelled_has_a_price_where_it_gains() -> None:
    """The share of the words, and no price for what is not better than original data alone."""
    told, _ = everything()
    page = report(told)
    assert "## What to have labelled" in page
    assert "| 120,000 (all) | 6,000 | 85.0 | +6.0 ±0.4 | 20,000 |" in page
    assert "| 30,000 (25%) | 1,500 | 78.7 | -0.3 ±0.4 | - |" in page
    assert "What to have labelled" not in report({**told, "selection": None})


def test_tokens_are_a_price_where_they_are_counted() -> None:
    """They take the place of words where a teacher's server counts them."""
    told, _ = everything()
    assert "tokens a point" not in report(told)
    rows = cast("list[Json]", cast("Json", told["selection"])["rows"])
    counted = [
        {**row, "tokens": 40 * cast("int", row["sentences"]), "tokens_per_point": 1_000}
        for row in rows
    ]
    page = report({**told, "selection": {"rows": counted}})
    assert "| words | sentences | tokens | valid. F1 | gain | tokens a point |" in page
    assert "| 120,000 (all) | 6,000 | 240,000 | 85.0 | +6.0 ±0.4 | 1,000 |" in page


def test_figures_are_svg_and_always_the_same(tmp_path: Path) -> None:
    """Equal results give equal bytes, and the files lie beside the page that shows them."""
    told = results(cell("original", 60.0, 61.0), cell("simple-mix", 62.0, 60.5, distilled="$a$"))
    for draw in (curves.draw, f1.draw):
        assert ET.fromstring(standalone(draw(told, 700))).tag.endswith("svg")  # noqa: S314 - our own text
        assert standalone(draw(told, 700)) == standalone(draw(told, 700))
    page = write_report(told, tmp_path)
    assert page.read_text().count(".svg)") == 2
    assert (tmp_path / "curves.svg").is_file()
    assert (tmp_path / "f1.svg").is_file()


def test_an_unfinished_study_has_a_report_too(tmp_path: Path) -> None:
    """Before the first training has ended there is a page that says so."""
    assert "No training is finished yet." in write_report(results(), tmp_path).read_text()


def test_the_method_is_told_in_sentences() -> None:
    """The method section is a list of rules, not of letters."""
    page = report(results(cell("original", 1.0, 1.0)))
    section = page.split("## Method")[1].split("##")[0]
    rules = [line for line in section.splitlines() if line.startswith("- ")]
    assert len(rules) == 5
    assert all(len(rule) > 60 for rule in rules)


def sure(*comparisons: Json) -> Json:
    """Results whose best regimen was held against others."""
    row = {
        "regimen": "mixed",
        "distilled": "web",
        "budget": 100,
        "trainings": 3,
        "f1": {"value": 81.25, "low": 80.0, "high": 82.5},
        "standard_deviation": 0.4,
    }
    found = {"unit": "documents", "units": 231, "level": 0.95}
    evidence = {**found, "regimens": [row], "comparisons": list(comparisons)}
    return {**results(cell("mixed", 80, 81), cell("sigmoid", 79, 80)), "evidence": evidence}


def comparison(value: float, p: float | None, **more: object) -> Json:
    """The best against another."""
    return {
        "budget": 100,
        "best": {"regimen": "mixed", "distilled": "web"},
        "other": {"regimen": "sig|moid", "distilled": "<b>"},
        "ceiling": False,
        "difference": {"value": value, "low": value - 1, "high": value + 1},
        "p": p,
        "p_holm": p,
        "family": 4,
        "trainings_needed": {"seeds": 12, "capped": False},
        **more,
    }


def test_a_difference_is_called_one_only_where_the_test_says_so() -> None:
    """Else how many seeds would show it; a ceiling is called so; all is escaped."""
    page = report(
        sure(
            comparison(2.0, 0.01),
            comparison(0.5, 0.3),
            comparison(-1.5, 0.02, ceiling=True),
            comparison(0.1, None, trainings_needed={"seeds": 1000, "capped": True}),
        )
    )
    lines = [line for line in page.splitlines() if line.startswith("- Budget 100: mixed (web)")]
    assert lines[0].endswith("+2.0 points [+1.0, +3.0], p 0.010 of 4: **better**.")
    assert lines[1].endswith("no difference shown; about 12 seeds would show one of this size.")
    assert "a ceiling" in lines[2]
    assert lines[2].endswith("p 0.020 of 4: **worse**.")
    assert lines[3].endswith(
        "p - of 4: no difference shown; more than 1000 seeds would show one of this size."
    )
    assert "sig\\|moid (&lt;b&gt;)" in lines[0]
    assert "the 231 documents" in page
    assert "| mixed | web | 100 | 3 | 81.2 | 0.4 | 80.0 to 82.5 |" in page


def test_one_seed_has_no_section_on_sureness() -> None:
    """Nothing is claimed where nothing is known."""
    assert "How sure" not in report({**results(cell("mixed", 80, 81)), "evidence": None})

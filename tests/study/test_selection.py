"""Selected pools in a study: equal cost, no look at labels, and what a point of F1 costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.metrics.seen import forms
from nerdistill.progress import Silent
from nerdistill.study.errors import shown_to
from nerdistill.study.phases import PHASES, Selection
from nerdistill.study.readings import corpus_of
from nerdistill.study.runner import run_study
from nerdistill.study.selection import selection
from nerdistill.study.stage import in_order
from nerdistill.study.workspace import Workspace
from tests.student_factory import one_thread
from tests.study.test_study_run import Json, _cells, _graph, study, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.cell import Cell
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.types import Sentence

__all__ = ["one_thread", "study"]

SELECTED = [one.name for one in PHASES[5] if isinstance(one.treatment, Selection)]


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished study."""

    graph: Graph
    workspace: Workspace
    results: Json

    @property
    def rows(self) -> dict[str, Json]:
        """What is told of each way to select."""
        rows = cast("list[Json]", cast("Json", self.results["selection"])["rows"])
        return {str(row["regimen"]): row for row in rows}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run for all who look at it, with students side by side."""
    return _ran(tmp_path_factory.mktemp("selected"), "original", "simple-mix")


def _ran(folder: Path, *others: str, error_scale: float = 1.0, seeds: str = "[1, 2]") -> Ran:
    graph = _selecting(write_study(folder), *others, error_scale=error_scale, seeds=seeds)
    workspace = Workspace(folder / "work")
    return Ran(graph, workspace, run_study(graph, workspace, Silent(), cohort=16))


def _selecting(study: Path, *others: str, error_scale: float = 1.0, seeds: str = "[1, 2]") -> Graph:
    regimens = f"regimens={json.dumps([*others, *SELECTED])}"
    return _graph(
        study,
        "phases=[2, 5]",
        regimens,
        f"seeds={seeds}",
        f"teacher.error_scale={error_scale}",
        "training.learning_rate=1e-2",  # so that even these few steps teach something
    )


def _pool(cell: Cell) -> Stage:
    return cell.train.inputs["distilled"].inputs["corpus"]


def _sentences(stage: Stage, ran: Ran) -> list[Sentence]:
    return list(corpus_of(stage, ran.workspace).sentences)


def _chosen(ran: Ran, seed: int = 1) -> dict[str, tuple[str, ...]]:
    """The ids of the sentences that each way chose."""
    return {
        cell.regimen.name: tuple(one.id for one in _sentences(_pool(cell), ran))
        for cell in ran.graph.cells
        if cell.regimen.name in SELECTED and cell.seed == seed
    }


def test_all_cost_a_quarter_of_the_words(ran: Ran) -> None:
    """Whole sentences of the pool, labelled as they were, up to the same number of words."""
    for cell in (one for one in ran.graph.cells if one.regimen.name in SELECTED):
        assert cell.pool is not None
        whole, part = _sentences(cell.pool, ran), _sentences(_pool(cell), ran)
        assert {*part} < {*whole}
        of_words, words = (sum(len(one.tokens) for one in these) for these in (whole, part))
        shortest = min(len(one.tokens) for one in {*whole} - {*part})
        assert of_words // 4 - shortest < words <= of_words // 4
        assert ran.workspace.result(_pool(cell)) == {
            "sentences": len(part),
            "of_sentences": len(whole),
            "words": words,
            "of_words": of_words,
            "tokens": None,
            "of_tokens": None,
        }


def test_ways_and_seeds_choose_differently(ran: Ran) -> None:
    """Each way has its own choice, and a seed with another sample makes another one."""
    first, second = _chosen(ran), _chosen(ran, seed=2)
    assert len({*first.values()}) == len(SELECTED)
    assert all(first[name] != second[name] for name in SELECTED)


def test_labels_choose_nothing(ran: Ran, tmp_path: Path) -> None:
    """A teacher that errs everywhere gets the same sentences to label."""
    other = _ran(tmp_path, error_scale=10.0, seeds="[1]")
    pools = [one.graph.distilled(("web",)) for one in (ran, other)]
    labels = [
        [sentence.spans for sentence in _sentences(pool, one)]
        for pool, one in zip(pools, (ran, other), strict=True)
    ]
    assert labels[0] != labels[1]
    assert _chosen(other) == _chosen(ran)


def test_who_selects_has_learnt_no_label_of_the_teacher(study: Path) -> None:
    """Only a student of the original sample is asked, and it is the study's own one."""
    graph = _selecting(study, "original")
    alone = {cell.train.key for cell in graph.cells if cell.regimen.name == "original"}
    for cell in (one for one in graph.cells if one.regimen.name in SELECTED):
        trained = {stage.key for stage in in_order([_pool(cell)]) if stage.kind == "train"}
        assert trained <= alone
        assert bool(trained) == (cell.regimen.name == "select-uncertain")


def test_errors_tell_seen_by_what_was_selected(ran: Ran) -> None:
    """An entity of a sentence that nobody had labelled was not shown."""
    for cell in (one for one in ran.graph.cells if one.regimen.name in SELECTED):
        assert cell.pool is not None
        shown = forms(_sentences(_pool(cell), ran))
        assert shown_to(cell, ran.workspace).distilled == shown
        assert shown <= forms(_sentences(cell.pool, ran))


def test_a_point_costs_words_over_gain(ran: Ran) -> None:
    """Each way and the whole pool have a row, against original data alone of the same draws."""
    assert [*ran.rows] == ["simple-mix", *SELECTED]
    f1 = {
        name: fmean(
            cast("float", cast("Json", cell["validation"])["f1"])
            for cell in _cells(ran.results)
            if cell["regimen"] == name
        )
        for name in ("original", *ran.rows)
    }
    for name, row in ran.rows.items():
        gain = f1[name] - f1["original"]
        assert row["validation_f1"] == pytest.approx(f1[name], abs=1e-3)
        assert row["gain"] == pytest.approx(gain, abs=1e-3)
        words = cast("int", row["words"])
        if gain > 0:
            assert row["words_per_point"] == round(words / cast("float", row["gain"]))
        else:
            assert row["words_per_point"] is None
        assert (words == row["of_words"]) == (name == "simple-mix")


def test_only_draws_of_both_make_a_gain(ran: Ran) -> None:
    """Where original data alone lack a seed, so does the difference."""
    cells = [cell for cell in ran.graph.cells if (cell.regimen.name, cell.seed) != ("original", 2)]
    found = selection(cells, ran.workspace)
    assert found is not None
    f1 = {
        (cell["regimen"], cell["seed"]): cast("float", cast("Json", cell["validation"])["f1"])
        for cell in _cells(ran.results)
    }
    for row in cast("list[Json]", found["rows"]):
        gain = f1[row["regimen"], 1] - f1["original", 1]
        assert row["gain"] == pytest.approx(gain, abs=1e-3)
        assert row["standard_deviation"] is None


def test_a_study_that_selects_nothing_has_no_table(ran: Ran) -> None:
    """Simple Mix on the whole pool alone is nothing to compare."""
    cells = [cell for cell in ran.graph.cells if cell.regimen.name not in SELECTED]
    assert selection(cells, ran.workspace) is None


def test_without_original_data_alone_no_gain_is_told(tmp_path: Path) -> None:
    """The F1 and the words are there, and no price."""
    ran = _ran(tmp_path, seeds="[1]")
    assert [*ran.rows] == SELECTED
    assert {row["gain"] for row in ran.rows.values()} == {None}
    assert {row["words_per_point"] for row in ran.rows.values()} == {None}

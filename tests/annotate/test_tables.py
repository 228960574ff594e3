"""Tables for a terminal of 80 columns."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from nerdistill.annotate.audit import Audit, Auditor
from nerdistill.annotate.calibrate import Calibration
from nerdistill.annotate.protocol import Failure
from nerdistill.annotate.tables import (
    audit_tables,
    calibration_tables,
    errors_table,
    plain,
    scores_table,
)
from nerdistill.annotate.words import SIMULATED
from nerdistill.digest import Digest
from nerdistill.types import Annotation, Issue, Provenance, Sentence, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

SOURCE = Provenance("replay", "m", Digest("p"), Digest("r"))


def printed(parts: Iterable[RenderableType], width: int = 80) -> list[str]:
    """The lines that a terminal shows, none of them wider than it is."""
    stream = StringIO()
    console = Console(file=stream, width=width)
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def audited(texts: dict[str, str | None], *, sentences: int = 3) -> Audit:
    """An audit of one-word sentences, gold `LOC` for each; the teacher's type or None for each."""
    auditor = Auditor()
    for text, label in texts.items():
        sentence = Sentence(text, (text, "."), spans=(Span(0, 1, "LOC"),))
        spans = () if label is None else (Span(0, 1, label),)
        issues = tuple(Issue("exact", span.label, text) for span in spans)
        annotation = Annotation(text, spans, (None,) * len(spans), SOURCE, issues)
        for _ in range(sentences):
            auditor.add(sentence, annotation)
    return auditor.result()


def rows(lines: list[str], first: str) -> list[list[str]]:
    """The cells of the rows that begin with a word."""
    return [line.split() for line in lines if line.split()[:1] == [first]]


def test_an_audit_as_tables() -> None:
    """Outcomes with their share, errors, confusion and disagreements, each number in its place."""
    auditor = Auditor()
    ulm = Sentence("a", ("Ulm", "and", "Ada"), spans=(Span(0, 1, "LOC"), Span(2, 3, "PER")))
    issues = (Issue("exact", "ORG", "Ulm"), Issue("not_in_text", "PER", "Bob"))
    for _ in range(3):
        auditor.add(ulm, Annotation("a", (Span(0, 1, "ORG"),), (None,), SOURCE, issues))
    auditor.fail(ulm, Failure(Digest("r"), "truncated", "cut off"))
    lines = printed(audit_tables(auditor.result()))
    assert "What became of 6 mentions in 4 sentences" in lines
    assert rows(lines, "exact") == [["exact", "3", "50.0"]]
    assert rows(lines, "not") == [["not", "in", "text", "3", "50.0"]]
    assert rows(lines, "failed") == [["failed", "sentences", "1", "25.0"]]
    assert rows(lines, "truncated") == [["truncated", "1", "25.0"]]
    assert rows(lines, "type") == [["type", "3", "50.0"]]
    assert rows(lines, "missed") == [["missed", "3", "50.0"]]
    assert rows(lines, "gold") == [["gold", "LOC", "ORG", "PER", "O"]]
    assert rows(lines, "LOC") == [["LOC", "·", "3", "·", "·"]]
    assert rows(lines, "PER") == [["PER", "·", "·", "·", "3"]]
    assert rows(lines, "Ulm") == [["Ulm", "LOC", "ORG", "type", "3"]]
    assert rows(lines, "Ada") == [["Ada", "PER", "O", "missed", "3"]]


def test_without_gold_only_the_ledger() -> None:
    """Where there is no gold there are outcomes, and no table of nothing."""
    auditor = Auditor()
    auditor.add(Sentence("a", ("Ulm",)), Annotation("a", (), (), SOURCE, ()))
    lines = printed(audit_tables(auditor.result()))
    assert rows(lines, "exact") == [["exact", "0", "-"]]
    assert not any("gold" in line for line in lines)


def test_scores_show_their_intervals() -> None:
    """Overall and by type, where the audit knows them; without them there is no column."""
    found = audited({"Ulm": "LOC", "Borsk": "ORG"}, sentences=20)
    lines = printed([scores_table("Scores", {"gpt-x": found.to_json()}, simulated=True)])
    assert lines[:2] == [SIMULATED, "Scores"]
    assert found.intervals
    around = found.intervals.overall.f1
    interval = f"{around.low:.1f}–{around.high:.1f}"  # noqa: RUF001 - as the table writes a range
    (row,) = rows(lines, "gpt-x")
    assert row == ["gpt-x", "all", "50.0", "50.0", "50.0", interval, "40"]
    assert rows(lines, "ORG")[0][:4] == ["ORG", "0.0", "0.0", "0.0"]
    assert found.score
    bare = printed([scores_table("Scores", {"A": found.score.to_json()})])
    assert not any("interval" in line for line in bare)


def test_errors_side_by_side() -> None:
    """Two teachers' kinds of errors stand beside each other."""
    pair = {"A": audited({"Ulm": "LOC", "Borsk": None}), "B": audited({"Ulm": "ORG"})}
    lines = printed([errors_table(pair)])
    assert rows(lines, "correct") == [["correct", "3", "50.0", "0", "0.0"]]
    assert rows(lines, "type") == [["type", "0", "0.0", "3", "100.0"]]
    assert rows(lines, "missed") == [["missed", "3", "50.0", "0", "0.0"]]


def test_many_and_long_types_fit() -> None:
    """Rare types are counted together, names fold, and no number is broken or lost."""
    auditor = Auditor()
    kinds = [f"A_VERY_LONG_TYPE_NAME_{i:02}" for i in range(30)]
    for i, kind in enumerate(kinds):
        sentence = Sentence(kind, ("x",), spans=(Span(0, 1, kind),))
        annotation = Annotation(kind, (Span(0, 1, kind),), (None,), SOURCE, ())
        for _ in range(100 * (31 - i)):
            auditor.add(sentence, annotation)
    lines = printed(audit_tables(auditor.result()))
    assert max(map(len, lines)) <= 80
    assert rows(lines, "gold") == [["gold", *"12345", "O"]]
    assert rows(lines, "1") == [["1", kinds[0], "3,100", *"·" * 5]]
    rest = f"{sum(100 * (31 - i) for i in range(4, 30)):,}"
    assert rows(lines, "5") == [["5", "other", *"·" * 4, rest, "·"]]


@pytest.mark.parametrize(
    "text",
    ["[bold]x[/bold]", "[/]", ":dog:", "a\\", "\x1b[31mred", "e\u202eevil", "x" * 10_000, "\ud800"],
)
def test_corpus_text_commands_no_terminal(text: str) -> None:
    """Markup, emoji codes, control characters and endless words are shown, not obeyed."""
    lines = printed(audit_tables(audited({text: "ORG"})))
    shown = "".join(lines)
    assert max(map(len, lines)) <= 80
    assert all(c.isprintable() for c in shown)
    if text.isprintable() and len(text) < 60:
        assert text in shown
    assert "red" not in text or "\N{REPLACEMENT CHARACTER}[31mred" in shown
    assert any(line.split()[-3:] == ["ORG", "type", "3"] for line in lines)


def test_plain_text() -> None:
    """What a caller prints as markup reads as the text itself."""
    assert printed([plain("[red]\x07[/red] Ulm")]) == ["[red]\N{REPLACEMENT CHARACTER}[/red] Ulm"]


def test_calibration_as_tables() -> None:
    """A calibration shows scores, types and what fails; without labels the failures alone."""
    found = audited({"Ulm": "LOC", "Borsk": "ORG"}, sentences=10)
    lines = printed(calibration_tables(Calibration(20, 20, found), "gpt-x"))
    assert lines[0] == "Calibration on 20 sentences with gold"
    assert rows(lines, "Borsk") == [["Borsk", "LOC", "ORG", "type", "10"]]
    auditor = Auditor()
    auditor.fail(Sentence("a", ("x",), spans=()), Failure(Digest("r"), "server", "down"))
    lines = printed(calibration_tables(Calibration(1, 0, auditor.result()), "gpt-x"))
    assert rows(lines, "server") == [["server", "1", "100.0"]]
    assert not any("precision" in line for line in lines)

"""What `nerdistill annotate` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.table import Table

    from nerdistill.annotate.compare import Comparison

SIMULATED = "SIMULATED: no language model was asked"
DISAGREEMENTS = 15

Json = dict[str, object]


def scores_table(title: str, scores: Mapping[str, Json], *, simulated: bool = False) -> Table:
    """Scores as `Score.to_json` gives them, overall and by type, a block for each name."""
    from rich.table import Table

    table = Table(title=f"{SIMULATED}\n{title}" if simulated else title, title_justify="left")
    for name in ("labels", "type"):
        table.add_column(name)
    for name in ("precision", "recall", "F1", "gold"):
        table.add_column(name, justify="right")
    for name, score in scores.items():
        table.add_row(name, "all", *_cells(score), style="bold")
        for label, row in cast("dict[str, Json]", score["by_type"]).items():
            table.add_row("", label, *_cells(row))
    return table


def run_lines(told: Json) -> Iterator[str]:
    """What a run did, in words."""
    audit = cast("Json", told["audit"])
    outcomes = cast("dict[str, int]", audit["outcomes"])
    if told["simulated"]:
        yield SIMULATED
    yield (
        f"sentences: {told['sentences']} · failed: {audit['failed']} · asked: {told['asked']} · "
        f"from the store: {told['stored']} · repeated: {told['repeated']}"
    )
    counted = " · ".join(f"{name.replace('_', ' ')}: {n}" for name, n in outcomes.items())
    yield f"mentions: {sum(outcomes.values())} · {counted}"
    if told["conflicts"]:
        yield f"replies to a text that has another already: {told['conflicts']} (the first stands)"
    yield f"labels: {told['out']}"
    yield f"failures: {told['failures']}"
    yield f"raw replies: {told['store']}"


def comparison_lines(found: Comparison, simulated: Sequence[str]) -> Iterator[str]:
    """How far two teachers agree, in words; `simulated` are those files that are."""
    if simulated:
        yield f"{SIMULATED} for {' and '.join(simulated)}"
    yield f"sentences that both have labelled: {found.sentences}"
    yield f"  only in A: {found.only_first} · only in B: {found.only_second}"
    yield f"  with identical entities: {found.identical:.1f} %"
    yield f"agreement (F1 of one against the other): {found.agreement:.1f}"


def disagreements_table(found: Comparison) -> Table:
    """The most frequent disagreements of two teachers."""
    from rich.table import Table

    title = f"The most frequent of {len(found.disagreements)} kinds of disagreement"
    table = Table(title=title, title_justify="left")
    table.add_column("text", overflow="fold")
    table.add_column("A")
    table.add_column("B")
    table.add_column("times", justify="right")
    for one in found.disagreements[:DISAGREEMENTS]:
        table.add_row(plain(one.text), one.first or "", one.second or "", str(one.count))
    return table


def plain(text: str) -> str:
    """Text of a corpus for a terminal: no markup and no control characters."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _cells(row: Json) -> tuple[str, ...]:
    numbers = (f"{row[name]:.1f}" for name in ("precision", "recall", "f1"))
    return *numbers, str(row.get("gold", ""))

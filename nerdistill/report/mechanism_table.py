"""What students had learnt, forgotten and memorised by the end of training, in one table."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.report.tables import TableData, head, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.report.tables import Json

HOW = """
Losses are means per word of held-out sentences. The loss on distilled labels is told at the end
and, in brackets, where it was lowest: what lies between has been forgotten. Of the training
sentences whose teacher's labels gold refutes, the table tells at how many places a student repeats
the teacher or gives gold, and of the entities that the teacher missed, how many it finds;
original-only students never saw these labels. The cosine is that between the gradients of an
original and a distilled batch, the mean over training: below 0 the two pull apart.
"""
COLUMNS = (
    "regimen",
    "distilled",
    "loss original",
    "loss distilled",
    "repeats errors, %",
    "gives gold, %",
    "finds missed, %",
    "cosine",
)


def mechanism_section(results: Json) -> list[str]:
    """The part of the page, at the largest budget; nothing where no training was observed."""
    mechanism = cast("Json | None", results.get("mechanism"))
    if mechanism is None:
        return []
    rows = cast("list[Json]", mechanism["rows"])
    largest = max(cast("int", row["budget"]) for row in rows)
    shown = tuple(_row(row) for row in rows if row["budget"] == largest)
    title = head(f"At the end of training, with {largest} original sentences", results)
    table = TableData(title, COLUMNS, shown)
    return ["## What students learn and forget", HOW.strip(), markdown_table(table)]


def _row(row: Json) -> tuple[str, ...]:
    memory = cast("dict[str, Json]", row["memory"])
    distilled = _known(row["loss_distilled"])
    lowest = f" ({min(distilled):.3f})" if distilled else ""
    cosines = _known(row["cosine"])
    return (
        str(row["regimen"]),
        str(row["distilled"] or "-"),
        _last(row["loss_original"]),
        _last(row["loss_distilled"]) + lowest,
        _percent(memory, "all", "repeats"),
        _percent(memory, "all", "gold"),
        _percent(memory, "missed", "gold"),
        f"{fmean(cosines):.2f}" if cosines else "-",
    )


def _known(numbers: object) -> list[float]:
    """Those of a list that were measured."""
    given = cast("Sequence[float | None] | None", numbers)
    return [number for number in given or () if number is not None]


def _percent(memory: dict[str, Json], kind: str, said: str) -> str:
    known = _known(memory.get(kind, {}).get(said))
    return f"{100 * known[-1]:.1f}" if known else "-"


def _last(numbers: object) -> str:
    known = _known(numbers)
    return f"{known[-1]:.3f}" if known else "-"

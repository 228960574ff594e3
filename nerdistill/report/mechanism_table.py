"""What students had learnt, forgotten and memorised by the end of training, in one table."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.report.prose import MECHANISM
from nerdistill.report.tables import TableData, head, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.report.tables import Json

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
    """The part of the Markdown page; nothing where no training was observed."""
    if results.get("mechanism") is None:
        return []
    table = markdown_table(mechanism_table(results))
    return ["## What students learn and forget", MECHANISM, table]


def mechanism_table(results: Json) -> TableData:
    """The regimens of the largest budget."""
    rows = cast("list[Json]", cast("Json", results["mechanism"])["rows"])
    largest = max(cast("int", row["budget"]) for row in rows)
    shown = tuple(_row(row) for row in rows if row["budget"] == largest)
    title = head(f"At the end of training, with {largest} original sentences", results)
    return TableData(title, COLUMNS, shown)


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

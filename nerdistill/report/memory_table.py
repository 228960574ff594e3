"""The table of what students memorise of their teacher's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.tables import TableData, head

if TYPE_CHECKING:
    from nerdistill.report.tables import Json

FATES = ("repeats", "gold", "other")
"""What a student may do where its teacher was wrong."""


def memory_table(results: Json) -> TableData:
    """At the last step: of the teacher's errors of each kind, which shares met which fate."""
    found = cast("Json", results["mechanism"])
    rows = []
    for row in cast("list[Json]", found["rows"]):
        memory = cast("dict[str, Json]", row["memory"])
        for kind, fates in memory.items():
            shares = [_last(cast("list[float | None]", fates[fate])) for fate in FATES]
            rows.append(
                (
                    str(row["regimen"]),
                    str(row["distilled"] or "-"),
                    f"{row['budget']:,}",
                    kind.replace("_", " "),
                    f"{fates['places']:,}",
                    *map(_per_cent, shares),
                )
            )
    columns = ("regimen", "distilled", "budget", "the teacher's error", "places")
    told = ("repeated, %", "gold, %", "other, %")
    title = head("The teacher's errors at the end of training", results)
    return TableData(title, columns + told, tuple(rows))


def _last(values: list[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _per_cent(share: float | None) -> str:
    # Adding zero takes the sign of a zero.
    return "-" if share is None else f"{round(100 * share) + 0:.0f}"

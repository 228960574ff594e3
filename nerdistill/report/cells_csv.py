"""Every number of every cell of a study as CSV, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.report.tables import Json

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""
SCORES = ("precision", "recall", "f1", "gold")


def cells_csv(results: Json) -> str:
    """One row a cell. Columns that a cell has no number for are empty."""
    rows = [dict(_row(cell, results)) for cell in cast("list[Json]", results["cells"])]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([_safe(name) for name in columns])
    writer.writerows([[_safe(row.get(name)) for name in columns] for row in rows])
    return stream.getvalue()


def _safe(value: object) -> object:
    """Text that no spreadsheet runs. Numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _row(cell: Json, results: Json) -> Iterator[tuple[str, object]]:
    yield "regimen", cell["regimen"]
    yield "phases", "+".join(map(str, cast("list[int]", cell["phases"])))
    for name in ("distilled", "teacher", "budget", "subset_seed", "seed", "schedule", "steps"):
        yield name, cell[name]
    yield "batch_size", results["batch_size"]
    yield "learning_rate", cell.get("learning_rate", results["learning_rate"])
    for part, head in (("examples", "shown"), ("human_labels", "human_labels")):
        for name, count in cast("Json", cell[part]).items():
            yield f"{head}_{name}", count
    yield "seconds", cell["seconds"]
    scored = {name: cell[name] for name in ("validation", "test") if cell[name]}
    scored |= {
        f"also {name}": score for name, score in cast("Json", cell.get("also") or {}).items()
    }
    for name, score in scored.items():
        yield from _scores(name, cast("Json", score))


def _scores(part: str, score: Json) -> Iterator[tuple[str, object]]:
    for name in SCORES:
        yield f"{part}_{name}", score.get(name)
    for label, row in cast("dict[str, Json]", score.get("by_type") or {}).items():
        for name in SCORES:
            yield f"{part}_{label}_{name}", row.get(name)

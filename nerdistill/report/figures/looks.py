"""One look for each regimen in all figures of a report that draw a line a regimen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.chart.style import styles

if TYPE_CHECKING:
    from nerdistill.report.chart.style import Style
    from nerdistill.report.tables import Json


def looks(results: Json) -> dict[str, Style]:
    """The styles of the regimens of labels saved and teacher quality."""
    lists = (("labels_saved", "regimens"), ("teachers", "rows"))
    found = ((cast("Json", results.get(key) or {}), rows) for key, rows in lists)
    rows = [row for part, name in found for row in cast("list[Json]", part.get(name, []))]
    return styles(str(row["regimen"]) for row in rows)

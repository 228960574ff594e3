"""The tables of how students err on test, at the largest budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.tables import TableData, groups, head, main_budget, spread

if TYPE_CHECKING:
    from nerdistill.report.tables import Json

KINDS = {
    "correct": "right",
    "type": "type",
    "boundary": "boundary",
    "boundary_and_type": "both",
    "missed": "missed",
    "spurious": "spurious",
}
"""Kinds of results, and the columns that show them."""
SEEN = {"original": "in original", "distilled": "in distilled", "unseen": "unseen"}
"""Where training showed an entity, and the columns that tell of those."""


def error_tables(results: Json) -> list[TableData]:
    """Kinds of errors, recall of seen and unseen entities, and scores by further gold labels."""
    errors = cast("Json | None", results.get("errors"))
    largest = main_budget(results)
    known = cast("list[Json]", errors["rows"]) if errors else []
    rows = [row for row in known if row["budget"] == largest]
    tables = [_kinds_table(rows, results), _seen_table(rows, results)] if rows else []
    also = _also_table(results)
    return [*tables, also] if also else tables


def _kinds_table(rows: list[Json], results: Json) -> TableData:
    shown = []
    for row in rows:
        kinds = cast("dict[str, float]", row["kinds"])
        shown.append((*_named(row), *(f"{kinds[kind]:,.0f}" for kind in KINDS)))
    title = f"Entities of test by what became of them · budget {rows[0]['budget']}"
    columns = ("regimen", "distilled", *KINDS.values())
    return TableData(head(title, results), columns, tuple(shown))


def _seen_table(rows: list[Json], results: Json) -> TableData:
    shown = []
    for row in rows:
        by_seen = cast("dict[str, dict[str, float]]", row["by_seen"])
        shown.append((*_named(row), *(_recall(by_seen[seen]) for seen in SEEN)))
    title = f"Recall by where training showed the entity · budget {rows[0]['budget']}"
    columns = ("regimen", "distilled", *SEEN.values())
    return TableData(head(title, results), columns, tuple(shown))


def _named(row: Json) -> tuple[str, str]:
    return str(row["regimen"]), str(row["distilled"] or "-")


def _recall(counts: dict[str, float]) -> str:
    """Recall in per cent, and of how many."""
    gold = counts["gold"]
    return f"{100 * counts['correct'] / gold:.1f} of {gold:,.0f}" if gold else "-"


def _also_table(results: Json) -> TableData | None:
    """Test F1 by test's own gold labels and by each other that scored all cells."""
    found = groups(results)
    largest = main_budget(results)
    found = [group for group in found if group.budget == largest]
    known = [cast("Json", cell.get("also") or {}) for group in found for cell in group.cells]
    names = [name for name in (known[0] if known else {}) if all(name in one for one in known)]
    if not names:
        return None
    rows = []
    for group in found:
        also = [cast("dict[str, dict[str, float]]", cell["also"]) for cell in group.cells]
        by_name = (spread([scores[name]["f1"] for scores in also]) for name in names)
        rows.append(
            (group.regimen, group.distilled or "-", spread(group.numbers("test", "f1")), *by_name)
        )
    title = f"Test F1 of the same predictions by other gold labels · budget {largest}"
    columns = ("regimen", "distilled", "test", *names)
    return TableData(head(title, results), columns, tuple(rows))

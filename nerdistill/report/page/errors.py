"""The students' errors on the page: counted, and one by one in their sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report import prose
from nerdistill.report.answers import side
from nerdistill.report.error_tables import KINDS, error_tables
from nerdistill.report.page.teacher import matrix
from nerdistill.report.page.values import Browser, Fold, Prose, Section, Table
from nerdistill.report.tables import TableData, head, main_budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.report.page.teacher import Confusion
    from nerdistill.report.page.values import Part
    from nerdistill.report.tables import Json

SEEN = {
    "original": "in human labels",
    "distilled": "only in LLM labels",
    "unseen": "never",
}
"""Where a name was met in training."""
PAGE = 50
"""Examples that are shown at a time."""


def analysis(results: Json) -> Section:
    """How often which error comes, by regimen, type, and whether the name was seen."""
    rows = cast("list[Json]", cast("Json", results["errors"])["rows"])
    lead = (
        "What the trained models get wrong on test: an entity missed, one found where there is "
        "none (spurious), the wrong type, or the wrong edges (boundary). Counts are means over "
        "trainings; fewer is better."
    )
    largest = main_budget(results)
    parts: list[Part] = [Table(data) for data in error_tables(results)]
    details = tuple(_details(results, row) for row in rows if row["budget"] == largest)
    parts.append(Fold("By type, and which type became which", details))
    parts.append(Prose((prose.ERRORS,), "note"))
    return Section("errors", "Errors on test", lead, tuple(parts))


def browser(examples: Sequence[Json], regimen: str | None) -> Section:
    """Single errors in their sentences.

    Args:
        examples: the rows of `errors.jsonl`.
        regimen: whose errors are shown first.
    """
    lead = (
        "Single errors in their sentences: above what people labelled, below what the model found. "
        "Choose a regimen, a type or a kind of error, or search the text."
    )
    first = [row for row in examples if row["regimen"] == regimen] or list(examples)
    note = (
        "A few examples of each kind and type, not all errors; the counts are in the tables above. "
        "All that are here stand in errors.jsonl beside this page, too."
    )
    parts = (Browser(tuple(first[:PAGE]), len(examples)), Prose((note,), "note"))
    return Section("browser", "Error browser", lead, parts)


def _details(results: Json, row: Json) -> Fold:
    types = cast("dict[str, dict[str, float]]", row["by_type"])
    rows = tuple(
        (name, *(f"{found.get(kind, 0):,.0f}" for kind in KINDS)) for name, found in types.items()
    )
    title = head("Entities of test by type", results)
    confusion = matrix(head("Confusion", results), cast("Confusion", row["confusion"]))
    parts = (Table(TableData(title, ("type", *KINDS.values()), rows)), confusion)
    return Fold(side(row), parts)

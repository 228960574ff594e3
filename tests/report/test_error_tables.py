"""Tables of how students err."""

from __future__ import annotations

from nerdistill.metrics.errors import KINDS
from nerdistill.report.error_tables import error_tables
from nerdistill.report.markdown import report
from tests.report.test_report import Json, cell, results


def row(budget: int, count: float, distilled: str | None = "we|b") -> Json:
    """A row of `errors` where every count is the same."""
    counts = dict.fromkeys(KINDS, count)
    seen = {
        "original": {"gold": 2 * count} | counts,
        "distilled": dict.fromkeys(["gold", *KINDS], 0.0),
        "unseen": {"gold": 4 * count} | counts,
    }
    return {
        "regimen": "mixed",
        "distilled": distilled,
        "budget": budget,
        "trainings": 2,
        "kinds": counts,
        "by_type": {"PER": counts},
        "by_seen": seen,
        "confusion": {},
    }


def scored(*f1: float) -> Json:
    """A cell that other gold labels scored as well."""
    also = {f"gold-{i}": {"f1": value} for i, value in enumerate(f1)}
    return {**cell("mixed", 60.0, 70.0), "also": also}


def test_rows_are_those_of_the_largest_budget() -> None:
    """Counts are rounded, recall says of how many, and what is not there is a dash."""
    told = {**results(cell("mixed", 60, 70)), "errors": {"rows": [row(9, 1), row(100, 1000.4)]}}
    kinds, seen = error_tables(told)
    assert kinds.rows == (("mixed", "we|b", *["1,000"] * 6),)
    assert seen.rows == (("mixed", "we|b", "50.0 of 2,001", "-", "25.0 of 4,002"),)
    assert all("budget 100" in table.title for table in (kinds, seen))
    page = report(told)
    assert "## Errors" in page
    assert "| mixed | we\\|b | 50.0 of 2,001 | - | 25.0 of 4,002 |" in page


def test_other_gold_has_a_column_where_it_scored_all() -> None:
    """Mean and deviation over seeds; a corpus that some cells lack has no column."""
    (table,) = error_tables(results(scored(71.0, 50.0), scored(73.0)))
    assert table.columns == ("regimen", "distilled", "test", "gold-0")
    assert table.rows == (("mixed", "web", "70.0 ±0.0", "72.0 ±1.4"),)
    assert "| regimen | distilled | test | gold-0 |" in report(results(scored(71.0)))


def test_results_without_errors_have_no_section() -> None:
    """Such as those of an older version, or of a study that has just begun."""
    assert error_tables(results(cell("mixed", 60, 70))) == []
    assert error_tables({**results(), "errors": None}) == []
    assert "## Errors" not in report(results(cell("mixed", 60, 70)))

"""Other uses of distilled labels, in words and in tables: candidates, and what to have labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.answers import difference, side, sides
from nerdistill.report.tables import TableData, head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.report.tables import Json


def methods_table(results: Json) -> TableData:
    """Candidates beside Simple Mix on validation; the chosen ones meet test."""
    methods = cast("Json", results["methods"])
    told, rows = cast("list[Json]", methods["rows"]), []
    several = len({row["distilled"] for row in told}) > 1
    for row in told:
        spread = cast("float | None", row["standard_deviation"])
        off = "" if spread is None else f" ±{spread:.1f}"
        rows.append(
            (
                f"{side(row) if several else row['regimen']}{' (chosen)' if row['chosen'] else ''}",
                f"{row['budget']:,}",
                str(row["trainings"]),
                f"{row['asked']:,}",
                str(row["students"]),
                f"{row['seconds']:,.0f}",
                f"{row['validation_f1']:.1f}{off}",
            )
        )
    columns = ("regimen", "budget", "trainings", "asked", "students", "s", "valid. F1")
    return TableData(
        head("Other uses of distilled labels, on validation", results), columns, tuple(rows)
    )


def method_lines(results: Json) -> Sequence[str]:
    """What the chosen candidates gain over Simple Mix on test."""
    lines = []
    for row in cast("list[Json]", cast("Json", results["methods"])["comparisons"]):
        a, b = sides(row)
        shown, p, answer = difference(row)
        lines.append(f"Budget {row['budget']:,}: {a} less {b}: {shown} points, p {p}: {answer}.")
    return lines


def selection_table(results: Json) -> TableData:
    """Simple Mix on a part of the teacher's labels, and what that part costs."""
    rows = []
    counted = any(row["tokens"] for row in _selections(results))
    for row in _selections(results):
        words, of_words = cast("int", row["words"]), cast("int", row["of_words"])
        gain = cast("float | None", row["gain"])
        spread = cast("float | None", row["standard_deviation"])
        off = "" if spread is None else f" ±{spread:.1f}"
        rows.append(
            (
                str(row["regimen"]),
                str(row["distilled"]),
                f"{row['budget']:,}",
                f"{words:,} ({'all' if words == of_words else f'{words / of_words:.0%}'})",
                f"{row['sentences']:,}",
                *([_thousands(row["tokens"])] if counted else []),
                f"{row['validation_f1']:.1f}",
                "-" if gain is None else f"{gain:+.1f}{off}",
                _thousands(row["tokens_per_point" if counted else "words_per_point"]),
            )
        )
    costs = ("words", "sentences", *(["tokens"] if counted else []))
    price = f"{'tokens' if counted else 'words'} a point"
    columns = ("regimen", "distilled", "budget", *costs, "valid. F1", "gain", price)
    title = head("What to have labelled, at equal cost", results)
    return TableData(title, columns, tuple(rows))


def _selections(results: Json) -> Sequence[Json]:
    return cast("list[Json]", cast("Json", results["selection"])["rows"])


def _thousands(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else "-"

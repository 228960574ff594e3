"""The teacher's audit on the page: its scores, its errors, and what became of its mentions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.page.values import Beside, Fold, Head, Matrix, Prose, Section, Table
from nerdistill.report.tables import TableData, head, tables

if TYPE_CHECKING:
    from nerdistill.report.page.values import Part
    from nerdistill.report.tables import Json

NOTHING = "O"


def audit(results: Json) -> Section:
    """Each corpus that the teacher labelled."""
    lead = (
        "How well the LLM labelled, measured against people's labels where there are any. F1 of "
        "100 would be a teacher that labels as people did; “placed” counts the mentions that were "
        "found in the text."
    )
    rows = cast("list[Json]", results["teacher"])
    parts: list[Part] = [Table(tables(results)[0])]
    for row in rows:
        name, found = f"{row['model']} on {row['corpus']}", _corpus(results, row)
        own = row["model"] == rows[0]["model"]
        parts += [Head(name), *found] if own else [Fold(name, tuple(found))]
    return Section("teacher", "The teacher's audit", lead, tuple(parts))


def _corpus(results: Json, row: Json) -> list[Part]:
    parts: list[Part] = []
    if row.get("intervals"):
        parts.append(Table(_scores(results, row)))
    else:
        parts.append(Prose(("This corpus has no labels by people, so nothing is scored.",), "note"))
    counted = [Table(_outcomes(results, row))]
    if row.get("errors"):
        counted.append(Table(_kinds(results, row)))
    parts.append(Beside(tuple(counted)))
    if row.get("confusion"):
        parts.append(matrix(head("Confusion", results), cast("Confusion", row["confusion"])))
    if row.get("disagreements"):
        examples = Table(_disagreements(results, row))
        parts.append(Fold("Texts on which teacher and people differ most often", (examples,)))
    return parts


Confusion = dict[str, dict[str, float]]


def matrix(title: str, counts: Confusion) -> Matrix:
    """A confusion as a square of counts; `O`, no entity, comes last."""
    found = {*counts, *(name for row in counts.values() for name in row)}
    names = (*sorted(found - {NOTHING}), *sorted(found & {NOTHING}))
    rows = (tuple(counts.get(was, {}).get(became, 0) for became in names) for was in names)
    return Matrix(title, names, tuple(rows))


def _scores(results: Json, row: Json) -> TableData:
    intervals = cast("Json", row["intervals"])
    types = cast("dict[str, Json]", intervals["by_type"])
    columns = ("type", "precision", "recall", "F1")
    rows = [
        (name, *(_interval(found[score]) for score in ("precision", "recall", "f1")))
        for name, found in [("all", cast("Json", intervals["overall"])), *types.items()]
    ]
    return TableData(head("Scores with 95 % intervals", results), columns, tuple(rows))


def _interval(found: object) -> str:
    score = cast("dict[str, float | None]", found)
    if score["value"] is None:
        return "-"
    if score["low"] is None or score["high"] is None:
        return f"{score['value']:.1f}"
    return f"{score['value']:.1f} [{score['low']:.1f} to {score['high']:.1f}]"


def _outcomes(results: Json, row: Json) -> TableData:
    outcomes = cast("dict[str, int]", row["outcomes"])
    total = max(1, sum(outcomes.values()))
    rows = [
        (name.replace("_", " "), f"{count:,}", f"{100 * count / total:.1f}")
        for name, count in outcomes.items()
        if count
    ]
    failed, sentences = cast("int", row["failed"]), cast("int", row["sentences"])
    share = 100 * failed / max(1, sentences)
    rows.append(("sentences without a usable reply", f"{failed:,}", f"{share:.1f}"))
    title = head("What became of its mentions", results)
    return TableData(title, ("outcome", "count", "per cent"), tuple(rows))


def _kinds(results: Json, row: Json) -> TableData:
    errors = cast("dict[str, int]", row["errors"])
    total = max(1, sum(errors.values()))
    rows = tuple(
        (kind.replace("_", " "), f"{count:,}", f"{100 * count / total:.1f}")
        for kind, count in errors.items()
    )
    return TableData(head("Its errors", results), ("kind", "entities", "per cent"), rows)


def _disagreements(results: Json, row: Json) -> TableData:
    rows = tuple(
        (
            str(found["text"]),
            str(found["gold"]),
            str(found["teacher"]),
            str(found["kind"]).replace("_", " "),
            f"{found['count']:,}",
        )
        for found in cast("list[Json]", row["disagreements"])
    )
    columns = ("text", "people", "teacher", "kind", "times")
    return TableData(head("Disagreements", results), columns, rows)

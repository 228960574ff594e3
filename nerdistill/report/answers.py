"""What a study answers beyond its tables, in words and in tables: labels saved, order, teachers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.tables import Json, TableData, head
from nerdistill.study.evidence import ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence


def saved_sentence(results: Json) -> str | None:
    """The headline: how many human labels the regimen that validation chose has saved."""
    saved = cast("Json | None", results.get("labels_saved"))
    row = cast("Json | None", saved and saved["headline"])
    if saved is None or row is None:
        return None
    if row["distilled"] is None:
        return (
            f"With {row['human_labels']:,} human-labelled sentences validation chooses "
            f"{row['regimen']}, which needs no LLM labels (test F1 {row['mean']:.1f}): "
            "no human labels were saved."
        )
    trained = cast("int", row.get("trained_on", row["human_labels"]))
    use = "" if trained else ", none of them to train on"
    return (
        f"From a budget of {row['budget']:,} human-labelled sentences validation chooses "
        f"{row['regimen']}: with the LLM's labels and {row['human_labels']:,} human ones{use}, its "
        f"test F1 of {row['mean']:.1f} is worth {bound(cast('Json', row['needed']))} "
        f"human-labelled sentences alone: {_verdict(row)}.{_oracle(saved, results)}"
    )


def is_saving(row: Json) -> bool:
    """Whether the interval of the labels saved leaves no room for none."""
    low = cast("Json", row["saved"])["low"]
    return isinstance(low, (int, float)) and low > 0


def _verdict(row: Json) -> str:
    found, needed = cast("Json", row["saved"]), cast("Json", row["needed"])
    if found["low"] is None:
        return "one draw, which shows no saving"
    if needed["at_most"] or not is_saving(row):
        return "no saving shown"
    if found["value"] is None:
        return f"more than {found['more_than']:,.0f} human labels saved"
    return f"{found['value']:,.0f} human labels saved"


def _oracle(saved: Json, results: Json) -> str:
    """Say where labels were used that no budget counts."""
    if saved["validation"] != "full":
        return ""
    labels = cast("list[Json]", results["original"])[0]["human_labels"]
    count = cast("dict[str, int]", labels)["validation"]
    return f" (Oracle selection: {count:,} validation labels chose and are not counted.)"


def bound(told: Json) -> str:
    """A number of labels with its interval, or beyond which it lies."""
    if told["value"] is None:
        low = f" (from {told['low']:,.0f})" if told["low"] is not None else ""
        return f"more than {told['more_than']:,.0f}{low}"
    value = f"at most {told['value']:,.0f}" if told["at_most"] else f"{told['value']:,.0f}"
    if told["low"] is None:
        return value
    high = "more than all" if told["high"] is None else f"{told['high']:,.0f}"
    return f"{value} ({told['low']:,.0f} to {high})"


def saved_table(results: Json) -> TableData:
    """The human labels that each regimen is worth, by budget."""
    saved = cast("Json", results["labels_saved"])
    columns = ("regimen", "distilled", "budget", "paid", "test F1", "worth alone", "saved")
    rows = tuple(
        (
            str(row["regimen"]),
            str(row["distilled"] or "-"),
            f"{row['budget']:,}",
            f"{row['human_labels']:,}",
            f"{row['mean']:.1f}",
            bound(cast("Json", row["needed"])),
            bound(cast("Json", row["saved"])),
        )
        for row in cast("list[Json]", saved["regimens"])
    )
    return TableData(
        head("Human-labelled sentences that each regimen is worth", results), columns, rows
    )


def reference_table(results: Json) -> TableData:
    """Original data alone at each budget, with the settings that validation chose for it."""
    saved = cast("Json", results["labels_saved"])
    rows = tuple(
        (
            f"{row['budget']:,}",
            str(cast("Json", row["chosen"])["steps"]),
            f"{cast('Json', row['chosen'])['learning_rate']:g}",
            f"{row['mean']:.1f}",
        )
        for row in cast("list[Json]", saved["original"])
    )
    title = f"Original data alone ({saved['reference']})"
    return TableData(head(title, results), ("budget", "steps", "rate", "test F1"), rows)


def order_table(results: Json) -> TableData:
    """Each question about the order, and what two regimens answer."""
    order = cast("Json", results["order"])
    rows = tuple(
        (
            str(row["question"]),
            f"{row['budget']:,}",
            " - ".join(sides(row)),
            *difference(row),
        )
        for row in cast("list[Json]", order["comparisons"])
    )
    columns = ("question", "budget", "difference of", "points", "p (Holm)", "answer")
    return TableData(head("What the order does, in points of test F1", results), columns, rows)


def difference(row: Json) -> tuple[str, str, str]:
    """Points with their interval, the corrected p, and what that says."""
    told = cast("dict[str, float]", row["difference"])
    p = cast("float | None", row["p_holm"])
    answer = verdict(row) or "no difference shown"
    return points(told), "-" if p is None else f"{p:.3f}", answer


def verdict(row: Json, name: str = "difference") -> str:
    """`better`, `worse`, or empty where the corrected test shows no difference."""
    p = cast("float | None", row.get("p_holm"))
    if p is None or p >= ALPHA:
        return ""
    return "better" if cast("dict[str, float]", row[name])["value"] > 0 else "worse"


def points(told: dict[str, float]) -> str:
    """A difference with its interval."""
    return f"{told['value']:+.1f} [{told['low']:+.1f}, {told['high']:+.1f}]"


def sides(row: Json) -> tuple[str, str]:
    """Both regimens of a comparison; a pool that they share stands once, behind the second."""
    a, b = (cast("Json", row[name]) for name in ("a", "b"))
    shared = a["distilled"] == b["distilled"]
    return str(a["regimen"]) if shared else side(a), side(b)


def side(named: Json) -> str:
    """A regimen, with its pool where it has one."""
    pool = f" ({named['distilled']})" if named["distilled"] else ""
    return f"{named['regimen']}{pool}"


def teachers_table(results: Json) -> TableData:
    """What each teacher's labels gain over original data alone."""
    teachers = cast("Json", results["teachers"])
    rows: list[tuple[str, ...]] = []
    for row in sorted(cast("list[Json]", teachers["rows"]), key=_place):
        p = cast("float | None", row.get("p_holm"))
        rows.append(
            (
                str(row["teacher"]),
                f"{row['teacher_f1']:.1f}",
                f"{row['budget']:,}",
                str(row["regimen"]),
                points(cast("dict[str, float]", row["gain"])),
                "-" if p is None else f"{p:.3f}",
            )
        )
    columns = ("teacher", "its F1", "budget", "regimen", "gain over original", "p (Holm)")
    return TableData(head("Teacher quality: gain in test F1", results), columns, tuple(rows))


def _place(row: Json) -> tuple[int, str, float]:
    return cast("int", row["budget"]), str(row["regimen"]), cast("float", row["teacher_f1"])


def break_even_lines(results: Json) -> Sequence[str]:
    """From which teacher F1 on the mean gain is above 0, and for which teachers one is shown."""
    lines = []
    teachers = cast("Json", results["teachers"])
    for row in cast("list[Json]", teachers["break_even"]):
        if row["teacher_f1"] is not None:
            at = f"{row['teacher_f1']:.0f} on ({_between(row)})"
            told = f"the mean gain is above 0 from a teacher F1 of about {at}"
        elif row["at_most"] is not None:
            told = f"the mean gain is above 0 with every teacher, from F1 {row['at_most']:.0f} on"
        else:
            told = f"the mean gain is above 0 with no teacher, up to F1 {row['more_than']:.0f}"
        shown = [
            f"{one['teacher']} ({one['teacher_f1']:.0f})"
            for one in sorted(cast("list[Json]", teachers["rows"]), key=_place)
            if (one["budget"], one["regimen"]) == (row["budget"], row["regimen"])
            and verdict(one, "gain") == "better"
        ]
        named = f"shown for {', '.join(shown)}" if shown else "shown for none"
        lines.append(f"Budget {row['budget']:,}, {row['regimen']}: {told}; {named}.")
    return lines


def _between(row: Json) -> str:
    """The interval of a break-even; an end is open where no teacher bounds it."""
    interval = cast("dict[str, float | None]", row["interval"])
    low, high = interval["low"], interval["high"]
    if low is None:
        return "not bounded by these teachers" if high is None else f"up to {high:.0f}"
    return f"{low:.0f} or more" if high is None else f"{low:.0f} to {high:.0f}"

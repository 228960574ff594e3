"""Why the answer is what it is: the order, the teacher's quality, and what training did."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from nerdistill.report import answers, prose, uses
from nerdistill.report.figures import mechanism as panels
from nerdistill.report.figures import teachers as gains
from nerdistill.report.figures.forest import difference
from nerdistill.report.figures.forest import draw as draw_forest
from nerdistill.report.mechanism_table import mechanism_table
from nerdistill.report.memory_table import memory_table
from nerdistill.report.page.values import Bullets, Fold, Prose, Section, Table, figure, series
from nerdistill.report.tables import head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.report.page.values import Figure, Part
    from nerdistill.report.tables import Json


def order(results: Json) -> Section:
    """Is it the order, or more steps, or a second warm-up?"""
    rows = cast("list[Json]", cast("Json", results["order"])["comparisons"])
    lead = (
        "Pairs of regimens, chosen so that “distilled first” is told apart from “more steps” and "
        "from “a second warm-up”: the question says what they differ in. Right of zero, the first "
        "of the two is "
        "better; a hollow point means that no difference has been shown."
    )
    forest = _forest(rows, head("What the order does", results))
    parts = (forest, Table(answers.order_table(results)), Prose((prose.ORDER,), "note"))
    return Section("order", "What the order does", lead, parts)


def methods(results: Json) -> Section:
    """Other uses of distilled labels beside Simple Mix."""
    rows = cast("list[Json]", cast("Json", results["methods"])["comparisons"])
    lead = (
        "Other ways to use the LLM's labels, beside Simple Mix. All were compared on validation; "
        "only the chosen one was scored on test, so that it can't win by luck of the draw."
    )
    parts: list[Part] = [Table(uses.methods_table(results))]
    if rows:
        title = head("The chosen methods against Simple Mix", results)
        lines = tuple((line,) for line in uses.method_lines(results))
        parts += [_forest(rows, title), Bullets(lines)]
    parts.append(Prose((prose.METHODS,), "note"))
    return Section("methods", "Other uses of distilled labels", lead, tuple(parts))


def selection(results: Json) -> Section:
    """Which sentences to have labelled, where not all can be."""
    lead = (
        "If the LLM can only label a part of the text, which part? All ways in this table but "
        "the whole pool cost equally many words; the less a point of F1 costs, the better."
    )
    parts = (Table(uses.selection_table(results)), Prose((prose.SELECTION,), "note"))
    return Section("selection", "What to have labelled", lead, parts)


def _forest(rows: Sequence[Json], title: str) -> Figure:
    """Pairs of regimens, the first less the second."""
    several = len({row["budget"] for row in rows}) > 1

    def name(row: Json) -> str:
        first, second = answers.sides(row)
        return f"{first} against {second}" + (f" @{row['budget']}" if several else "")

    differences = [
        difference(
            name(row), cast("dict[str, float]", row["difference"]), sure=bool(answers.verdict(row))
        )
        for row in rows
    ]
    x_name = "first less second, points of test F1"
    return figure(lambda width: draw_forest(differences, width, title=title, x_name=x_name))


def teachers(results: Json) -> Section:
    """How good a teacher has to be."""
    lead = (
        "What distilled labels add to human ones, for teachers of different quality. Above the "
        "line of zero they help; a short thick bar on that line marks where the help begins."
    )
    lines = tuple((line,) for line in answers.break_even_lines(results))
    parts = (
        figure(
            lambda width: gains.draw(results, width),
            "Points of test F1 over original data alone, with intervals; a panel a budget.",
        ),
        Bullets(lines),
        Fold("Each gain, in numbers", (Table(answers.teachers_table(results)),)),
        Prose((prose.TEACHERS,), "note"),
    )
    return Section("teachers", "How good the teacher has to be", lead, parts)


def mechanism(results: Json) -> Section:
    """What is learnt and forgotten, and when."""
    rows = cast("list[Json]", cast("Json", results["mechanism"])["rows"])
    lead = (
        "What the model learnt and forgot during training. First: the loss on unseen text, with "
        "human and with LLM labels (lower is better). Second: where the teacher was wrong, does "
        "the model repeat the error or give the right answer? Third: do human and LLM labels pull "
        "the model in the same direction (above zero) or against each other (below)?"
    )
    budgets = sorted({cast("int", row["budget"]) for row in rows}, reverse=True)
    parts: list[Part] = []
    for budget in budgets:
        here = [row for row in rows if row["budget"] == budget]
        shown = series(
            partial(panels.draw, results, here),
            "Over optimizer steps, with the same vertical scales in all rows.",
        )
        told = f"The same with {budget:,} original sentences"
        parts.append(shown if budget == budgets[0] else Fold(told, (shown,)))
    parts.append(Table(mechanism_table(results)))
    at_end = memory_table(results)
    if at_end.rows:
        parts.append(Fold("By kind of the teacher's error, in numbers", (Table(at_end),)))
    parts.append(Prose((prose.MECHANISM,), "note"))
    return Section("mechanism", "Mechanism", lead, tuple(parts))

"""The study's answer on the page: the phases, the figures of F1, and labels saved."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from nerdistill.report import prose, words
from nerdistill.report.answers import (
    bound,
    is_saving,
    reference_table,
    saved_sentence,
    saved_table,
    side,
    verdict,
)
from nerdistill.report.figures import curves, f1, saved
from nerdistill.report.figures.forest import difference
from nerdistill.report.figures.forest import draw as draw_forest
from nerdistill.report.page.values import Bullets, Fold, Prose, Section, Table, figure
from nerdistill.report.tables import CAPTION, evidence_table, groups, head, tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

    from nerdistill.report.page.values import Part
    from nerdistill.report.tables import Json


def tiles(results: Json) -> list[tuple[str, str, str]]:
    """The numbers to remember: what each is, the number, and what belongs to it."""
    winner = cast("Json | None", results["winner"])
    if winner is None:
        return []
    told = [
        ("Best on validation", str(winner["regimen"]), str(winner["distilled"] or "")),
        ("Its test F1", f"{winner['test_f1']:.1f}", words.trained(winner)),
        ("Its original sentences", f"{winner['budget']:,}", "labelled by people"),
    ]
    found = cast("Json | None", results.get("labels_saved"))
    chosen = cast("Json | None", found["headline"]) if found else None
    if chosen and chosen["distilled"] and is_saving(chosen):
        number, _, interval = bound(cast("Json", chosen["saved"])).partition(" (")
        paid = f"from a budget of {chosen['budget']:,}"
        about = ", ".join(filter(None, (interval.removesuffix(")"), paid)))
        told.insert(0, ("Human labels saved", number, about))
    return told


def phases(results: Json) -> Section:
    """A table a phase."""
    parts = [Table(data) for data in tables(results)[1 if results["teacher"] else 0 :]]
    lead = (
        "Each row is one way to train the same small model, a mean over its trainings. Higher F1 "
        "is better; the marked row was chosen on validation data, never on test."
    )
    return Section("phases", "Results by phase", lead, (*parts, Prose((f"{CAPTION}.",), "note")))


def plots(results: Json) -> Section:
    """F1 and the curves."""
    lead = (
        "The first figure shows what each regimen scored: further right is better, and regimens "
        "whose points overlap are not clearly different. The second shows when each regimen "
        "shows the model LLM-labelled (distilled) and human-labelled (original) sentences."
    )
    budgets = sorted({group.budget for group in groups(results)}, reverse=True)
    parts: list[Part] = [
        _of_budget(partial(f1.draw, results, budget=budget), budget, largest=budgets[0])
        for budget in budgets
    ]
    caption = "From the start of training (left) to its end (right)."
    parts.append(figure(lambda width: curves.draw(results, width), caption))
    return Section("figures", "Scores and blending curves", lead, tuple(parts))


def _of_budget(draw: Callable[[float], Element], budget: int, *, largest: int) -> Part:
    """F1 at one budget; all but the largest are shown when asked for."""
    shown = figure(draw, "A point a training, a bar at the mean.")
    return shown if budget == largest else Fold(f"The same with budget {budget:,}", (shown,))


def labels_saved(results: Json) -> Section:
    """How many human labels each regimen is worth."""
    lead = (
        "How many sentences people would have to label for the same F1 without the LLM. Follow the "
        "dotted line from the chosen regimen to the right: where it meets the dashed line of "
        "original data alone, read the number of labels below; if it never does, the whole pool is "
        "not enough."
    )
    table = saved_table(results)
    found = cast("Json", results["labels_saved"])
    chosen = found["headline"]
    rows = cast("list[Json]", found["regimens"])
    best = (rows.index(cast("Json", chosen)),) if chosen in rows else ()
    parts: list[Part] = [
        Prose((saved_sentence(results) or "",)),
        figure(
            lambda width: saved.draw(results, width),
            "Points are means over draws of the original sample, bars reach from the lowest to "
            "the highest draw.",
        ),
        Table(replace(table, best=best)),
        Fold("Original data alone, in numbers", (Table(reference_table(results)),)),
        Prose((prose.SAVED,), "note"),
    ]
    return Section(
        "labels-saved", "Labels saved", lead, tuple(part for part in parts if part != Prose(("",)))
    )


def sureness(results: Json) -> Section:
    """Intervals, and the best against the others."""
    evidence = cast("Json", results["evidence"])
    rows = words.comparisons(results)
    lead = (
        "Whether a difference would come again with other seeds and other texts. Where an interval "
        "holds zero, or the point is hollow, no difference has been shown."
    )
    several = len({row["budget"] for row in rows}) > 1
    differences = [
        difference(
            f"against {side(cast('Json', row['other']))}"
            + (f" @{row['budget']}" if several else ""),
            cast("dict[str, float]", row["difference"]),
            sure=bool(verdict(row)),
        )
        for row in rows
    ]
    parts: list[Part] = [Table(evidence_table(results))]
    if differences:
        title = head("The best on validation against the others", results)
        name = "difference in test F1, points"
        parts.append(
            figure(lambda width: draw_forest(differences, width, title=title, x_name=name))
        )
    if rows:
        parts.append(Bullets(tuple(words.judged(row) for row in rows)))
    parts.append(Prose((words.how_sure(evidence),), "note"))
    return Section("how-sure", "How sure that is", lead, tuple(parts))

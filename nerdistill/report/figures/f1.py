"""F1 by regimen: a point a training, a bar at the mean, test above validation."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from nerdistill.report.chart.plot import Axes, legend, mark
from nerdistill.report.chart.scale import Scale, around
from nerdistill.report.chart.style import Style
from nerdistill.report.chart.svg import drawing, element, heading, measure, shorten, words
from nerdistill.report.tables import best_groups, groups, head, spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from nerdistill.report.tables import Group, Json

PARTS = {"test": Style("c0"), "validation": Style("muted", mark="diamond")}
ROOM = 520.0
"""From this width on names stand beside their rows, else above them."""
AXIS = 46.0


def draw(results: Json, width: float, budget: int | None = None) -> Element:
    """A row for each regimen, pool and budget, or for those of one budget."""
    found = [group for group in groups(results) if budget in {None, group.budget}]
    names = [label(group, found) for group in found]
    beside = width >= ROOM
    left = min(width * 0.42, 14 + max(map(measure, names))) + 22 if beside else 12.0
    step, above = (27.0, 0.0) if beside else (42.0, 16.0)
    best = best_groups(found)
    title = "F1 by regimen" if budget is None else f"F1 by regimen · budget {budget:,}"
    parts, y = heading(head(title, results), width)
    key, top = legend(list(PARTS.items()), width, y=y, marks=True)
    scores = [score for group in found for part in PARTS for score in group.numbers(part, "f1")]
    bottom = top + 8 + step * len(found)
    x = replace(around(scores), start=left, end=width - 12)
    axes = Axes(x, Scale(0, 1, bottom, top + 8), x_name="F1, per cent")
    for at in range(1, len(found), 2):
        parts.append(element("rect", "rest", x=0, y=top + 8 + at * step, width=width, height=step))
    parts += [*key, *axes.upright(), *axes.below()]
    for at, (group, name) in enumerate(zip(found, names, strict=True)):
        row = top + 8 + at * step + above
        shown = f"★ {name}" if at in best else name
        css = "strong" if at in best else ""
        room = left - 22 if beside else width - 8
        place = (4.0, row + 17) if beside else (4.0, row - 1)
        parts.append(words(*place, shorten(shown, room), css))
        parts += _row(group, x, row + (9 if beside else 7))
    told = "; ".join(
        f"{name}: test {spread(group.numbers('test', 'f1'))}, "
        f"validation {spread(group.numbers('validation', 'f1'))}"
        for group, name in zip(found, names, strict=True)
    )
    return drawing(width, bottom + AXIS, parts, name=title, description=told)


def label(group: Group, found: Sequence[Group]) -> str:
    """The regimen, with its pool and budget where others of its name have other ones."""
    same = [other for other in found if other.regimen == group.regimen]
    pool = f" ({group.distilled})" if len({other.distilled for other in same}) > 1 else ""
    budget = f" @{group.budget}" if len({other.budget for other in found}) > 1 else ""
    return f"{group.regimen}{pool}{budget}"


def _row(group: Group, x: Scale, y: float) -> list[Element]:
    made: list[Element] = []
    for (part, style), shift in zip(PARTS.items(), (0.0, 9.0), strict=True):
        values = group.numbers(part, "f1")
        if not values:  # Of candidates test scores the chosen one alone.
            continue
        made += [mark(x(value), y + shift, style, "seed", size=3.6) for value in values]
        mean = x(fmean(values))
        css = f"mean {style.css}"
        made.append(element("line", css, x1=mean, x2=mean, y1=y + shift - 6, y2=y + shift + 6))
    return made

"""Differences with their intervals, a row each, around the line of no difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nerdistill.report.chart.plot import Axes, mark, span
from nerdistill.report.chart.scale import Scale, around
from nerdistill.report.chart.style import Style
from nerdistill.report.chart.svg import drawing, element, heading, measure, shorten, told, words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

ROOM = 520.0
"""From this width on names stand beside their rows, else above them."""
AXIS = 46.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One row.

    Attributes:
        name: what is compared.
        value: points of F1.
        low: lower end of the interval.
        high: upper end of the interval.
        sure: a test calls it a difference; else its point is hollow.
    """

    name: str
    value: float
    low: float
    high: float
    sure: bool


def difference(name: str, found: dict[str, float], *, sure: bool) -> Difference:
    """A row of what a test has found."""
    return Difference(name, found["value"], found["low"], found["high"], sure)


def draw(rows: Sequence[Difference], width: float, *, title: str, x_name: str) -> Element:
    """A filled point where a test calls it a difference, a hollow one where it does not."""
    beside = width >= ROOM
    left = min(width * 0.5, 20 + max(measure(row.name) for row in rows)) if beside else 12.0
    step = 26.0 if beside else 44.0
    parts, top = heading(title, width)
    top += 8
    bottom = top + step * len(rows)
    ends = [0.0, *(end for row in rows for end in (row.low, row.high))]
    x = replace(around(ends), start=left, end=width - 12)
    axes = Axes(x, Scale(0, 1, bottom, top), x_name=x_name)
    zero = element("line", "zero", x1=x(0), x2=x(0), y1=top, y2=bottom)
    parts += [*axes.upright(), *axes.below(), zero]
    for at, row in enumerate(rows):
        y = top + step * (at + 1) - 13
        room = left - 14 if beside else width
        name = words(0, y + 4 if beside else y - 12, shorten(row.name, room), "over")
        parts += [told(name, row.name), *span(x, row.low, row.high, y, "c0")]
        parts.append(mark(x(row.value), y, Style("c0"), "" if row.sure else "hollow", size=4.6))
    description = "; ".join(
        f"{row.name}: {row.value:+.1f} points, interval {row.low:+.1f} to {row.high:+.1f}, "
        f"{'a difference' if row.sure else 'no difference shown'}"
        for row in rows
    )
    return drawing(width, bottom + AXIS, parts, name=title, description=description)

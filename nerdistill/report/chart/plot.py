"""Axes, lines, points and legends of which the figures are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.report.chart.scale import Scale, told
from nerdistill.report.chart.svg import EM, element, measure, path, shorten, words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from nerdistill.report.chart.style import Style

ROW = 20.0
"""The height of a line of a legend."""
SAMPLE = 26.0
"""The length of a legend's sample of a line."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The two scales of a plot, and what their axes say.

    Attributes:
        x: from left to right.
        y: from the bottom up.
        x_name: what x counts; empty: nothing is written.
        y_name: what y counts, written above the axis.
        x_ticks: about how many numbers x tells.
        y_ticks: about how many numbers y tells.
    """

    x: Scale
    y: Scale
    x_name: str = ""
    y_name: str = ""
    x_ticks: int = 6
    y_ticks: int = 4

    def beside(self) -> list[Element]:
        """The vertical axis: lines across the plot, with their numbers."""
        made: list[Element] = []
        for value in self.y.ticks(self.y_ticks):
            at = self.y(value)
            made.append(element("line", "grid", x1=self.x.start, x2=self.x.end, y1=at, y2=at))
            made.append(words(self.x.start - 7, at + 4, told(value), "tick", anchor="end"))
        if self.y_name:
            made.append(words(max(0, self.x.start - 30), self.y.end - 10, self.y_name, "name"))
        return made

    def below(self) -> list[Element]:
        """The horizontal axis with its numbers."""
        bottom = self.y.start
        made = [element("line", "axis", x1=self.x.start, x2=self.x.end, y1=bottom, y2=bottom)]
        for value in self.x.ticks(self.x_ticks):
            at = self.x(value)
            made.append(element("line", "axis", x1=at, x2=at, y1=bottom, y2=bottom + 4))
            made.append(words(at, bottom + 17, told(value), "tick", anchor="middle"))
        if self.x_name:
            made.append(words(self.x.end, bottom + 34, self.x_name, "name", anchor="end"))
        return made

    def upright(self) -> list[Element]:
        """Lines from the horizontal axis up, for plots that are read along it."""
        return [
            element("line", "grid", x1=self.x(at), x2=self.x(at), y1=self.y.start, y2=self.y.end)
            for at in self.x.ticks(self.x_ticks)
        ]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a pair of numbers."""
        return self.x(x), self.y(y)


def line(
    axes: Axes, xs: Sequence[float], ys: Sequence[float | None], style: Style, css: str = ""
) -> Element:
    """A line through points, broken where one is missing."""
    points = [None if y is None else axes.at(x, y) for x, y in zip(xs, ys, strict=True)]
    made = element("path", f"line {style.css} {css}".rstrip(), d=path(points))
    if style.dash:
        made.set("stroke-dasharray", style.dash)
    return made


def mark(x: float, y: float, style: Style, css: str = "", *, size: float = 4.0) -> Element:
    """A point in the shape of its series."""
    css = f"mark {style.css} {css}".rstrip()
    if style.mark == "circle":
        return element("circle", css, cx=x, cy=y, r=size)
    if style.mark == "square":
        side = 1.8 * size
        return element("rect", css, x=x - side / 2, y=y - side / 2, width=side, height=side)
    reach = 1.35 * size
    corners = [(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)]
    if style.mark == "triangle":
        corners = [(x, y - reach), (x + reach, y + 0.8 * reach), (x - reach, y + 0.8 * reach)]
    return element("path", css, d=f"{path(corners)}Z")


def span(axes_x: Scale, low: float, high: float, y: float, css: str) -> list[Element]:
    """A horizontal bar from low to high with a tick at both ends."""
    left, right = axes_x(low), axes_x(high)
    made = [element("line", f"span {css}", x1=left, x2=right, y1=y, y2=y)]
    made += [
        element("line", f"span {css}", x1=at, x2=at, y1=y - 3.5, y2=y + 3.5) for at in (left, right)
    ]
    return made


def legend(
    entries: Sequence[tuple[str, Style]], width: float, *, y: float, marks: bool
) -> tuple[list[Element], float]:
    """Samples and names, in as many rows as they need; and the y below them."""
    made: list[Element] = []
    at, row = 0.0, y + ROW / 2
    for name, style in entries:
        shown = shorten(name, width - SAMPLE - 8)
        wide = SAMPLE + 8 + measure(shown) + 14
        if at and at + wide - 14 > width:
            at, row = 0.0, row + ROW
        sample = element("path", f"line {style.css}", d=path([(at, row), (at + SAMPLE, row)]))
        if style.dash:
            sample.set("stroke-dasharray", style.dash)
        made.append(sample)
        if marks:
            made.append(mark(at + SAMPLE / 2, row, style))
        made.append(words(at + SAMPLE + 8, row + EM / 3, shown, "text"))
        at += wide
    return made, row + ROW / 2

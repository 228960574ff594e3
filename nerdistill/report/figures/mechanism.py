"""What training did to each regimen's student, step by step: a row of three plots a regimen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from nerdistill.report.answers import side
from nerdistill.report.chart.plot import Axes, legend, line
from nerdistill.report.chart.scale import Scale, around
from nerdistill.report.chart.style import Style
from nerdistill.report.chart.svg import drawing, element, group, heading, shorten, words
from nerdistill.report.tables import head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.etree.ElementTree import Element

    from nerdistill.report.tables import Json

Values = list[float | None]

ROOM = 520.0
"""From this width on the three plots stand side by side, else one below the other."""
LEFT, GAP = 40.0, 20.0
HEAD, HEIGHT, AXIS, BETWEEN = 44.0, 86.0, 22.0, 30.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of a plot: its name, its looks, and its numbers of a regimen's row."""

    name: str
    style: Style
    of: Callable[[Json], Values]


def memory(row: Json, kind: str, fate: str) -> Values:
    """Of the teacher's errors of a kind, the share that met a fate, a number a step."""
    kinds = cast("dict[str, dict[str, Values]]", row["memory"])
    return kinds[kind][fate] if kind in kinds else []


def _plain(name: str) -> Callable[[Json], Values]:
    return lambda row: cast("Values", row[name])


def _memory(kind: str, fate: str) -> Callable[[Json], Values]:
    return lambda row: [None if v is None else 100 * v for v in memory(row, kind, fate)]


@dataclass(frozen=True, slots=True)
class Plot:
    """One of the three plots.

    Attributes:
        name: what it shows.
        measures: its lines.
        per_cent: its axis goes from 0 to 100.
        learnt: its axis holds what comes after the first look, which is at an untrained student.
    """

    name: str
    measures: tuple[Measure, ...]
    per_cent: bool = False
    learnt: bool = False


PLOTS = (
    Plot(
        "loss on unseen data",
        (
            Measure("loss on human labels", Style("ink", "5 3"), _plain("loss_original")),
            Measure("loss on LLM labels", Style("c0"), _plain("loss_distilled")),
        ),
        learnt=True,
    ),
    Plot(
        "the teacher's errors, per cent",
        (
            Measure("repeats the error", Style("c1"), _memory("all", "repeats")),
            Measure("gives gold", Style("c2", "7 3"), _memory("all", "gold")),
            Measure("gives something else", Style("muted", "2 3"), _memory("all", "other")),
            Measure("finds what the teacher missed", Style("c2"), _memory("missed", "gold")),
        ),
        per_cent=True,
    ),
    Plot(
        "cosine of gradients",
        (Measure("human against LLM gradient", Style("c3"), _plain("cosine")),),
    ),
)


def draw(results: Json, rows: Sequence[Json], width: float) -> list[Element]:
    """The key, then a drawing a row, all on one vertical scale: a page may break between them."""
    scales = [_y(plot, rows) for plot in PLOTS]
    budget = f"{cast('int', rows[0]['budget']):,} original sentences"
    title = head(f"Mechanism · {budget}", results)
    parts, y = heading(title, width)
    measures = [(one.name, one.style) for plot in PLOTS for one in plot.measures]
    key, y = legend(measures, width, y=y, marks=False)
    told = "Dashes and colours of the lines below; they lie over optimizer steps."
    top = drawing(width, y + 8, [*parts, *key], name=title, description=told)
    names = [f"SIMULATED · {side(row)}" if results["simulated"] else side(row) for row in rows]
    drawn = zip(names, rows, strict=True)
    return [top, *(_row(name, row, scales, width) for name, row in drawn)]


def _row(name: str, row: Json, scales: Sequence[Scale], width: float) -> Element:
    """The three plots of a regimen, over its own steps: side by side where there is room."""
    steps = max([1, *cast("list[int]", row["steps"])])
    stacked = width < ROOM
    columns = 1 if stacked else len(PLOTS)
    wide = (width - 14 - columns * LEFT - (columns - 1) * GAP) / columns
    parts = [words(0, 14, shorten(name, width / 1.2), "strong")]
    high = HEIGHT + AXIS
    for at, (plot, scale) in enumerate(zip(PLOTS, scales, strict=True)):
        left = LEFT if stacked else LEFT + at * (wide + LEFT + GAP)
        down = at * (high + BETWEEN) if stacked else 0.0
        axes = Axes(Scale(0, steps, 0, wide), scale, "", plot.name, 4, 3)
        parts.append(group("", _plot(axes, row, plot.measures), x=left, y=HEAD + down))
    bottom = HEAD + (len(PLOTS) * (high + BETWEEN) if stacked else high + 10)
    return drawing(width, bottom, parts, name=f"Mechanism of {name}", description=_end(row))


def _y(plot: Plot, rows: Sequence[Json]) -> Scale:
    if plot.per_cent:
        return Scale(0, 100, HEIGHT, 0)
    lines = [one.of(row) for row in rows for one in plot.measures]
    lines = [values[1:] if plot.learnt else values for values in lines]
    known = [value for values in lines for value in values if value is not None]
    return replace(around([0.0, *known], least=0.1), start=HEIGHT, end=0.0)


def _plot(axes: Axes, row: Json, measures: Sequence[Measure]) -> list[Element]:
    steps = [float(step) for step in cast("list[int]", row["steps"])]
    frame = [*axes.beside(), *axes.below()]
    if axes.y.low < 0 < axes.y.high:
        zero = axes.y(0)
        frame.append(element("line", "axis", x1=axes.x.start, x2=axes.x.end, y1=zero, y2=zero))
    found = [(one.style, one.of(row)) for one in measures]
    lines = [
        line(axes, steps, values, style)
        for style, values in found
        if len(values) == len(steps) and any(value is not None for value in values)
    ]
    missing = words(axes.x.end / 2, HEIGHT / 2, "not measured", "tick", anchor="middle")
    return frame + (lines or [missing])


def _end(row: Json) -> str:
    """The last number of each line."""
    told = []
    for plot in PLOTS:
        for one in plot.measures:
            values = [value for value in one.of(row) if value is not None]
            if values:
                told.append(f"{one.name} {values[-1]:.2f} at the end")
    return ", ".join(told) or "nothing measured"

"""Teacher quality: what distilled data add to original data, over how good the teacher is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from nerdistill.report.chart.plot import Axes, legend, line, mark
from nerdistill.report.chart.scale import around
from nerdistill.report.chart.svg import drawing, element, group, heading, told, words
from nerdistill.report.figures.looks import looks
from nerdistill.report.tables import head

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from nerdistill.report.chart.style import Style
    from nerdistill.report.tables import Json

PANEL, GAP, LEFT = 290.0, 26.0, 44.0
HEAD, HEIGHT, AXIS = 44.0, 170.0, 52.0


def draw(results: Json, width: float) -> Element:
    """A panel a budget, a line a regimen; a bar across zero is where the gain ends."""
    found = cast("Json", results["teachers"])
    rows = cast("list[Json]", found["rows"])
    styles = looks(results)
    budgets = sorted({cast("int", row["budget"]) for row in rows})
    columns = min(len(budgets), max(1, int((width - LEFT + GAP) // (PANEL + GAP))))
    wide = (width - 12 - columns * LEFT - (columns - 1) * GAP / 2) / columns
    x = replace(around([_number(row, "teacher_f1") for row in rows], least=5), end=wide)
    ends = [_gain(row, end) for row in rows for end in ("low", "value", "high")]
    y = replace(around([0.0, *(end for end in ends if end is not None)]), start=HEIGHT)
    parts, first = heading(head("Teacher quality", results), width)
    for at, budget in enumerate(budgets):
        here = [row for row in rows if row["budget"] == budget]
        marked = [row for row in cast("list[Json]", found["break_even"]) if row["budget"] == budget]
        axes = Axes(x, y, "F1 of the teacher", x_ticks=5)
        name = words(0, -14, f"{budget:,} original sentences")
        left = LEFT + at % columns * (wide + LEFT + GAP / 2)
        top = first + HEAD + at // columns * (HEAD + HEIGHT + AXIS)
        panel = [name, *axes.beside(), *axes.below(), *_zero(axes), *_marks(axes, marked, styles)]
        parts.append(group("", panel + _lines(axes, here, styles), x=left, y=top))
    bottom = first + (1 + (len(budgets) - 1) // columns) * (HEAD + HEIGHT + AXIS)
    names = dict.fromkeys(str(row["regimen"]) for row in rows)
    key, end = legend([(name, styles[name]) for name in names], width, y=bottom, marks=True)
    description = "; ".join(
        f"{row['regimen']}, teacher F1 {_number(row, 'teacher_f1'):.0f}, budget {row['budget']}: "
        f"{_gain(row, 'value') or 0:+.1f} points"
        for row in rows
    )
    return drawing(width, end, [*parts, *key], name="Teacher quality", description=description)


def _lines(axes: Axes, rows: list[Json], styles: dict[str, Style]) -> list[Element]:
    made: list[Element] = []
    for regimen in dict.fromkeys(str(row["regimen"]) for row in rows):
        look = styles[regimen]
        mine = sorted(
            (row for row in rows if row["regimen"] == regimen),
            key=lambda row: _number(row, "teacher_f1"),
        )
        xs = [_number(row, "teacher_f1") for row in mine]
        made.append(line(axes, xs, [_gain(row, "value") for row in mine], look))
        made += [part for row in mine for part in _point(axes, row, look)]
    return made


def _point(axes: Axes, row: Json, look: Style) -> list[Element]:
    value, low, high = (_gain(row, end) for end in ("value", "low", "high"))
    if value is None:
        return []
    x, y = axes.at(_number(row, "teacher_f1"), value)
    made: list[Element] = []
    if low is not None and high is not None:
        top, bottom = axes.y(high), axes.y(low)
        made.append(element("line", f"span {look.css}", x1=x, x2=x, y1=top, y2=bottom))
    tip = f"{row['teacher']}: {row['regimen']} {value:+.1f} points"
    return [*made, told(mark(x, y, look), tip)]


def _zero(axes: Axes) -> list[Element]:
    at = axes.y(0)
    return [element("line", "zero", x1=axes.x.start, x2=axes.x.end, y1=at, y2=at)]


def _marks(axes: Axes, rows: list[Json], styles: dict[str, Style]) -> list[Element]:
    """Where a regimen's line crosses the line of no gain."""
    made: list[Element] = []
    for row in rows:
        value = cast("float | None", row["teacher_f1"])
        look = styles.get(str(row["regimen"]))
        if value is not None and look is not None:
            x, zero = axes.x(value), axes.y(0)
            tip = f"{row['regimen']}: no gain below a teacher F1 of {value:.0f}"
            tick = element("line", f"mean {look.css}", x1=x, x2=x, y1=zero - 9, y2=zero + 9)
            made.append(told(tick, tip))
    return made


def _number(row: Json, name: str) -> float:
    return cast("float", row[name])


def _gain(row: Json, end: str) -> float | None:
    return cast("dict[str, float | None]", row["gain"])[end]

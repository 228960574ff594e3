"""Blending curves: the share of distilled data over training, a panel a curve."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from nerdistill.blend.curve import Curve, Warped, make_curve
from nerdistill.digest import canonical_json
from nerdistill.report.chart.plot import Axes
from nerdistill.report.chart.scale import Scale
from nerdistill.report.chart.svg import (
    EM,
    LINE,
    drawing,
    element,
    group,
    heading,
    path,
    shorten,
    words,
)
from nerdistill.report.tables import groups, head

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from nerdistill.report.tables import Json

POINTS = 120
PANEL, GAP = 132.0, 22.0
"""The least width of a panel, and the air between two."""
AIR, HEIGHT, BOTTOM, LEFT = 10.0, 84.0, 30.0, 40.0


def draw(results: Json, width: float) -> Element:
    """All curves of a study; regimens with one curve share a panel."""
    panels = _panels(results)
    columns = max(1, int((width - LEFT + GAP) // (PANEL + GAP)))
    wide = (width - LEFT - (columns - 1) * GAP) / columns
    parts, y = heading(head("Blending curves", results), width)
    y += AIR
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        above = LINE * max(len(names) for names, _ in row)
        for column, (names, curve) in enumerate(row):
            x = LEFT + column * (wide + GAP)
            parts.append(group("", _panel(names, curve, wide, above, first=column == 0), x=x, y=y))
        y += above + HEIGHT + BOTTOM
    parts += _key(y)
    return drawing(
        width,
        y + 18,
        parts,
        name="Blending curves",
        description="; ".join(_told(names, curve) for names, curve in panels),
    )


def rebuild(described: Json) -> Curve:
    """The curve that `nerdistill.blend.curve.describe` has described."""
    names = [name for name in described if name not in {"kind", "warp", "mean_share"}]
    parameters = {name: cast("float", described[name]) for name in names}
    curve = make_curve(str(described["kind"]), parameters)
    warp = cast("float", described["warp"])
    return curve if warp == 1.0 else Warped(curve, warp)


def _panels(results: Json) -> list[tuple[list[str], Curve]]:
    names: dict[str, list[str]] = {}
    for found in groups(results):
        same = names.setdefault(canonical_json(found.cells[0]["curve"]), [])
        if found.regimen not in same:
            same.append(found.regimen)
    return [(same, rebuild(json.loads(curve))) for curve, same in names.items()]


def _panel(
    names: Sequence[str], curve: Curve, width: float, above: float, *, first: bool
) -> list[Element]:
    """The names above, the curve as the edge between distilled and original."""
    bottom = above + HEIGHT
    axes = Axes(Scale(0, 1, 0, width), Scale(0, 1, bottom, above))
    edge = [axes.at(at / POINTS, curve.distilled_share(at / POINTS)) for at in range(POINTS + 1)]
    made = [words(0, LINE * at + EM - 2, shorten(name, width)) for at, name in enumerate(names)]
    made.append(element("rect", "rest", x=0, y=above, width=width, height=HEIGHT))
    corners = [(0.0, bottom), *edge, (width, bottom)]
    made.append(element("path", "area c0", d=f"{path(corners)}Z"))
    made.append(element("path", "line c0", d=path(edge)))
    made.append(words(0, bottom + 15, "start", "tick"))
    made.append(words(width, bottom + 15, "end", "tick", anchor="end"))
    if first:
        made.append(words(-6, above + 9, "100%", "tick", anchor="end"))
        made.append(words(-6, bottom, "0%", "tick", anchor="end"))
    return made


def _key(y: float) -> list[Element]:
    made: list[Element] = []
    for x, css, name in ((LEFT, "area c0", "distilled data"), (180, "rest", "original data")):
        made.append(element("rect", css, x=x, y=y, width=22, height=12))
        made.append(words(x + 29, y + 10, name))
    return made


def _told(names: Sequence[str], curve: Curve) -> str:
    start, middle, end = (100 * curve.distilled_share(t) for t in (0.0, 0.5, 1.0))
    return (
        f"{', '.join(names)}: {start:.0f} % distilled at the start, {middle:.0f} % in the middle, "
        f"{end:.0f} % at the end"
    )

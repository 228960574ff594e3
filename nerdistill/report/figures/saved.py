"""Labels saved: F1 over human labels, and how far original data alone need to go for the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from nerdistill.report.chart.plot import Axes, legend, line, mark
from nerdistill.report.chart.scale import Scale, around
from nerdistill.report.chart.style import REFERENCE, Style
from nerdistill.report.chart.svg import drawing, element, heading, path, told
from nerdistill.report.figures.looks import looks
from nerdistill.report.tables import head

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from nerdistill.report.tables import Json

Curves = dict[tuple[str, str | None], list["Json"]]

BEHIND = Style("muted")
AIR, HEIGHT, AXIS, LEFT = 26.0, 300.0, 48.0, 44.0
ORIGINAL = (REFERENCE, None)
NAMED = 8
"""Lines that stay apart; all others are drawn alike, behind them."""
OTHERS = "others, in the table below"


def draw(results: Json, width: float) -> Element:
    """A line a regimen and pool; bars reach from the lowest to the highest draw."""
    saved = cast("Json", results["labels_saved"])
    curves, headline = _curves(saved), cast("Json | None", saved["headline"])
    styles = looks(results)
    rows = [row for found in curves.values() for row in found]
    labels = [_labels(row) for row in rows if _labels(row) > 0] or [1.0]
    parts, top = heading(head("Labels saved", results), width)
    top += AIR
    bottom = top + HEIGHT
    scores = [score for row in rows for score in cast("list[float]", row["f1"])]
    x = Scale(min(labels) / 1.15, max(labels) * 1.15, LEFT, width - 12, log=True)
    y = replace(around(scores, least=4.0), start=bottom, end=top)
    names = ("human-labelled sentences, on a logarithmic scale", "test F1, per cent")
    axes = Axes(x, y, *names, x_ticks=8 if width > 500 else 5, y_ticks=6)  # noqa: PLR2004
    parts += [*axes.beside(), *axes.below()]
    several = len({pool for _, pool in curves if pool}) > 1
    tuned = ", tuned at each budget" if saved["reference"] != REFERENCE else ""
    alone = f"original data alone{tuned}"
    entries: list[tuple[str, Style]] = []
    chosen = _named(curves, headline)
    others = [rows for key, rows in curves.items() if key not in chosen]
    for rows in others:
        points = [_labels(row) for row in rows], [cast("float", row["mean"]) for row in rows]
        parts.append(line(axes, *points, BEHIND, "thin"))
    for (regimen, pool), found in ((key, curves[key]) for key in chosen):
        look = styles[regimen]
        if several and pool:
            look = replace(look, dash=("", "2 3", "7 3", "9 3 2 3")[_pool(curves, pool) % 4])
        thick = headline is not None and (headline["regimen"], headline["distilled"]) == (
            regimen,
            pool,
        )
        parts += _curve(axes, found, look, "thick" if thick else "")
        name = alone if regimen == REFERENCE else regimen
        entries.append((f"{name} ({pool})" if several and pool else name, look))
    if others:
        entries.append((OTHERS, BEHIND))
    if headline is not None:
        parts += _headline(axes, headline)
    key, end = legend(entries, width, y=bottom + AXIS, marks=True)
    description = "; ".join(
        f"{regimen}{f' ({pool})' if pool else ''}: "
        + ", ".join(f"{row['mean']:.1f} with {_labels(row):,.0f} labels" for row in found)
        for (regimen, pool), found in curves.items()
    )
    return drawing(width, end, [*parts, *key], name="Labels saved", description=description)


def _curves(saved: Json) -> Curves:
    found: Curves = {ORIGINAL: list(cast("list[Json]", saved["original"]))}
    for row in cast("list[Json]", saved["regimens"]):
        key = (str(row["regimen"]), cast("str | None", row["distilled"]))
        if key != ORIGINAL:
            found.setdefault(key, []).append(row)
    return {key: sorted(rows, key=_labels) for key, rows in found.items() if rows}


def _named(curves: Curves, headline: Json | None) -> list[tuple[str, str | None]]:
    """The lines that are told apart: original data alone, the headline's, and the first others.

    Those of the headline's pool come first, in the order of the study.
    """
    if len(curves) <= NAMED:
        return list(curves)
    first: list[tuple[str, str | None]] = [ORIGINAL]
    pool = None
    if headline is not None:
        pool = cast("str | None", headline["distilled"])
        first.append((str(headline["regimen"]), pool))
    rest = sorted((key for key in curves if key not in first), key=lambda key: key[1] != pool)
    return [key for key in [*first, *rest] if key in curves][:NAMED]


def _labels(row: Json) -> float:
    return float(cast("int", row["human_labels"]))


def _pool(curves: Curves, pool: str) -> int:
    return list(dict.fromkeys(pool for _, pool in curves if pool)).index(pool)


def _curve(axes: Axes, rows: list[Json], look: Style, css: str) -> list[Element]:
    known = [row for row in rows if _labels(row) > 0]
    means = [cast("float", row["mean"]) for row in known]
    made = [line(axes, [_labels(row) for row in known], means, look, css)]
    if len(known) < len(rows):
        # Without a human label there is no place on a logarithmic axis: it is a line across.
        flat = cast("float", next(row["mean"] for row in rows if _labels(row) <= 0))
        made.append(line(axes, [axes.x.low, axes.x.high], [flat, flat], look, "thin"))
    for row, mean in zip(known, means, strict=True):
        x, y = axes.at(_labels(row), mean)
        draws = cast("list[float]", row["f1"])
        low, high = axes.y(min(draws)), axes.y(max(draws))
        made.append(element("line", f"span {look.css}", x1=x, x2=x, y1=low, y2=high))
        made.append(
            told(
                mark(x, y, look),
                f"{row.get('regimen', REFERENCE)}: {mean:.1f} F1 with "
                f"{_labels(row):,.0f} human labels",
            )
        )
    return made


def _headline(axes: Axes, row: Json) -> list[Element]:
    """The way from the regimen to where original data alone score the same."""
    needed = cast("dict[str, float | None]", row["needed"])
    reach = needed["value"] if needed["value"] is not None else needed["more_than"]
    if reach is None or reach <= _labels(row) or _labels(row) <= 0:
        return []
    mean = cast("float", row["mean"])
    (x, y), end = axes.at(_labels(row), mean), axes.x(reach)
    way = [(x, y), (end, y)]
    if needed["value"] is not None:
        way.append((end, axes.y.start))
    return [element("path", "note", d=path(way))]

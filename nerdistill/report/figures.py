"""The figures of a report, as SVG text: the same results give the same bytes."""

from __future__ import annotations

import io
import json
from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.blend.curve import Curve, Warped, make_curve
from nerdistill.digest import canonical_json
from nerdistill.report.tables import SIMULATED, groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nerdistill.report.tables import Group, Json

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's palette, which colour-blind people can tell apart, and grey."""
DASHES = ("-", "--", ":", "-.")
POINTS = 400


def curves_svg(results: Json) -> str:
    """The share of distilled data over training, a line a regimen."""
    figure, axes = _figure(7.2, 4.2)
    names: dict[str, list[str]] = {}
    for group in groups(results):
        same = names.setdefault(canonical_json(group.cells[0]["curve"]), [])
        if group.regimen not in same:
            same.append(group.regimen)
    for i, (described, regimens) in enumerate(names.items()):
        curve = rebuild(json.loads(described))
        times = [step / POINTS for step in range(POINTS + 1)]
        shares = [curve.distilled_share(t) for t in times]
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]
        axes.plot(
            times, shares, dash, color=colour, label=_safe("\n".join(regimens)), linewidth=1.8
        )
    axes.set(
        xlabel="share of training done",
        ylabel="share of distilled examples",
        xlim=(0, 1),
        ylim=(-0.03, 1.03),
        title=_title("Blending curves", results),
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
    return _svg(figure)


def f1_svg(results: Json) -> str:
    """Test F1 by regimen, a dot a seed and a bar at the mean, validation beside it."""
    found = groups(results)
    figure, axes = _figure(7.2, 1.2 + 0.32 * len(found))
    for row, group in enumerate(found):
        for part, colour, shift, marker in (
            ("test", COLOURS[0], 0.0, "o"),
            ("validation", COLOURS[7], 0.22, "s"),
        ):
            values = group.numbers(part, "f1")
            if not values:
                continue
            line = axes.plot(values, [row + shift] * len(values), marker, color=colour)[0]
            line.set(markersize=4.5, alpha=0.75)
            mean = axes.plot([fmean(values)], [row + shift], "|", color=colour)[0]
            mean.set(markersize=11, markeredgewidth=2)
            if row == 0:
                line.set_label(part)
    axes.set_yticks(range(len(found)), [_safe(_name(group, found)) for group in found])
    axes.invert_yaxis()
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    axes.set(xlabel="F1 (per cent)", title=_title("F1 by regimen", results))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8)
    return _svg(figure)


def rebuild(described: Json) -> Curve:
    """The curve that `nerdistill.blend.curve.describe` has described."""
    names = [name for name in described if name not in {"kind", "warp", "mean_share"}]
    parameters = {name: cast("float", described[name]) for name in names}
    curve = make_curve(str(described["kind"]), parameters)
    warp = cast("float", described["warp"])
    return curve if warp == 1.0 else Warped(curve, warp)


def _name(group: Group, found: list[Group]) -> str:
    same = [other for other in found if other.regimen == group.regimen]
    pool = f" ({group.distilled})" if len({other.distilled for other in same}) > 1 else ""
    budget = f" @{group.budget}" if len({other.budget for other in found}) > 1 else ""
    return f"{group.regimen}{pool}{budget}"


def _title(text: str, results: Json) -> str:
    note = str(results["note"])
    first = " · ".join(filter(None, [text, _safe(note)]))
    return f"{first}\n{SIMULATED}" if results["simulated"] else first


def _safe(text: str) -> str:
    # Matplotlib reads a pair of dollar signs as mathematics.
    return text.replace("$", r"\$")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    import matplotlib as mpl

    stream = io.StringIO()
    # A fixed salt and no date: equal results make equal files.
    with mpl.rc_context({"svg.hashsalt": "nerdistill", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()

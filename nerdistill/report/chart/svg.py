"""SVG as elements: what they hold is text, whatever it looks like.

No element has a `style` attribute, which the page's content security policy would forbid: looks
come from classes alone, see `nerdistill.report.chart.style`.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, tostring

from nerdistill.errors import printable
from nerdistill.report.chart.style import literal_css

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EM = 12.0
"""Size of all text, in units of the drawing, which are pixels of a page that has room for it."""
LINE = 16.0
"""From one line of text to the next."""
_NARROW, _MEAN, _WIDE = 0.33, 0.58, 1.0
"""Widths of a sign, in em. A page's font is unknown, so these are on the generous side."""


def element(tag: str, css: str = "", text: str = "", **attributes: float | str) -> Element:
    """One element; numbers are rounded, and `stroke_width` becomes `stroke-width`."""
    made = Element(tag, {"class": css} if css else {})
    for name, value in attributes.items():
        made.set(name.replace("_", "-"), value if isinstance(value, str) else _number(value))
    made.text = _line(text) or None
    return made


def group(css: str, parts: Iterable[Element], *, x: float = 0, y: float = 0) -> Element:
    """Elements that share a class and are moved together."""
    made = element("g", css)
    if x or y:
        made.set("transform", f"translate({_number(x)} {_number(y)})")
    made.extend(parts)
    return made


def words(x: float, y: float, text: str, css: str = "", *, anchor: str = "start") -> Element:
    """A line of text; `anchor` is start, middle or end."""
    return element("text", css, text, x=x, y=y, text_anchor=anchor)


def told(made: Element, text: str) -> Element:
    """The element with a tip that a pointer and a screen reader find."""
    made.insert(0, element("title", text=text))
    return made


def drawing(
    width: float, height: float, parts: Iterable[Element], *, name: str, description: str
) -> Element:
    """A whole figure with its name and, for who cannot see it, what it shows."""
    root = element("svg", "chart", viewBox=f"0 0 {_number(width)} {_number(height)}", role="img")
    root.set("aria-label", _line(name))
    root.append(element("desc", text=description))
    root.extend(parts)
    return root


def inline(drawn: Element) -> str:
    """A figure as part of a page, which brings the looks."""
    return tostring(drawn, encoding="unicode")


def standalone(drawn: Element) -> str:
    """A figure as a file: it brings its own looks, on white."""
    _, _, width, height = drawn.get("viewBox", "0 0 0 0").split()
    drawn.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "width": width, "height": height}
    drawn.insert(1, element("style", text=literal_css()))
    drawn.insert(2, element("rect", "paper", width="100%", height="100%"))
    return tostring(drawn, encoding="unicode") + "\n"


def measure(text: str) -> float:
    """About how wide a line of text is."""
    return EM * sum(map(_sign, text))


def shorten(text: str, width: float) -> str:
    """Text that fits into a width, cut with an ellipsis where it is longer."""
    text = " ".join(text.split())
    if measure(text) <= width:
        return text
    kept = ""
    for sign in text:
        if measure(kept + sign) > width - EM:
            break
        kept += sign
    return f"{kept.rstrip()}…"


def heading(text: str, width: float) -> tuple[list[Element], float]:
    """A figure's title in as many lines as it needs, and the y below them."""
    lines, room = [""], width / 1.25  # bold signs are wider
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and measure(longer) > room:
            lines.append(shorten(word, room))
        else:
            lines[-1] = shorten(longer, room)
    made = [words(0, 14 + LINE * at, line, "strong") for at, line in enumerate(lines)]
    return made, 8 + LINE * len(lines)


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """A line through points as SVG writes it, broken where a point is missing."""
    told: list[str] = []
    pen = "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        told.append(f"{pen}{_number(point[0])} {_number(point[1])}")
        pen = "L"
    return "".join(told)


def _line(text: str) -> str:
    """One line, in which the signs that XML forbids are written out."""
    return printable(" ".join(text.split()))


def _sign(sign: str) -> float:
    if unicodedata.east_asian_width(sign) in "WF":
        return _WIDE
    return _NARROW if sign in "iIjlt.,:;|'!()[] " else _MEAN


def _number(value: float) -> str:
    rounded = f"{value:.1f}".removesuffix(".0")
    return "0" if rounded == "-0" else rounded

"""Elements of figures, and the text in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from nerdistill.report.chart.style import DARK, LIGHT, figures_css, literal_css, styles
from nerdistill.report.chart.svg import (
    drawing,
    element,
    heading,
    inline,
    measure,
    path,
    shorten,
    standalone,
    words,
)

HOSTILE = '"><script>alert(1)</script>\x00\x1b$x$'


def test_text_is_escaped_and_printable() -> None:
    """Neither a tag nor a sign that XML forbids comes out of a name."""
    drawn = drawing(100, 50, [words(0, 0, HOSTILE)], name=HOSTILE, description=HOSTILE)
    parsed = ET.fromstring(inline(drawn))  # noqa: S314 - our own text
    assert [child.tag for child in parsed.iter()] == ["svg", "desc", "text"]
    assert parsed[1].text == '"><script>alert(1)</script>\\x00\\x1b$x$'


def test_a_file_brings_its_looks_without_variables() -> None:
    """It is a whole SVG document on white; no viewer needs to know variables."""
    text = standalone(drawing(100, 50, [], name="a", description="b"))
    parsed = ET.fromstring(text)  # noqa: S314 - our own text
    assert parsed.tag == "{http://www.w3.org/2000/svg}svg"
    assert (parsed.get("width"), parsed.get("height")) == ("100", "50")
    assert "var(" not in text
    assert "var(" not in literal_css()


def test_numbers_are_short() -> None:
    """One digit behind the point, and no zero with a sign."""
    made = element("line", x1=-0.04, x2=12.0, y1=1 / 3, y2=-0.31, stroke_width=2)
    assert made.attrib == {"x1": "0", "x2": "12", "y1": "0.3", "y2": "-0.3", "stroke-width": "2"}


def test_a_line_breaks_where_a_point_is_missing() -> None:
    """What was not measured is not drawn."""
    assert path([(0, 0), (1, 2), None, (3, 4), (5, 6)]) == "M0 0L1 2M3 4L5 6"


def test_text_is_cut_to_its_room() -> None:
    """Short text stays whole, long text ends in an ellipsis, wide signs count double."""
    assert shorten("simple-mix", 200) == "simple-mix"
    assert shorten("original-then-distilled-restart", 100).endswith("…")
    assert measure(shorten("m" * 99, 100)) <= 100
    assert measure("中文") > measure("ab")
    assert shorten("中" * 50, 60) == "中中中中…"


def test_a_title_takes_the_lines_that_it_needs() -> None:
    """Nothing of it is cut off, and the rest of the figure moves down."""
    lines, y = heading("a title of a figure with a note that is long", 150)
    assert " ".join(str(line.text) for line in lines) == (
        "a title of a figure with a note that is long"
    )
    assert len(lines) > 1
    assert y > heading("short", 150)[1]


def test_every_series_looks_different() -> None:
    """Thirty regimens differ in colour, dash or mark; original data alone is ink."""
    found = styles([f"regimen {number}" for number in range(28)])
    looks = {(style.css, style.dash, style.mark) for style in found.values()}
    assert len(looks) == len(found) == 29
    assert found["original"].css == "ink"


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_colours_stand_out_from_the_page(colours: dict[str, str]) -> None:
    """Lines have a contrast of 3 or more, text of 4.5 (WCAG 2.2)."""
    assert set(re.findall(r"var\(--(\w+)\)", figures_css())) == set(colours)
    for name, colour in colours.items():
        if name not in {"paper", "grid"}:
            least = 4.5 if name in {"ink", "muted"} else 3.0
            assert contrast(colour, colours["paper"]) >= least


def contrast(one: str, other: str) -> float:
    """As WCAG defines it."""
    high, low = sorted(map(luminance, (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

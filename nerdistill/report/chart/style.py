"""The looks of figures: colours, dashes and marks that stay apart without colour too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TEMPLATES = Path(__file__).parents[1] / "templates"
LIGHT = {
    "paper": "#ffffff",
    "ink": "#1d2127",
    "muted": "#5a626d",
    "grid": "#dfe3e8",
    "c0": "#0a62a8",
    "c1": "#bf4b00",
    "c2": "#007a58",
    "c3": "#a83f7f",
    "c4": "#866100",
    "c5": "#2486b4",
    "c6": "#6a51b8",
    "c7": "#5a626d",
}
"""After Okabe and Ito, darkened until each has a contrast of 4 or more on white."""
DARK = {
    "paper": "#15181c",
    "ink": "#e7eaee",
    "muted": "#a3acb8",
    "grid": "#343a42",
    "c0": "#6fb5f2",
    "c1": "#f59a62",
    "c2": "#4fc7a0",
    "c3": "#e59bca",
    "c4": "#e3bd5b",
    "c5": "#8bd0ef",
    "c6": "#b5a2f2",
    "c7": "#a3acb8",
}
COLOURS = 7
DASHES = ("", "7 3", "2 3", "9 3 2 3")
MARKS = ("circle", "square", "diamond", "triangle")
REFERENCE = "original"
"""The regimen against which all others are held: it is drawn in ink."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one series looks.

    Attributes:
        css: its class, which gives the colour.
        dash: of its line, as `stroke-dasharray`; empty: a whole line.
        mark: the shape of its points.
    """

    css: str
    dash: str = ""
    mark: str = "circle"


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style a name, in their order: the same regimen looks the same in every figure."""
    found = {REFERENCE: Style("ink", "5 3", "square")}
    others = [name for name in dict.fromkeys(names) if name != REFERENCE]
    for at, name in enumerate(others):
        turn = at // COLOURS
        mark, dash = MARKS[(at + turn) % len(MARKS)], DASHES[turn % len(DASHES)]
        found[name] = Style(f"c{at % COLOURS}", dash, mark)
    return found


def figures_css() -> str:
    """The rules of all figures; colours are variables that `variables` gives."""
    return (TEMPLATES / "figures.css").read_text(encoding="utf-8")


def variables(colours: dict[str, str]) -> str:
    """Colours as CSS variables."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def literal_css() -> str:
    """The rules with the light colours written out: not every viewer of files knows variables."""
    return re.sub(r"var\(--(\w+)\)", lambda found: LIGHT[found[1]], figures_css())

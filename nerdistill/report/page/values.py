"""What a page is made of, before it is HTML: sections of paragraphs, tables and figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from nerdistill.report.chart.svg import inline
from nerdistill.report.tables import Strong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from xml.etree.ElementTree import Element

    from nerdistill.report.tables import TableData, Words

WIDE, NARROW = 760, 340
"""Widths of a figure, in pixels: for a desktop and print, and for a phone."""
NUMBER = re.compile(r"(more than |at most )?[-+]?\d.*|-|", re.DOTALL)
INTERVAL = re.compile(r" (?=[\[(])")


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph; `css` may be `note`."""

    words: Words
    css: str = ""
    kind: str = "prose"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[Words, ...]
    kind: str = "bullets"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its best row marked."""

    data: TableData
    kind: str = "table"

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone; they are set flush right."""
        columns = range(len(self.data.columns))
        return tuple(all(NUMBER.fullmatch(row[at]) for row in self.data.rows) for at in columns)


def cut(cell: str) -> list[str]:
    """A number and its interval, between which a line may break but nowhere else."""
    return INTERVAL.split(cell, maxsplit=1)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts of a confusion: rows are gold, columns what stands in its place.

    Attributes:
        title: the caption.
        names: of rows and columns.
        counts: a row each.
    """

    title: str
    names: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]
    kind: str = "matrix"

    def shade(self, row: int, column: int) -> int:
        """From 0 to 5: the share of the row that stands here."""
        total = sum(self.counts[row])
        return round(5 * self.counts[row][column] / total) if total else 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing for wide screens and print, one for phones, and what it shows."""

    caption: str
    wide: Markup
    narrow: Markup
    kind: str = "figure"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to copy."""

    text: str
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what stands for them."""

    facts: tuple[tuple[str, str], ...]
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a part of a section."""

    text: str
    kind: str = "head"


@dataclass(frozen=True, slots=True)
class Browser:
    """Where the examples of errors go; `rows` of them are there without the script."""

    rows: tuple[dict[str, object], ...]
    total: int
    kind: str = "browser"


@dataclass(frozen=True, slots=True)
class Fold:
    """Parts that are shown when asked for."""

    summary: str
    parts: tuple[Part, ...]
    kind: str = "fold"


@dataclass(frozen=True, slots=True)
class Beside:
    """Parts that stand side by side where there is room."""

    parts: tuple[Part, ...]
    kind: str = "beside"


Part = Prose | Bullets | Table | Matrix | Figure | Code | Facts | Head | Browser | Fold | Beside


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page.

    Attributes:
        anchor: its address within the page.
        title: its heading.
        lead: one or two plain sentences: what it shows and how to read it.
        parts: in their order.
    """

    anchor: str
    title: str
    lead: str
    parts: tuple[Part, ...]


def figure(draw: Callable[[float], Element], caption: str = "") -> Figure:
    """A figure that `draw` makes for a width."""
    return series(lambda width: [draw(width)], caption)


def series(draw: Callable[[float], Iterable[Element]], caption: str = "") -> Figure:
    """A figure of several drawings, one below the other."""

    def drawn(width: float) -> Markup:
        return Markup("").join(Markup(inline(one)) for one in draw(width))  # noqa: S704 - escaped

    return Figure(caption, drawn(WIDE), drawn(NARROW))


def strong(text: str) -> bool:
    """Whether a piece of a sentence stands out."""
    return isinstance(text, Strong)

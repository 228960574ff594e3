"""Replies in Markdown tables: a column of names for each type, or a column of types."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import MARKUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.annotate.parse.mention import Mention, Question

_TYPE_WORDS = frozenset({"type", "label", "category", "class", "tag", "entity type"})
_TEXT_WORDS = frozenset({"entity", "name", "text", "mention", "named entity", "span", "word"})
_LIST_WORDS = frozenset({"entities", "names", "mentions", "named entities", "words"})
_MOST_COLUMNS = 100

Row = list[str]


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as it is written, and the last line above it."""

    above: str
    header: Row
    rows: list[Row]
    ruled: bool


def read_table(text: str, question: Question) -> list[Mention] | None:
    """The mentions of every table of a reply; a table without rows states that there are none."""
    found: list[Mention] = []
    known = False
    for table in _tables(text):
        columns = _columns(table, question)
        known = known or columns is not None
        label_at, texts_at = columns or (None, {})
        last = ""
        for row in table.rows:
            if label_at is not None and label_at < len(row):
                last = row[label_at].strip(MARKUP) or last
            for at, label in texts_at.items():
                if at < len(row):
                    found += _of_cell(label or last, row[at], table.header[at], question)
    return found if known else None


def _of_cell(label: str, cell: str, head: str, question: Question) -> list[Mention]:
    if _word(head) in _LIST_WORDS:
        return question.mentions(label, question.cut(cell))
    return question.items(label, cell)


def _tables(text: str) -> Iterator[_Table]:
    """Each run of lines with bars; the rule below the header is left out."""
    above = ""
    for barred, lines in groupby(text.splitlines(), key=lambda line: "|" in line):
        block = [line for line in lines if line.strip()]
        if barred:
            ruled = len(block) > 1 and _is_rule(block[1])
            rows = [_cells(line) for line in block[1:] if not _is_rule(line)]
            yield _Table(above, _cells(block[0]), rows, ruled=ruled)
        elif block:
            above = block[-1]


def _is_rule(line: str) -> bool:
    return "-" in line and set(line) <= set("|:- \t")


def _cells(line: str) -> Row:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _columns(table: _Table, question: Question) -> tuple[int | None, dict[int, str]] | None:
    """Where the types stand, and the columns of names with the type that their head tells."""
    if len(table.header) > _MOST_COLUMNS:
        return None
    heads = [_word(head) for head in table.header]
    names = [at for at, head in enumerate(heads) if head in _TEXT_WORDS | _LIST_WORDS]
    labels = [at for at, head in enumerate(heads) if head in _TYPE_WORDS]
    if names and labels:
        return labels[0], {names[0]: ""}
    typed = {at: question.type_in(head) for at, head in enumerate(table.header)}
    known = {at: label for at, label in typed.items() if label is not None}
    if known:
        return None, known
    label = question.type_in(table.above) or question.default_label
    if label is None or not (table.ruled or names):
        return None
    if not names and question.holds(table.header[0]):
        table.rows.insert(0, table.header)  # a table whose first name stands where the head does
    return None, {names[0] if names else 0: label}


def _word(head: str) -> str:
    return head.strip(MARKUP).casefold()

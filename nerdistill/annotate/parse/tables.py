"""Replies in Markdown tables: a column of names for each type, or a column of types."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import Mention, Question, mentions_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_RULE = re.compile(r"\s*\|?\s*:?-{1,}:?\s*(?:\|\s*:?-{1,}:?\s*)*\|?\s*")
_TYPE_WORDS = frozenset({"type", "label", "category", "class", "tag", "entity type"})
_TEXT_WORDS = frozenset({"entity", "name", "text", "mention", "entities", "named entity", "span"})

Row = list[str]


def read_table(text: str, question: Question) -> list[Mention] | None:
    """The mentions of every table of a reply; a table without rows states that there are none."""
    found: list[Mention] = []
    known = False
    for header, rows in _tables(text):
        columns = _columns(header, question)
        if columns is None:
            continue
        known = True
        label_at, texts_at = columns
        for row in rows:
            for at, label in texts_at.items():
                if at >= len(row):
                    continue
                own = row[label_at] if label_at is not None and label_at < len(row) else label
                found += mentions_in(own, [row[at]])
    return found if known else None


def _tables(text: str) -> Iterator[tuple[Row, list[Row]]]:
    """Each run of lines with bars as header and rows; the rule below the header is left out."""
    for barred, lines in groupby(text.splitlines(), key=lambda line: "|" in line):
        block = [line for line in lines if line.strip()]
        ruled = len(block) > 1 and _RULE.fullmatch(block[1]) is not None
        if barred and ruled:
            yield _cells(block[0]), [_cells(line) for line in block[2:]]


def _cells(line: str) -> Row:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _columns(header: Row, question: Question) -> tuple[int | None, dict[int, str]] | None:
    """Where the types stand, and the columns of names with the type that their head tells."""
    resolve = question.schema.resolve
    heads = [head.strip(" *_`").casefold() for head in header]
    typed = {at: header[at].strip(" *_`") for at, head in enumerate(heads) if _type(head, resolve)}
    if typed:
        return None, typed
    names = [at for at, head in enumerate(heads) if head in _TEXT_WORDS]
    labels = [at for at, head in enumerate(heads) if head in _TYPE_WORDS]
    if names and labels:
        return labels[0], {names[0]: ""}
    if question.default_label is not None and heads:
        return None, {names[0] if names else 0: question.default_label}
    return None


def _type(head: str, resolve: object) -> bool:
    return callable(resolve) and resolve(head.removesuffix(" entities").strip()) is not None

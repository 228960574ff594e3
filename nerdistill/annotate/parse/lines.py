"""Replies in lines: a type and its names in one line, or in a list below it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import MARKUP

if TYPE_CHECKING:
    from nerdistill.annotate.parse.mention import Mention, Question

_BULLET = re.compile(r"(?:[-*•+]|\d{1,4}[.)])\s+")
_TYPE_BEHIND = re.compile(r"[(\[:=|\t→]|->|\s[-–—]\s")  # noqa: RUF001 - as they occur
_LONGEST_TYPE = 60


def read_typed_lines(text: str, question: Question) -> list[Mention] | None:
    """`PER: Ada, Bela`; a heading with a list below it; a list of `Ada (PER)`."""
    found: list[Mention] = []
    known = False
    heading: str | None = None
    touching = False
    for line in map(str.strip, text.splitlines()):
        bullet = _BULLET.match(line)
        body = line[bullet.end() :] if bullet else line
        listed = heading is not None and (bullet is not None or touching)
        if not line or set(line) <= set("-=~ "):
            touching = touching and bool(line)
            continue
        labelled = _labelled(body, question) if bullet else None
        typed = None if labelled else _typed(body, question, listed=listed)
        if labelled is not None:
            found += question.mentions(*labelled)
            known = True
        elif typed is not None:
            label, rest = typed
            found += question.mentions(label, question.cut(rest.strip(" []")))
            heading, touching, known = (None if rest else label), not rest, True
        elif listed and heading is not None:
            found += question.items(heading, body)
        elif line.endswith(":") and question.default_label is not None:
            heading, touching, known = question.default_label, True, True
        else:
            heading, touching = None, False
    return found if known else None


def _typed(body: str, question: Question, *, listed: bool) -> tuple[str, str] | None:
    """The type that opens a line and what follows it: `**Persons:** Ada`, or a heading alone."""
    head, colon, rest = body.partition(":")
    label = question.type_in(head)
    rest = rest.strip(MARKUP)
    if label is None or (not colon and listed and question.holds(head)):
        return None
    return label, rest


def _labelled(body: str, question: Question) -> tuple[str, list[str]] | None:
    """A name and the type behind it: `Ada (PER)`, `Ada: person`, `Ada - PER`."""
    tail = max(0, len(body) - _LONGEST_TYPE)
    for place in reversed(list(_TYPE_BEHIND.finditer(body, tail))):
        label = question.type_in(body[place.end() :].rstrip(" .)]"))
        name = body[: place.start()].strip(MARKUP)
        if label is not None and (question.holds(name) or not question.type_in(name)):
            return label, [name]
    return None

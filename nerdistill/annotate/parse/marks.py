"""Replies that repeat the sentence with marks around each entity: `@@Japan## began …`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import Mention, ParseError

if TYPE_CHECKING:
    from nerdistill.annotate.parse.mention import Question

_MARK = re.compile(r"@@((?:[^@#\n]|@(?!@)|#(?!#))+)##")


def read_marks(text: str, question: Question) -> list[Mention] | None:
    """The marked entities, with their place where the reply repeats the sentence word by word.

    The format has no room for a type: it needs the one that was asked for. The bare sentence
    states that there is no entity of that type.

    Raises:
        ParseError: a mark is never closed.
    """
    names = question.schema.names
    label = question.default_label or (names[0] if len(names) == 1 else None)
    body = text.strip()
    if label is None or ("@@" not in body and body.split() != question.sentence.split()):
        return None
    marks = list(_MARK.finditer(body))
    if body.count("@@") > len(marks):
        raise ParseError("a mark @@ is never closed by ##")
    shift = question.sentence.find(_MARK.sub(r"\1", body))
    found: list[Mention] = []
    for number, mark in enumerate(marks):
        start = mark.start() - number * len("@@##") + shift if shift >= 0 else None
        found.append(Mention(label, mark[1], start))
    return found

"""Replies that repeat the sentence with marks around each entity: `@@Japan## began …`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import Mention

if TYPE_CHECKING:
    from nerdistill.annotate.parse.mention import Question

_MARK = re.compile(r"@@(.+?)##")


def read_marks(text: str, question: Question) -> list[Mention] | None:
    """The marked entities, with their place where the reply repeats the sentence word by word.

    The format has no room for a type: it needs the one that was asked for. The bare sentence
    states that there is no entity of that type.
    """
    label = question.default_label
    if label is None:
        names = question.schema.names
        label = names[0] if len(names) == 1 else None
    body = text.strip()
    if label is None or ("@@" not in body and body != question.sentence.strip()):
        return None
    bare = _MARK.sub(r"\1", body)
    shift = question.sentence.find(bare) if bare else -1
    found: list[Mention] = []
    removed = 0
    for mark in _MARK.finditer(body):
        start = mark.start() - removed + shift if shift >= 0 else None
        found.append(Mention(label, mark[1], start))
        removed += len("@@##")
    return found

"""Replies that judge candidates, with a reason: `2. Ada | True | as it is a person (PER)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.annotate.parse.mention import Mention, Question
    from nerdistill.labels import LabelSchema

_VERDICT = re.compile(r"\|\s*(true|false|yes|no)\b|\(\s*(true|false|yes|no)\s*\)", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(?:\d+\s*[.)]|[-*•])?\s*")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_IN_PARENTHESES = re.compile(r"\(([^()]{1,40})\)")


def read_judged(text: str, question: Question) -> list[Mention] | None:
    """The candidates that were judged to be entities.

    The type is the one that the reason names in parentheses, else the first type name or alias
    among its words; a reason that names none is kept as the label, and so ends as unknown.
    """
    found: list[Mention] = []
    known = False
    for line in text.splitlines():
        verdict = _VERDICT.search(line)
        number = _NUMBER.match(line)
        candidate = line[number.end() if number else 0 : verdict.start()] if verdict else ""
        if verdict is None or not candidate.strip(" |"):
            continue
        known = True
        if (verdict[1] or verdict[2]).casefold() in {"true", "yes"}:
            why = line[verdict.end() :].strip(" |:,-")
            label = _label(why, question.schema) or question.default_label or why
            found += question.mentions(label, [candidate.strip(" |")])
    return found if known else None


def _label(why: str, schema: LabelSchema) -> str | None:
    for words in (_IN_PARENTHESES.findall(why), _WORD.findall(why)):
        label = next(filter(None, map(schema.resolve, words)), None)
        if label is not None:
            return label
    return None

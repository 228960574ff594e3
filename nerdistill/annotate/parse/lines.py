"""Replies in lines: judged candidates with a reason, and mentions by type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import Mention, Question, mentions_in

if TYPE_CHECKING:
    from nerdistill.labels import LabelSchema

_JUDGED = re.compile(
    r"""\s*(?:\d+\s*[.)]|[-*•])?\s*
    (?P<text>[^|\n]+?)\s*
    (?:\|\s*(?P<bar>true|false|yes|no)\b|\(\s*(?P<paren>true|false|yes|no)\s*\))
    \s*[|:,-]?\s*(?P<why>.*)""",
    re.VERBOSE | re.IGNORECASE,
)
_LONGEST_LINE = 2_000
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_IN_PARENTHESES = re.compile(r"\(([^()]{1,40})\)")


def read_judged(text: str, question: Question) -> list[Mention] | None:
    """Lines such as `2. Ada | True | as it is the name of a person (PER)`.

    The type is the one that the reason names in parentheses, else the first type name or alias
    among its words; a reason that names none is kept as the label, and so ends as unknown.
    """
    found: list[Mention] = []
    known = False
    for line in text.splitlines():
        judged = _JUDGED.fullmatch(line) if len(line) <= _LONGEST_LINE else None
        if judged is None:
            continue
        known = True
        if (judged["bar"] or judged["paren"]).casefold() in {"true", "yes"}:
            why = judged["why"].strip()
            found += mentions_in(_label(why, question.schema) or why, [judged["text"]])
    return found if known else None


def _label(why: str, schema: LabelSchema) -> str | None:
    for inside in _IN_PARENTHESES.findall(why):
        name = schema.resolve(inside)
        if name:
            return name
    return next(filter(None, map(schema.resolve, _WORD.findall(why))), None)


_TYPED = re.compile(r"\s*(?:[-*•]|\d+[.)])?\s*[*_]*([^\W\d][\w ]{0,40}?)[*_]*\s*:[*_]*\s*(.*)")


def read_typed_lines(text: str, question: Question) -> list[Mention] | None:
    """Lines such as `PER: Ada, Bela`, and `LOC: None`."""
    found: list[Mention] = []
    known = False
    for line in text.splitlines():
        typed = _TYPED.fullmatch(line) if len(line) <= _LONGEST_LINE else None
        if typed and question.schema.resolve(typed[1].removesuffix(" entities")):
            known = True
            found += mentions_in(typed[1], re.split(r"[,;]", typed[2].strip(" []")))
    return found if known else None

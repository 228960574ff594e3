"""Dicts by type without quotation marks: `{Location: [Japan, China], Person: []}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.annotate.parse.mention import Mention, Question

_ITEM = re.compile(r"([^:=,\[\]{}]{1,60})[:=]\s*(?:\[([^\[\]{}]*)\]|(none|null))", re.IGNORECASE)
_BETWEEN = re.compile(r"[{},;\s]*")


def read_loose(piece: str, question: Question) -> list[Mention] | None:
    """The mentions of such a dict; None where any of its text is left unread."""
    if not piece.startswith("{"):
        return None
    found: list[Mention] = []
    known, read_to = False, 0
    for item in _ITEM.finditer(piece):
        if not _BETWEEN.fullmatch(piece, read_to, item.start()):
            return None
        label, read_to = item[1].strip(" \t\r\n\"'"), item.end()
        known = known or question.type_in(label) is not None
        found += question.mentions(question.type_in(label) or label, question.cut(item[2] or ""))
    return found if known and _BETWEEN.fullmatch(piece, read_to) else None

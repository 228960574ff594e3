"""The ways in which a model says that there are no entities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.labels import LabelSchema

_WORDS = frozenset(
    {"", "none", "n/a", "na", "null", "nil", "nothing", "empty", "no entities", "unknown"}
)
_AROUND = " \t\r\n\"'`“”‘’*_.()[]{}<>-–—"  # noqa: RUF001 - as they occur
_DENIED_CELL = re.compile(
    r"""(?:there\s+(?:is|are|was|were)\s+)?(?:no|not|none)\b .* \b(?:entit(?:y|ies)|mention\w*
    |references?|specified|present|found|applicable|provided|identified|available|listed)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_DENIAL = 600
"""In characters: a longer text is no plain "there are none"."""

_EMPTY = re.compile(r"\[\s*\]|\{\s*\}")
_DENIAL = re.compile(
    r"""(?: (?:\A\W*|\b(?:is|are|was|were|contain\w*|ha[sd]|have|with|find|finds|found|identif\w+
            |includ\w+|mention\w*|state[sd]?) \s+ (?:still\s+)?) no
          | \bwithout \s+ any
          | \b(?:not|n't) \s+ (?:\w+\s+)?
            (?:contain|mention|include|have|refer|see|find|identify) (?:\s+to)? (?:\s+any)?
        ) \b (?! \s+ (?:other|more|further|additional|longer) \b)
    (?P<of> [^.,;:!?\n]{0,60}? )
    \b (?P<what> entit(?:y|ies) | names | mentions? | references? \s+ to \s+ [^.!?\n]{0,30}
        | persons? | organi[sz]ations? | locations? )""",
    re.IGNORECASE | re.VERBOSE,
)
_TAKEN_BACK = re.compile(
    r"""\b(?: except | other\ than | apart\ from | besides | aside\ from | however | following
        | only\ (?:one|entit|clear|valid|person|location|organi[sz]ation)
        | remaining\ (?:\w+\ )?(?:is|are) )""",
    re.IGNORECASE | re.VERBOSE,
)
_LETTERS = re.compile(r"[^\W\d_]+")


def is_nothing(text: str) -> bool:
    """Whether a mention's text says that there is none."""
    bare = text.strip(_AROUND)
    return bare.casefold() in _WORDS or (
        len(bare) <= _LONGEST_DENIAL and _DENIED_CELL.match(bare) is not None
    )


def says_none(text: str, schema: LabelSchema, asked: str | None) -> bool:
    """Whether a whole reply says that there are no entities: of the asked type, or of any.

    A denial of one type is no answer to a question about all, and one that is taken back ("no
    entities other than …") is none at all.
    """
    bare = text.replace("```json", "").replace("```", "").strip("\"'`. \t\r\n")
    if len(bare) > _LONGEST_DENIAL:
        return False
    empty = _EMPTY.findall(bare)
    word = bare.strip("()*_ ").casefold()
    if (word and word in _WORDS) or (
        len(empty) == 1 and (bare.startswith(empty[0]) or bare.endswith(empty[0]))
    ):
        return True
    for denial in _DENIAL.finditer(bare):
        words = _LETTERS.findall(denial["of"] + " " + denial["what"])
        types = {schema.resolve(word) for word in words} - {None}
        wanted = {schema.resolve(asked)} if asked else set()
        if types <= wanted and not _TAKEN_BACK.search(bare, denial.end()):
            return True
    return False

"""What a language model wrote, read as mentions.

Models answer in JSON, in JSON inside prose or code fences, in Python-like dicts, in Markdown
tables, in marked sentences, in judged lists and in lines by type. Each format is a reader of its
own; the first that recognises a reply reads it. A reply that none recognises is an error, never
"no entities".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.jsonlike import read_json, read_loose_dict
from nerdistill.annotate.parse.lines import read_judged, read_typed_lines
from nerdistill.annotate.parse.marks import read_marks
from nerdistill.annotate.parse.mention import Mention, ParseError, Question
from nerdistill.annotate.parse.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from nerdistill.labels import LabelSchema

__all__ = ["Mention", "ParseError", "parse_reply"]

READERS: dict[str, Callable[[str, Question], list[Mention] | None]] = {
    "JSON": read_json,
    "loose dict": read_loose_dict,
    "Markdown table": read_table,
    "marked sentence": read_marks,
    "judged list": read_judged,
    "typed lines": read_typed_lines,
}
"""In the order in which they are tried. None means: not my format."""

_DENIAL = re.compile(
    r"""\A\W*(?:none|n/a|nothing)\W*\Z
    | \bno\b (?!\s+(?:other|more|further|additional|longer)\b) [^.\n]{0,60}
      \b(?:entit(?:y|ies)|references?|mentions?)\b
    | \bnot\s+(?:contain|mention|include|have|refer|see|find)\b [^.\n]{0,60} \bentit(?:y|ies)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_DENIAL = 600
"""In characters: a longer text is no plain "there are none"."""


def parse_reply(
    text: str,
    *,
    sentence: str,
    schema: LabelSchema,
    default_label: str | None = None,
    salvage: bool = False,
) -> tuple[Mention, ...]:
    """The mentions of a reply, as it wrote them and in its order.

    Args:
        text: the reply.
        sentence: what it is about.
        schema: whose type names and aliases tell labels from mentions.
        default_label: the type that was asked for, where a reply is about one type only.
        salvage: read the whole entities of JSON that was cut off.

    Raises:
        ParseError: no format fits, or the reply was cut off.
    """
    question = Question(sentence, schema, default_label, salvage)
    if not text.strip():
        raise ParseError("the reply is empty")
    for read in READERS.values():
        found = read(text, question)
        if found is not None:
            return tuple(found)
    if len(text) <= _LONGEST_DENIAL and _DENIAL.search(text):
        return ()
    start = " ".join(text[:60].split())
    raise ParseError(f"no known format (tried {', '.join(READERS)}); the reply starts “{start}”")

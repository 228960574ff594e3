"""What a language model wrote, read as mentions.

Models answer in JSON, in JSON inside prose or code fences, in Python-like dicts, in Markdown
tables, in marked sentences, in judged lists and in lines by type. Each format is a reader of its
own; the first that recognises a reply reads it. A reply that none recognises is an error, never
"no entities".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.annotate.parse.jsonlike import read_json
from nerdistill.annotate.parse.judged import read_judged
from nerdistill.annotate.parse.lines import read_typed_lines
from nerdistill.annotate.parse.marks import read_marks
from nerdistill.annotate.parse.mention import Mention, ParseError, Question
from nerdistill.annotate.parse.nothing import says_none
from nerdistill.annotate.parse.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from nerdistill.labels import LabelSchema

__all__ = ["Mention", "ParseError", "answer_in", "parse_reply"]

READERS: dict[str, Callable[[str, Question], list[Mention] | None]] = {
    "JSON": read_json,
    "marked sentence": read_marks,
    "judged list": read_judged,
    "Markdown table": read_table,
    "typed lines": read_typed_lines,
}
"""In the order in which they are tried. None means: not my format."""

_THOUGHT = "</think>"


def parse_reply(
    text: str,
    *,
    sentence: str,
    schema: LabelSchema,
    default_label: str | None = None,
    salvage: bool = False,
) -> tuple[Mention, ...]:
    """The mentions of a reply, as it wrote them and in its order.

    What a model thinks aloud before it answers (`<think>…</think>`) is left out.

    Args:
        text: the reply.
        sentence: what it is about.
        schema: whose type names and aliases tell labels from mentions.
        default_label: the type that was asked for, where a reply is about one type only.
        salvage: read what is whole of JSON that was cut off.

    Raises:
        ParseError: no format fits, the reply was cut off, or it contradicts itself.
    """
    answer = answer_in(text)
    question = Question(sentence, schema, default_label, salvage)
    try:
        for read in READERS.values():
            found = read(answer, question)
            if found is not None:
                return tuple(found)
    except RecursionError as error:
        raise ParseError("the reply is nested too deeply") from error
    if says_none(answer, schema, default_label):
        return ()
    start = " ".join(answer[:60].split())
    raise ParseError(f"no known format (tried {', '.join(READERS)}); the reply starts “{start}”")


def answer_in(text: str) -> str:
    """A reply without what the model thought aloud before.

    Raises:
        ParseError: nothing else is there.
    """
    answer = text.rpartition(_THOUGHT)[2]
    if not answer.strip():
        raise ParseError("the reply is empty")
    if answer.lstrip().startswith("<think>"):
        raise ParseError("the reply was cut off while the model was thinking: raise max_tokens")
    return answer

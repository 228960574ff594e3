"""Replies in JSON, in Python's notation, and in dicts without quotation marks."""

from __future__ import annotations

import ast
import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.brackets import closed_again, scan
from nerdistill.annotate.parse.entities import Value, is_whole, mentions_of
from nerdistill.annotate.parse.loose import read_loose
from nerdistill.annotate.parse.mention import Mention, ParseError, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_LITERAL = 20_000
"""Characters of Python's notation: its parser is slow and takes much memory."""
MOST_PIECES = 1_000
"""Bracketed pieces: an answer has a few, garbage may have millions."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one bracketed piece states.

    Attributes:
        mentions: in its order.
        whole: a list of entities, which is an answer; one entity, or the entities of one type, is
            a part that others complete.
    """

    mentions: list[Mention]
    whole: bool


def read_json(text: str, question: Question) -> list[Mention] | None:
    """The mentions that the bracketed pieces of a reply state.

    Raises:
        ParseError: a piece was cut off and `salvage` is not set, or the pieces contradict.
    """
    found = scan(text)
    if len(found.pieces) > MOST_PIECES:
        raise ParseError(f"the reply has more than {MOST_PIECES} bracketed pieces")
    if found.unclosed is not None:
        if not question.salvage:
            raise ParseError("the reply is JSON that was cut off: raise max_tokens")
        return _salvaged(text, found.unclosed, question)
    return _joined(_answers(found.pieces, question))


def _salvaged(text: str, start: int, question: Question) -> list[Mention]:
    for candidate in closed_again(text, start):
        found = _joined(_answers(scan(candidate).pieces, question))
        if found:
            return found
    raise ParseError("the reply is JSON that was cut off before its first whole entity")


def _answers(pieces: Sequence[str], question: Question) -> list[_Answer]:
    answers: list[_Answer] = []
    for piece in pieces:
        value = value_of(piece)
        if value is None:
            mentions, whole = read_loose(piece, question), True
        else:
            mentions, whole = mentions_of(value, question), is_whole(value)
        # A bare [] in prose or in a list by type is not yet an answer: see `says_none`.
        if mentions is not None and value not in ([], {}):
            answers.append(_Answer(mentions, whole))
    return answers


def _joined(answers: list[_Answer]) -> list[Mention] | None:
    """The parts together, or the one answer; a draft that agrees with it does no harm."""
    if not answers:
        return None
    wholes = [answer.mentions for answer in answers if answer.whole]
    parts = [mention for answer in answers if not answer.whole for mention in answer.mentions]
    if not wholes:
        return parts
    if any(other != wholes[0] for other in wholes) or not set(parts) <= set(wholes[0]):
        raise ParseError("the reply gives several answers that contradict each other")
    return wholes[0]


def value_of(text: str) -> Value:
    """A piece of JSON or of Python's notation; None where it is neither."""
    try:
        return json.loads(text, object_pairs_hook=_merged)
    except ValueError:
        if len(text) > _LONGEST_LITERAL:
            return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text, mode="eval")
        return None if _repeats_a_key(tree) else ast.literal_eval(tree)
    except (ValueError, SyntaxError, MemoryError, TypeError):
        return None


def _repeats_a_key(tree: ast.AST) -> bool:
    """Whether a dict in Python's notation holds a key twice, of which one would be lost."""
    dicts = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    keys = ([ast.dump(key) for key in node.keys if key is not None] for node in dicts)
    return any(len(set(some)) < len(some) for some in keys)


def _merged(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    """An object; what a key holds that stands twice is put together, not overwritten."""
    merged: dict[str, Value] = {}
    for key, value in pairs:
        merged[key] = [*_listed(merged[key]), *_listed(value)] if key in merged else value
    return merged


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]

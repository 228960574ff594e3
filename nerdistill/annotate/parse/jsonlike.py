"""Replies in JSON, in Python's notation, and in dicts without quotation marks."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, cast

from nerdistill.annotate.parse.mention import Mention, ParseError, Question, mentions_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_LABEL_KEYS = ("label", "type", "entity_type", "category", "entity_group", "class", "tag")
_TEXT_KEYS = ("text", "name", "entity", "mention", "span", "word", "value", "surface")
_LIST_KEYS = ("entities", "named_entities", "results", "result", "output", "annotations", "ner")

_FENCE = re.compile(r"```[\w-]*[ \t]*\r?\n?(.*?)```", re.DOTALL)
_STARTS = re.compile(r"[{\[]")
_MOST_STARTS = 40
"""Places in prose at which a value is looked for: a reply has one, garbage may have millions."""
_LONGEST_LITERAL = 20_000
"""Characters of Python's notation: its parser is slow and takes much memory."""

Value = object


def read_json(text: str, question: Question) -> list[Mention] | None:
    """The mentions of the first JSON or Python value that states any, or states that none are.

    Raises:
        ParseError: the value was cut off, and `salvage` is not set.
    """
    if _is_cut_off(text):
        if not question.salvage:
            raise ParseError("the reply is JSON that was cut off: raise max_tokens")
        return _whole_entities(text, question)
    for value in _values(text):
        found = _mentions(value, question)
        if found is not None:
            return found
    return None


def _values(text: str) -> Iterator[Value]:
    """Candidates: the whole reply, its code blocks, and what opens with a bracket in prose."""
    candidates = [text.strip(), *(block.strip() for block in _FENCE.findall(text))]
    for candidate in candidates:
        if candidate[:1] in {"{", "["}:
            yield from _value(candidate)
    decoder = json.JSONDecoder()
    done = 0
    for number, start in enumerate(_STARTS.finditer(text)):
        if number >= _MOST_STARTS:
            return
        if start.start() < done:
            continue
        try:
            value, done = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            yield from _value(text[start.start() : _closing(text, start.start())])
        else:
            yield value


def _closing(text: str, start: int) -> int:
    """Behind the last bracket that could close the one at `start`."""
    return text.rfind("}" if text[start] == "{" else "]") + 1


def _value(text: str) -> Iterator[Value]:
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        if len(text) > _LONGEST_LITERAL:
            return
        try:
            yield ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return


def _mentions(value: Value, question: Question) -> list[Mention] | None:
    """The mentions that a value states; None where it is no answer."""
    if isinstance(value, dict):
        return _of_dict({str(key): inner for key, inner in value.items()}, question)
    if isinstance(value, (list, tuple)):
        return _of_list(list(value), question)
    return None


def _of_dict(value: dict[str, Value], question: Question) -> list[Mention] | None:
    lower = {key.casefold(): inner for key, inner in value.items()}
    for key in _LIST_KEYS:
        if key in lower:
            return _mentions(lower[key], question)
    one = _entity(value, question)
    if one is not None:
        return one
    resolve = question.schema.resolve
    if any(map(resolve, value)):
        return _by_type(value)
    if value and all(isinstance(inner, str) and resolve(inner) for inner in value.values()):
        # {"EU": "ORG"}: the other way round.
        return [Mention(str(inner), key) for key, inner in value.items()]
    # {"answer": {"entities": []}}: one wrapping more.
    return _mentions(next(iter(value.values())), question) if len(value) == 1 else None


def _by_type(value: dict[str, Value]) -> list[Mention] | None:
    found: list[Mention] = []
    for label, inner in value.items():
        texts = _texts(inner)
        if texts is None:
            return None
        found += mentions_in(label, texts)
    return found


def _texts(value: Value) -> list[str] | None:
    """The mentions of one type: a list, one string, nothing, or a list of objects with a text."""
    if value is None or value is False:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, (list, tuple)):
        return None
    texts: list[str] = []
    for item in value:
        text = _first(item, _TEXT_KEYS) if isinstance(item, dict) else item
        if not isinstance(text, str):
            return None
        texts.append(text)
    return texts


def _of_list(value: list[Value], question: Question) -> list[Mention] | None:
    found: list[Mention] = []
    for item in value:
        one = _entity(item, question)
        if one is None:
            return None
        found += one
    return found


def _entity(item: Value, question: Question) -> list[Mention] | None:
    """One entity: an object with type and text, or a pair."""
    if isinstance(item, dict):
        label, text = _first(item, _LABEL_KEYS), _first(item, _TEXT_KEYS)
        if isinstance(text, str) and isinstance(label, str):
            return mentions_in(label, [text])
        if len(item) == 1:
            ((key, inner),) = item.items()
            known = isinstance(inner, str) and any(map(question.schema.resolve, (str(key), inner)))
            if isinstance(inner, str) and known:
                return _pair(str(key), inner, question)
        return None
    if isinstance(item, str) and question.default_label is not None:
        return mentions_in(question.default_label, [item])
    if isinstance(item, (list, tuple)) and len(item) == 2 and all(isinstance(i, str) for i in item):  # noqa: PLR2004 - a pair
        first, second = cast("list[str]", list(item))
        return _pair(first, second, question)
    return None


def _pair(first: str, second: str, question: Question) -> list[Mention]:
    """A text and its type in either order; a text and an unknown type where neither is known."""
    resolve = question.schema.resolve
    if resolve(first) and not resolve(second):
        return mentions_in(first, [second])
    return mentions_in(second, [first])


def _first(item: dict[Value, Value], keys: tuple[str, ...]) -> Value:
    lower = {str(key).casefold(): inner for key, inner in item.items()}
    return next((lower[key] for key in keys if key in lower), None)


_OPENING = re.compile(r"[{\[]\s*(?:[\"'{\[]|$)")
_BRACKET_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|$)|[{}\[\]]')
_WHOLE_ENTITY = re.compile(r"\{[^{}]*\}")


def _is_cut_off(text: str) -> bool:
    """Whether the first JSON-like value of a reply never closes."""
    opening = _OPENING.search(text)
    if opening is None:
        return False
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(text, opening.start()):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth == 0:
            return False
    return True


def _whole_entities(text: str, question: Question) -> list[Mention]:
    """The entities of JSON that does not end, as far as they are whole."""
    found: list[Mention] = []
    for piece in _WHOLE_ENTITY.findall(text):
        for value in _value(piece):
            found += _entity(value, question) or []
    return found


_LOOSE_ITEM = re.compile(
    r"[\"']?([^\W\d][\w ]{0,40}?)[\"']?\s*[:=]\s*(?:\[([^\[\]{}]*)\]|(None|null))"
)


def read_loose_dict(text: str, question: Question) -> list[Mention] | None:
    """A dict by type without quotation marks: `{Location: [Japan, China], Person: []}`."""
    start, end = text.find("{"), text.rfind("}")
    if not 0 <= start < end:
        return None
    found: list[Mention] = []
    known = False
    for label, items, _ in _LOOSE_ITEM.findall(text[start : end + 1]):
        known = known or question.schema.resolve(label) is not None
        found += mentions_in(label.strip(), items.split(","))
    return found if known else None

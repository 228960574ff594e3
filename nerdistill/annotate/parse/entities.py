"""The shapes in which a decoded value states entities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.annotate.parse.mention import Mention
from nerdistill.annotate.parse.nothing import is_nothing

if TYPE_CHECKING:
    from nerdistill.annotate.parse.mention import Question

LABEL_KEYS = ("label", "type", "entity_type", "category", "entity_group", "class", "tag")
_TEXT_KEYS = ("text", "name", "mention", "entity", "entity_text", "span", "word", "surface")
_TEXT_LIST_KEYS = ("mentions", "names", "texts", "values", "entities")
_START_KEYS = ("start", "start_char", "start_offset", "start_index", "begin")
LIST_KEYS = ("entities", "named_entities", "results", "result", "output", "annotations", "ner")

Value = object


def mentions_of(value: Value, question: Question) -> list[Mention] | None:
    """The mentions that a value states, in its order; None where it is no answer.

    Read are lists of objects or pairs, such a list under a key, objects by type, and their like.
    """
    if isinstance(value, dict):
        items = {str(key).casefold(): (str(key), item) for key, item in value.items()}
        return _of_dict(items, question) if len(items) == len(value) else None
    if isinstance(value, (list, tuple)):
        pair = _pair(list(value), question)
        return _of_list(list(value), question) if pair is None else pair
    return None


def is_whole(value: Value) -> bool:
    """Whether a value is an answer by itself; one entity, or one type's, is a part of one."""
    if isinstance(value, dict):
        keys = {str(key).casefold() for key in value}
        if keys & set(LIST_KEYS):
            return not keys & set(LABEL_KEYS)
        return len(value) > 1 and all(isinstance(inner, (list, tuple)) for inner in value.values())
    return isinstance(value, (list, tuple)) and not any(isinstance(item, str) for item in value)


Items = dict[str, tuple[str, Value]]
"""An object: for each key in lower case the key as it is written, and its value."""


def _of_list(value: list[Value], question: Question) -> list[Mention] | None:
    found: list[Mention] = []
    for item in value:
        one: list[Mention] | None = None
        if isinstance(item, str) and question.default_label is not None:
            one = _named(question.default_label, item)
        elif item:
            one = mentions_of(item, question)
        if one is None:
            return None
        found += one
    return found


def _of_dict(items: Items, question: Question) -> list[Mention] | None:
    for key in LIST_KEYS:
        if key in items:
            inner = items[key][1]
            if inner is None or (isinstance(inner, str) and is_nothing(inner)):
                return []
            found = mentions_of(inner, question)
            if found is not None:
                return found
    one = _entity(items, question)
    if one is not None or any(key in items for key in (*LIST_KEYS, *LABEL_KEYS)):
        return one
    return _by_type(items, question)


def _entity(items: Items, question: Question) -> list[Mention] | None:
    """One entity, or several of one type: an object with keys for type and text."""
    label = _first(items, LABEL_KEYS)
    if label is None and "text" in items:
        label = _first(items, ("entity",))
    text = _first(items, (*_TEXT_KEYS, *_TEXT_LIST_KEYS))
    texts = _texts(text)
    told = any(key in items for key in (*_TEXT_KEYS, *_TEXT_LIST_KEYS))
    if not isinstance(label, str) or not told or texts is None:
        return None
    start = _first(items, _START_KEYS)
    if isinstance(start, int) and len(texts) == 1 and _stands_at(start, texts[0], question):
        return [Mention(label, texts[0], start)]
    return [mention for text in texts for mention in _named(label, text)]


def _stands_at(start: int, text: str, question: Question) -> bool:
    return bool(text.strip()) and start >= 0 and question.sentence.startswith(text, start)


def _by_type(items: Items, question: Question) -> list[Mention] | None:
    """An object with the types as keys, or with the texts as keys and their types as values."""
    values = [inner for _, inner in items.values()]
    keys = [key for key, _ in items.values()]
    types = [question.type_in(key) for key in keys]
    if values and not all(types) and all(_is_type(inner, question) for inner in values):
        pairs = zip(values, keys, strict=True)
        return [mention for label, text in pairs for mention in _named(str(label), text)]
    lists = values and all(isinstance(inner, (list, tuple)) for inner in values)
    if items and not any(types) and not lists:
        return None
    found: list[Mention] = []
    for key, known, inner in zip(keys, types, values, strict=True):
        texts = _texts(inner)
        if known is None and not isinstance(inner, (list, tuple)):
            continue  # a remark: {"reasoning": "…", "PER": […]}
        if texts is None:
            return None
        for text in texts:
            found += (
                question.items(known or key, text)
                if isinstance(inner, str)
                else _named(known or key, text)
            )
    return found


def _is_type(value: Value, question: Question) -> bool:
    return isinstance(value, str) and question.type_in(value) is not None


def _texts(value: Value) -> list[str] | None:
    """The texts of one type: a list, one string, nothing, or a list of objects with a text."""
    if value is None or value is False:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, (list, tuple)):
        return None
    texts: list[str] = []
    for item in value:
        text = item
        if isinstance(item, dict):
            text = _first(
                {str(key).casefold(): (str(key), v) for key, v in item.items()}, _TEXT_KEYS
            )
        if not isinstance(text, str):
            return None
        texts.append(text)
    return texts


def _pair(value: list[Value], question: Question) -> list[Mention] | None:
    """A text and its type in either order, perhaps with offsets: `["Ada", "PER"]`."""
    words = [item for item in value if isinstance(item, str)]
    offsets = all(isinstance(item, (str, int, float)) for item in value)
    if len(words) != 2 or not offsets:  # noqa: PLR2004 - a pair
        return None
    first, second = words
    resolve, sentence = question.schema.resolve, question.sentence
    if resolve(second) and (not resolve(first) or first in sentence or second not in sentence):
        return _named(second, first)
    return _named(first, second) if resolve(first) else None


def _named(label: str, text: str) -> list[Mention]:
    """A mention with its text untouched, unless it says that there is none."""
    return [] if is_nothing(text) else [Mention(label, text)]


def _first(items: Items, keys: tuple[str, ...]) -> Value:
    return next((items[key][1] for key in keys if key in items), None)

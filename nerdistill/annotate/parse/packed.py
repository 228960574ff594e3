"""Replies about several numbered sentences: `{"sentences": [{"number": 1, "entities": […]}, …]}`.

Every answer goes to the sentence whose number it bears. What cannot be told apart is an error of
the sentence concerned, never a guess: a label on the wrong sentence is worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.annotate.parse import answer_in, parse_reply
from nerdistill.annotate.parse.brackets import scan
from nerdistill.annotate.parse.entities import LABEL_KEYS, LIST_KEYS, Value, mentions_of
from nerdistill.annotate.parse.jsonlike import MOST_PIECES, value_of
from nerdistill.annotate.parse.mention import Mention, ParseError, Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

_LIST = "sentences"
_NUMBER_KEYS = ("number", "sentence_number", "sentence_id", "id", "no", "nr", "sentence")
_UNSURE = -1
"""The number of an answer that bears one which cannot be read."""
_LONGEST_NUMBER = 6

Numbered = tuple[int | None, Value]
"""An answer and the number that it bears."""
Answer = tuple[Mention, ...] | ParseError


def read_packed(
    text: str, sentences: Sequence[Sentence], schema: LabelSchema
) -> tuple[Answer, ...]:
    """The mentions that a reply states of each sentence, or why it states none.

    Answers without any numbers are taken in their order where there is exactly one a sentence. A
    reply about one sentence may also have any form that `parse_reply` reads.

    Args:
        text: the reply.
        sentences: of the request, in its order: their numbers count from 1.
        schema: whose type names and aliases tell labels from mentions.

    Raises:
        ParseError: the reply as a whole cannot be read, or was cut off.
    """
    try:
        found = _answers(answer_in(text), sentences)
    except RecursionError as error:
        raise ParseError("the reply is nested too deeply") from error
    if not found and len(sentences) == 1:
        return (parse_reply(text, sentence=sentences[0].text, schema=schema),)
    if not found:
        raise ParseError(f"the reply numbers no answers, and {len(sentences)} were asked for")
    numbers = {number for number, _ in found}
    if 0 in numbers:
        raise ParseError("the reply counts sentences from 0, so that its numbers are not sure")
    if numbers == {None}:
        if len(found) != len(sentences):
            raise ParseError(
                f"the reply has {len(found)} answers without numbers to {len(sentences)} sentences"
            )
        found = [(i, value) for i, (_, value) in enumerate(found, start=1)]
    return tuple(
        _read([value for at, value in found if at == number], number, sentence, schema)
        for number, sentence in enumerate(sentences, start=1)
    )


def _read(values: list[Value], number: int, sentence: Sentence, schema: LabelSchema) -> Answer:
    """What the values that bear a sentence's number state."""
    question = Question(sentence.text, schema, default_label=None, salvage=False)
    if not values:
        return ParseError(f"the reply has no answer to sentence {number}")
    read = (mentions_of(value, question) for value in values if value != {})
    stated = [tuple(mentions) for mentions in read if mentions is not None]
    if not stated:
        return ParseError(f"the reply's answer to sentence {number} cannot be read")
    if any(other != stated[0] for other in stated):
        return ParseError(f"the reply gives contradicting answers to sentence {number}")
    return stated[0]


def _answers(text: str, sentences: Sequence[Sentence]) -> list[Numbered]:
    """The answers of a reply: those of its lists of sentences, else its numbered objects."""
    found = scan(text)
    if len(found.pieces) > MOST_PIECES:
        raise ParseError(f"the reply has more than {MOST_PIECES} bracketed pieces")
    if found.unclosed is not None:
        raise ParseError("the reply is JSON that was cut off: raise max_tokens")
    # A model that repeats a sentence must not be read as if it said what the sentence says.
    own = [piece for piece in found.pieces if not any(piece in one.text for one in sentences)]
    values = [value for piece in own if (value := value_of(piece)) is not None]
    lists = [listed for value in values if (listed := _listed(value)) is not None]
    if len(lists) == 1 and all(number is None for number, _ in lists[0]):
        return lists[0]
    listed_or_loose = lists or [list(_numbered(value)) for value in values]
    return [one for some in listed_or_loose for one in some if one[0] is not None]


def _listed(value: Value) -> list[Numbered] | None:
    """The answers below the key `sentences`, or in a list of objects that are whole answers."""
    if isinstance(value, dict):
        inner = next((inner for key, inner in value.items() if str(key).casefold() == _LIST), None)
        return None if inner is None else [one for item in _items(inner) for one in item]
    if not isinstance(value, list):
        return None
    answers = [one for item in value for one in _numbered(item)]
    return answers if value and len(answers) == len(value) else None


def _items(value: Value) -> Iterator[list[Numbered]]:
    if isinstance(value, dict):
        yield list(_numbered(value))
    elif isinstance(value, list):
        for item in value:
            # What is listed as a sentence and says nothing still takes its place.
            yield list(_numbered(item)) or [(None, {})]


def _numbered(value: Value) -> Iterator[Numbered]:
    """The answer that an object is, with its number, or the answers that it holds by number."""
    if not isinstance(value, dict) or not value or _is_entity(value):
        return
    keys = {str(key).casefold(): key for key in value}
    named = next((keys[key] for key in _NUMBER_KEYS if key in keys), None)
    if named is not None and not _is_echo(named, value[named]):
        rest = {key: inner for key, inner in value.items() if key != named}
        number = _number(value[named])
        yield _UNSURE if number is None else number, rest
    elif all(_number(key) is not None and not _is_entity(value[key]) for key in value):
        yield from ((_number(key), inner) for key, inner in value.items())
    elif keys.keys() & set(LIST_KEYS):
        yield None, value


def _is_entity(value: Value) -> bool:
    """Whether an object is one entity: a number in it counts entities, not sentences."""
    keys = {str(key).casefold() for key in value} if isinstance(value, dict) else set()
    return bool(keys & set(LABEL_KEYS)) and not keys & set(LIST_KEYS)


def _is_echo(key: str, value: Value) -> bool:
    """Whether a key holds the sentence itself, which may be a number too."""
    return key.casefold() == "sentence" and isinstance(value, str)


def _number(value: Value) -> int | None:
    """A sentence's number as models write it: 2, "2", "Sentence 2"."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    digits = str(value).casefold().removeprefix("sentence").strip(" :#.")
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else None

"""The shape of a reply: its JSON schema, and a right reply of that shape.

Models write the properties of an object in the order in which the schema lists them, and what they
write first guides what follows. So schemas are written in their own order, never sorted. Some
servers do sort them: names whose order matters (`analysis` before `entities`) sort that way too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

JsonObject = dict[str, object]

SHAPE_HINT = (
    'The block reply is a JSON schema such as {"type": "object", "properties": {"analysis": '
    '{"type": "string"}, "entities": {{ entities }}}, "required": ["analysis", "entities"], '
    '"additionalProperties": false}; leave the block out for entities alone.'
)


def entities_shape(schema: LabelSchema) -> JsonObject:
    """The JSON schema of a list of entities: labels come from the label schema alone."""
    entity = {
        "additionalProperties": False,
        "properties": {
            "label": {"enum": list(schema.names), "type": "string"},
            "text": {"type": "string"},
        },
        "required": ["label", "text"],
        "type": "object",
    }
    return {"items": entity, "type": "array"}


def answer_shape(schema: LabelSchema) -> JsonObject:
    """The JSON schema of the answer to one sentence, where a prompt brings none of its own."""
    return _object({"entities": entities_shape(schema)})


def read_shape(text: str, prompt: str) -> JsonObject:
    """The JSON schema that a prompt's block `reply` renders.

    Raises:
        ConfigError: it is not the schema of an object that holds entities.
    """
    where = f"prompt {prompt}, block reply"
    try:
        shape = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: not JSON: {error}", SHAPE_HINT) from error
    known = shape.get("properties") if isinstance(shape, dict) else None
    if not isinstance(known, dict) or "entities" not in known or "number" in known:
        raise ConfigError(
            f"{where}: not the schema of an object with `entities` and without `number`", SHAPE_HINT
        )
    return {str(key): value for key, value in shape.items()}


def packed_shape(answer: JsonObject, count: int, *, exact: bool) -> JsonObject:
    """The JSON schema of the answers to `count` numbered sentences.

    Args:
        answer: the schema of the answer to one.
        count: of the sentences.
        exact: hold the list to this length, which some servers refuse.
    """
    properties, numbers = answer["properties"], list(range(1, count + 1))
    if not isinstance(properties, dict):
        raise TypeError(f"no schema of an object: {properties!r}")
    numbered = _object({"number": {"enum": numbers, "type": "integer"}, **properties})
    length = {"maxItems": count, "minItems": count} if exact else {}
    return _object({"sentences": {"items": numbered, **length, "type": "array"}})


def write_shape(shape: JsonObject) -> str:
    """A schema as compact JSON, with its properties in their order."""
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":"))


def fields_of(answer: JsonObject) -> tuple[str, ...]:
    """The properties of an answer, in order."""
    properties = answer["properties"]
    return tuple(properties) if isinstance(properties, dict) else ()


def right_answer(answer: JsonObject, sentence: Sentence, prompt: str) -> JsonObject:
    """What a model should answer to a labelled sentence, in the prompt's shape.

    A property beside `entities` is text and tells the type of each entity.

    Raises:
        ConfigError: the shape asks for what labels do not tell.
    """
    told: JsonObject = {}
    properties = answer["properties"]
    for name, shape in properties.items() if isinstance(properties, dict) else ():
        if name == "entities":
            told[name] = _entities(sentence)
        elif isinstance(shape, dict) and shape.get("type") == "string" and "enum" not in shape:
            told[name] = _analysis(sentence)
        else:
            raise ConfigError(
                f"prompt {prompt} cannot show examples: labels do not tell its property {name!r}",
                "Ask without examples, or let each property beside `entities` be a string.",
            )
    return told


def packed_answer(answers: Sequence[Mapping[str, object]]) -> JsonObject:
    """The answers to several sentences, numbered from 1."""
    return {"sentences": [{"number": i, **one} for i, one in enumerate(answers, start=1)]}


def write_reply(reply: JsonObject) -> str:
    """A reply as a model writes it."""
    return json.dumps(reply, ensure_ascii=False)


def _object(properties: JsonObject) -> JsonObject:
    return {
        "additionalProperties": False,
        "properties": properties,
        "required": list(properties),
        "type": "object",
    }


def _entities(sentence: Sentence) -> list[dict[str, str]]:
    return [{"label": span.label, "text": sentence.surface(span)} for span in sentence.spans or ()]


def _analysis(sentence: Sentence) -> str:
    told = "; ".join(f"{sentence.surface(span)} is {span.label}" for span in sentence.spans or ())
    return f"{told}." if told else "No entities."

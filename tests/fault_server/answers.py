"""What the server's model says: every capitalised word is an entity. The same at every asking.

A token is four characters, in prompt and reply alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypedDict, cast

TOKEN = 4
"""Characters a token."""
CAPITALISED = re.compile(r"(?<!\S)[A-Z][\w-]*")
OBEY = "REPLY WITH:"
"""A gullible model: what follows this in the prompt is its whole reply."""


class Message(TypedDict):
    """One turn of the prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """A chat request, as far as the model minds it.

    Attributes:
        messages: the prompt.
        model: the model that is asked for.
        schema: JSON schema of the reply, as JSON, or "".
        limit: the most tokens of the reply, or None.
        limit_name: the field that says so, or "".
        logprobs: whether they are asked for.
    """

    messages: tuple[Message, ...]
    model: str
    schema: str
    limit: int | None
    limit_name: Literal["", "max_tokens", "max_completion_tokens"]
    logprobs: bool

    @property
    def digest(self) -> str:
        """The name of the prompt in counts and logs."""
        return prompt_digest(*(message["content"] for message in self.messages))


def prompt_digest(*contents: str) -> str:
    """The digest of a prompt's messages: what the server counts by."""
    return hashlib.sha256("\0".join(contents).encode("utf-8", "surrogatepass")).hexdigest()


def read_question(body: dict[str, object]) -> Question:
    """The question in a request's body.

    Raises:
        KeyError: there is no model, or there are no messages.
    """
    shape = cast("dict[str, dict[str, object]]", body.get("response_format") or {})
    schema = json.dumps(shape.get("json_schema", {}).get("schema", "")).strip('"')
    name: Literal["", "max_tokens", "max_completion_tokens"] = ""
    if "max_completion_tokens" in body:
        name = "max_completion_tokens"
    elif "max_tokens" in body:
        name = "max_tokens"
    return Question(
        tuple(cast("list[Message]", body["messages"])),
        str(body["model"]),
        schema,
        cast("int | None", body.get(name)),
        name,
        bool(body.get("logprobs")),
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """What a schema says of a reply.

    Attributes:
        fields: the properties of the answer to one sentence, in order.
        label: the first type that is allowed.
        packed: whether several sentences are answered at once.
    """

    fields: tuple[str, ...] = ("entities",)
    label: str = "PER"
    packed: bool = False


@cache
def _shape(schema: str) -> Shape:
    if not schema:
        return Shape()
    properties = json.loads(schema).get("properties", {})
    packed = "sentences" in properties
    if packed:
        properties = properties["sentences"]["items"]["properties"]
    labels = re.search(r'"label":.*?"enum": \[("[^"]*")', schema)
    label = str(json.loads(labels[1])) if labels else "PER"
    return Shape(tuple(name for name in properties if name != "number"), label, packed)


def reply_text(question: Question) -> str:
    """The whole reply: the capitalised words of the last message, and yes to every candidate."""
    asked = question.messages[-1]["content"]
    if OBEY in asked:
        return asked.partition(OBEY)[2].strip()
    shape = _shape(question.schema)
    if shape.packed:
        told: object = {
            "sentences": [
                {"number": one["number"], **_told(one["text"], shape)}
                for one in json.loads(asked)["sentences"]
            ]
        }
    elif shape.fields == ("verdicts",):
        numbers = [one["number"] for one in json.loads(asked)["candidates"]]
        told = {"verdicts": [{"number": number, "verdict": "yes"} for number in numbers]}
    else:
        told = _told(asked, shape)
    return json.dumps(told, ensure_ascii=False)


def _told(text: str, shape: Shape) -> dict[str, object]:
    """The answer to one sentence; properties beside the entities are a few words."""
    found = [{"label": shape.label, "text": word} for word in CAPITALISED.findall(text)]
    return {name: found if name == "entities" else "Seen." for name in shape.fields}


def completion(question: Question, *, number: int, cached: int) -> dict[str, object]:
    """The body of a good answer.

    Args:
        question: what is asked.
        number: of the answer, for its id.
        cached: how many of the prompt's tokens count as cached.
    """
    whole = reply_text(question)
    cut = question.limit is not None and len(whole) > question.limit * TOKEN
    text = whole[: (question.limit or 0) * TOKEN] if cut else whole
    tokens_in, tokens_out = prompt_tokens(*question.messages), tokens(text)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "finish_reason": "length" if cut else "stop",
        "logprobs": {"content": _logprobs(text), "refusal": None} if question.logprobs else None,
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": question.model,
        "choices": [choice],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }


def tokens(text: str) -> int:
    """The tokens of a text."""
    return -(-len(text) // TOKEN)


def prompt_tokens(*messages: Message) -> int:
    """The tokens of a prompt."""
    return sum(tokens(message["content"]) for message in messages)


def _logprobs(text: str) -> list[dict[str, object]]:
    pieces = (text[at : at + TOKEN] for at in range(0, len(text), TOKEN))
    return [
        {"token": piece, "logprob": -len(piece) / 100, "bytes": None, "top_logprobs": []}
        for piece in pieces
    ]

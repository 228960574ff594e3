"""The chat-completions wire format: a request as a body, a server's answer as a reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from nerdistill.annotate.protocol import JSON_OBJECT, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from nerdistill.annotate.protocol import FailureKind, Request
    from nerdistill.digest import Digest

SHOWN = 300
"""Characters of a server's words that a message repeats."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What servers call things.

    Attributes:
        tokens_field: of the bound on the reply's tokens.
        logprobs: whether to ask for log-probabilities.
        model: the model's name, where requests know it by another.
    """

    tokens_field: Literal["max_completion_tokens", "max_tokens"]
    logprobs: bool
    model: str | None = None

    def other_tokens_field(self) -> Dialect:
        """The same with the bound's other name: old models know one, new ones the other."""
        newer: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
        return replace(self, tokens_field="max_tokens" if self.tokens_field == newer else newer)


class AnswerError(Exception):
    """An answer of status 200 that holds no reply.

    Attributes:
        kind: what a failure would call it.
        again: whether the same question may well get a reply.
    """

    def __init__(self, message: str, kind: FailureKind = "server", *, again: bool = True) -> None:
        super().__init__(message)
        self.kind, self.again = kind, again


class WrongModelError(Exception):
    """Another model answered than the one that was asked."""


class _Token(TypedDict):
    # One for each token of each reply: objects would cost twice the time.
    token: str
    logprob: float


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    finish_reason: str | None = None
    message: _Message
    logprobs: _Logprobs | None = None


class _Details(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Answer(BaseModel):
    model: str = ""
    choices: list[_Choice]
    usage: _Usage | None = None


def body_of(request: Request, dialect: Dialect) -> dict[str, object]:
    """The JSON body that asks a request."""
    sampling = request.sampling
    body: dict[str, object] = {
        "model": dialect.model or request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": sampling.temperature,
        dialect.tokens_field: sampling.max_tokens,
    }
    if sampling.top_p != 1.0:
        body["top_p"] = sampling.top_p
    if sampling.seed is not None:
        # Draws of one prompt must differ, on servers that repeat themselves for a seed too.
        body["seed"] = sampling.seed + request.sample
    if request.schema is not None:
        body["response_format"] = _response_format(request.schema)
    if dialect.logprobs:
        body["logprobs"] = True
    return {**body, **_extra(sampling.extra)}


def encode(body: dict[str, object]) -> bytes:
    """A body as it is sent: in ASCII, so that text that UTF-8 cannot hold passes too."""
    return json.dumps(body).encode()


@lru_cache(maxsize=64)
def _response_format(schema: str) -> dict[str, object]:
    if schema == JSON_OBJECT:
        return {"type": "json_object"}
    shape = {"name": "entities", "strict": True, "schema": json.loads(schema)}
    return {"type": "json_schema", "json_schema": shape}


@lru_cache(maxsize=64)
def _extra(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text)
    return found


def reply_of(request: Digest, content: bytes, accepts: Callable[[str], bool]) -> Reply:
    """The reply in the body of an answer of status 200.

    Args:
        request: key of what was asked.
        content: the answer's body.
        accepts: whether the model that answered is the one that was meant.

    Raises:
        AnswerError: the body is cut off or malformed, or holds a refusal in place of a reply.
        WrongModelError: another model answered.
    """
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise AnswerError(f"the server's answer is no chat completion: {first['msg']}") from None
    if answer.model and not accepts(answer.model):
        raise WrongModelError(answer.model)
    if not answer.choices:
        raise AnswerError("the server's answer holds no choice")
    choice = answer.choices[0]
    text, finish = choice.message.content, choice.finish_reason
    if finish == "content_filter" or choice.message.refusal:
        said = (choice.message.refusal or "its content filter stopped it")[:SHOWN]
        raise AnswerError(f"the model refused: {said}", "refused", again=False)
    if text is None and finish != "length":
        raise AnswerError(f"the server's answer holds no text (finish_reason {finish!r})")
    usage = answer.usage or _Usage()
    details = usage.prompt_tokens_details
    tokens = choice.logprobs.content if choice.logprobs else None
    return Reply(
        request,
        text or "",
        "length" if finish == "length" else "stop",
        usage.prompt_tokens,
        usage.completion_tokens,
        None if tokens is None else tuple((one["token"], one["logprob"]) for one in tokens),
        (details.cached_tokens or 0) if details else 0,
        answer.model,
    )

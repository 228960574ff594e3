"""What an annotator is: requests in, replies or failures out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from nerdistill.digest import Digest, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.types import Sentence

JSON_OBJECT = "json_object"
"""In place of a schema: any JSON object, for models that know no schemas."""

FailureKind = Literal["no_reply", "truncated", "unparsable", "refused", "timeout", "server"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model draws its reply.

    Attributes:
        temperature: 0 takes the likeliest token each time.
        top_p: share of the probability that tokens are drawn from.
        max_tokens: bounds the reply, not the prompt.
        seed: of the draw, where the server takes one.
        extra: canonical JSON of further fields for the server, such as
            `{"chat_template_kwargs":{"enable_thinking":false}}`.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 1024
    seed: int | None = None
    extra: str = "{}"


@dataclass(frozen=True)
class Request:
    """One question to a language model.

    Attributes:
        messages: the prompt.
        model: the model's name, as the backend knows it.
        sampling: how the reply is drawn.
        schema: the JSON schema that the reply must follow, as text whose order of properties is
            that of the reply; `JSON_OBJECT` for JSON of any shape; None for free text.
        sample: number of the draw, from 0, where several replies to one prompt are wanted.
        sentences: what the question is about, one or several; outside the key.
    """

    messages: tuple[Message, ...]
    model: str
    sampling: Sampling
    schema: str | None
    sample: int
    sentences: tuple[Sentence, ...]

    @cached_property
    def key(self) -> Digest:
        """The digest of all that changes the answer."""
        return digest_of(
            {
                "messages": self.messages,
                "model": self.model,
                "sampling": self.sampling,
                "schema": self.schema,
                "sample": self.sample,
            }
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, untouched.

    Attributes:
        request: key of the request.
        text: the reply as it came.
        finish: `length` where `max_tokens` cut it off.
        tokens_in: of the prompt; 0 where the backend does not count.
        tokens_out: of the reply; 0 where the backend does not count.
        logprobs: a natural-log probability for each reply token as `(token, logprob)`, or None.
        tokens_cached: of `tokens_in`, those that the server had cached.
        model: what the server says that answered; "" where it says nothing.
    """

    request: Digest
    text: str
    finish: Literal["stop", "length"]
    tokens_in: int = 0
    tokens_out: int = 0
    logprobs: tuple[tuple[str, float], ...] | None = None
    tokens_cached: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no usable reply. Never stored as a reply.

    Attributes:
        request: key of the request.
        kind: what went wrong.
        message: for a person, naming the remedy where there is one.
    """

    request: Digest
    kind: FailureKind
    message: str


class Annotator(Protocol):
    """Answers requests. May answer out of order and work on many at once inside."""

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request."""

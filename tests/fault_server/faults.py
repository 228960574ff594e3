"""The ways in which the server fails, and the plan of when it does.

| fault | what the client sees |
| --- | --- |
| 429, 500, 503 | the status, without Retry-After |
| 429-seconds, 429-date, 429-ms, 429-nonsense, 503-seconds | with a Retry-After of that kind |
| 401, 403, 404 | the key is wrong (and echoed), not allowed, or the model unknown |
| 400-context, 400-schema, 400-max-tokens | what a server cannot do; the last two only where asked |
| 400-echo | the server repeats the key |
| reset, reset-mid | the connection breaks before the answer, or within its body |
| hang, drip | no answer at all, or one that comes byte by byte |
| truncated, malformed, html | status 200 with half the JSON, none, or a page |
| empty-choices, refusal, content-filter | status 200 without a reply |
| wrong-model | a reply of another model |
"""

from __future__ import annotations

import json
import random
import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, cast

from tests.fault_server.http import json_response, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fault_server.answers import Question

GOOD = "ok"
"""In a queue: no fault."""
ON_THE_WIRE = frozenset({"reset", "reset-mid", "hang", "drip"})


@dataclass(frozen=True, slots=True)
class Plan:
    """When the server fails.

    Attributes:
        seed: of the mixture.
        rates: the share of requests that meet each fault.
        queue: the faults of the next requests, one each; it goes before all else.
        texts: the fault that each request meets whose prompt holds this text.
        key: the API key that is asked for, or "".
        retry_after: seconds that Retry-After names.
        drip: seconds between the bytes of a drip.
        looks: how often a batch is looked at before it ends.
        batch: how a batch ends: `completed`, or `expired` with its second half unanswered.
    """

    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    queue: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    key: str = ""
    retry_after: float = 1
    drip: float = 0.05
    looks: int = 1
    batch: str = "completed"

    def __post_init__(self) -> None:
        known = {GOOD, *ON_THE_WIRE, *REFUSALS, *SPOILT}
        unknown = {*self.rates, *self.queue, *self.texts.values()} - known
        if unknown or sum(self.rates.values()) > 1:
            raise ValueError(f"unknown faults, or rates above 1: {sorted(unknown)}")


class Chooser:
    """Follows a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._queue = deque(plan.queue)
        self._random = random.Random(plan.seed)

    def choose(self, key: str, question: Question) -> str:
        """The fault that a request meets, or `ok`."""
        plan = self.plan
        if plan.key and key != plan.key:
            return "401"
        fault = self._queue.popleft() if self._queue else self._mixed(question)
        if fault == "400-schema" and not question.schema:
            return GOOD
        if fault == "400-max-tokens" and question.limit_name != "max_tokens":
            return GOOD
        return fault

    def _mixed(self, question: Question) -> str:
        for text, fault in self.plan.texts.items():
            if text in question.messages[-1]["content"]:
                return fault
        roll = self._random.random() if self.plan.rates else 0.0
        for fault, rate in self.plan.rates.items():
            roll -= rate
            if roll < 0:
                return fault
        return GOOD


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with a status of failure; `{key}` and `{model}` in its message are filled in."""

    status: int
    message: str
    code: str | None = None
    retry: str = ""
    parameter: str | None = None


SLOW = "Rate limit reached for requests"
REFUSALS = {
    "429": Refusal(429, SLOW, "rate_limit_exceeded"),
    "429-seconds": Refusal(429, SLOW, "rate_limit_exceeded", "seconds"),
    "429-date": Refusal(429, SLOW, "rate_limit_exceeded", "date"),
    "429-ms": Refusal(429, SLOW, "rate_limit_exceeded", "ms"),
    "429-nonsense": Refusal(429, SLOW, "rate_limit_exceeded", "nonsense"),
    "500": Refusal(500, "The server had an error while processing your request"),
    "503": Refusal(503, "The engine is currently overloaded"),
    "503-seconds": Refusal(503, "The engine is currently overloaded", None, "seconds"),
    "401": Refusal(401, "Incorrect API key provided: {key}.", "invalid_api_key"),
    "403": Refusal(403, "You are not allowed to use this model."),
    "404": Refusal(404, "The model `{model}` does not exist.", "model_not_found"),
    "400-context": Refusal(
        400,
        "This model's maximum context length is 64 tokens. Please reduce the length of the "
        "messages.",
        "context_length_exceeded",
    ),
    "400-schema": Refusal(
        400,
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported.",
        parameter="response_format",
    ),
    "400-echo": Refusal(400, "Bad request from {key}."),
    "400-max-tokens": Refusal(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        "unsupported_parameter",
        parameter="max_tokens",
    ),
}


def told(refusal: Refusal, key: str, question: Question) -> dict[str, object]:
    """The body of a refusal."""
    message = refusal.message.format(key=key, model=question.model)
    return {
        "error": {
            "message": message,
            "type": "error",
            "param": refusal.parameter,
            "code": refusal.code,
        }
    }


def refuse(fault: str, key: str, question: Question, plan: Plan) -> bytes:
    """The whole response of a refusal."""
    refusal = REFUSALS[fault]
    headers = _retry(refusal.retry, plan.retry_after)
    return json_response(told(refusal, key, question), refusal.status, **headers)


def _retry(kind: str, seconds: float) -> dict[str, str]:
    return {
        "": {},
        "seconds": {"Retry-After": f"{seconds:g}"},
        "date": {"Retry-After": formatdate(time.time() + seconds, usegmt=True)},
        "ms": {"retry-after-ms": f"{seconds * 1000:g}"},
        "nonsense": {"Retry-After": "soon"},
    }[kind]


Body = dict[str, object]


def _edited(change: Callable[[Body], object]) -> Callable[[Body], bytes]:
    def edit(good: Body) -> bytes:
        change(good)
        return json_response(good)

    return edit


def _choice(good: Body) -> Body:
    return cast("list[Body]", good["choices"])[0]


def _declined(good: Body) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    _choice(good)["message"] = message


def _filtered(good: Body) -> None:
    _choice(good)["finish_reason"] = "content_filter"
    _choice(good)["message"] = {"role": "assistant", "content": "", "refusal": None}


def _halved(good: Body) -> bytes:
    whole = json.dumps(good).encode()
    return response(200, whole[: len(whole) // 2])


SPOILT: dict[str, Callable[[Body], bytes]] = {
    "truncated": _halved,
    "malformed": lambda _: response(200, b"{'choices': [}"),
    "html": lambda _: response(200, b"<html><h1>Bad Gateway</h1></html>", kind="text/html"),
    "empty-choices": _edited(lambda good: good.update(choices=[])),
    "refusal": _edited(_declined),
    "content-filter": _edited(_filtered),
    "wrong-model": _edited(lambda good: good.update(model="another-model")),
}
"""What becomes of a good answer's body: the whole response."""

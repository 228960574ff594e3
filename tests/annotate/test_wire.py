"""The wire format: bodies as they are sent, answers as they come."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.protocol import JSON_OBJECT, Message, Reply, Request, Sampling
from nerdistill.annotate.wire import (
    AnswerError,
    Dialect,
    WrongModelError,
    body_of,
    encode,
    reply_of,
)
from nerdistill.digest import Digest

PLAIN = Dialect("max_tokens", logprobs=False)
ASKED = Request((Message("user", "Ada?"),), "m", Sampling(), None, 0, ())
KEY = Digest("k")


def answer(**changes: object) -> bytes:
    """A completion with one choice."""
    message = {"role": "assistant", "content": "yes"} | dict(changes.pop("message", {}))  # type: ignore[call-overload]
    choice = {"index": 0, "finish_reason": "stop", "message": message, **changes}
    return json.dumps({"model": "m-0613", "choices": [choice]}).encode()


def test_a_body_says_what_changes_the_answer() -> None:
    """Usual values are left to the server but for those that it might choose otherwise."""
    assert body_of(ASKED, PLAIN) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Ada?"}],
        "temperature": 0.0,
        "max_tokens": 1024,
    }
    sampling = Sampling(0.7, 0.9, 64, 5, '{"top_k":20}')
    schema = '{"type":"object","properties":{"b":{},"a":{}}}'
    more = Request(ASKED.messages, "m", sampling, schema, 3, ())
    body = body_of(more, Dialect("max_completion_tokens", logprobs=True, model="served"))
    assert body["model"] == "served"
    assert (body["seed"], body["top_p"], body["top_k"], body["logprobs"]) == (8, 0.9, 20, True)
    assert body["max_completion_tokens"] == 64
    told = body["response_format"]
    assert isinstance(told, dict)
    assert list(told["json_schema"]["schema"]["properties"]) == ["b", "a"]


def test_any_json_is_a_shape_too() -> None:
    """Models that know no schemas are asked for an object."""
    free = Request(ASKED.messages, "m", Sampling(), JSON_OBJECT, 0, ())
    assert body_of(free, PLAIN)["response_format"] == {"type": "json_object"}


@given(st.text())
def test_every_text_can_be_sent(text: str) -> None:
    """Control characters and lone surrogates arrive as they are."""
    odd = Request((Message("user", text + "\ud800\x00"),), "m", Sampling(), None, 0, ())
    sent = json.loads(encode(body_of(odd, PLAIN)))
    assert sent["messages"][0]["content"] == text + "\ud800\x00"


def test_a_reply_is_read_whole() -> None:
    """Text, end, tokens, log-probabilities and the model's name."""
    value = json.loads(answer(logprobs={"content": [{"token": "y", "logprob": -0.5, "x": 1}]}))
    value["usage"] = {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    reply = reply_of(KEY, json.dumps(value).encode(), lambda name: name == "m-0613")
    assert reply == Reply(KEY, "yes", "stop", 9, 4, (("y", -0.5),), 8, "m-0613")


def test_a_reply_that_was_cut_off_says_so() -> None:
    """Even one without any text: its tokens went into thoughts."""
    content = answer(finish_reason="length", message={"content": None})
    assert reply_of(KEY, content, lambda _: True).finish == "length"


@pytest.mark.parametrize(
    ("content", "again"),
    [
        (b"", True),
        (b'{"choices": [', True),
        (b"<html>", True),
        (b'{"choices": []}', True),
        (answer(message={"content": None}), True),
        (answer(message={"content": None, "refusal": "no"}), False),
        (answer(finish_reason="content_filter"), False),
    ],
)
def test_what_is_no_reply_is_an_error(content: bytes, *, again: bool) -> None:
    """Malformed answers are worth another attempt, refusals are not."""
    with pytest.raises(AnswerError) as told:
        reply_of(KEY, content, lambda _: True)
    assert told.value.again is again


def test_another_model_is_refused() -> None:
    """Whoever answers must be the one that was asked."""
    with pytest.raises(WrongModelError, match="m-0613"):
        reply_of(KEY, answer(), lambda name: name == "n")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "message", "content", "finish_reason", "usage", "logprobs"]
                ),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_answer_crashes_the_reader(content: bytes) -> None:
    """Bytes of any kind are a reply or an error of their own kind."""
    try:
        reply_of(KEY, content, lambda _: True)
    except (AnswerError, WrongModelError):
        return

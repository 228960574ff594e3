"""A real vLLM in a process of its own: the annotator `vllm-offline`."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.guard import running
from nerdistill.annotate.inprocess import OfflineAnnotator
from nerdistill.annotate.parse import parse_reply
from nerdistill.annotate.protocol import Failure, Message, Reply
from nerdistill.errors import AnnotationError
from nerdistill.progress import Silent
from tests.vllm.samples import questions, schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.annotate.serve import ServeSettings

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def annotator(
    settings: ServeSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OfflineAnnotator]:
    """One engine for the tests that only ask, with small batches."""
    log = tmp_path_factory.mktemp("offline") / "log"
    with OfflineAnnotator(replace(settings, log=log), Silent(), batch=16) as opened:
        yield opened


def test_replies_follow_the_schema(annotator: OfflineAnnotator) -> None:
    """40 questions in three batches: each reply can be read or was cut off, and is counted."""
    asked = {request.key: request for request in questions(40)}
    answers = list(annotator.answer(asked.values()))
    assert {answer.request for answer in answers} == set(asked)
    whole = 0
    for reply in answers:
        assert isinstance(reply, Reply)
        assert (reply.model, reply.tokens_in > 0) == ("tiny", True)
        assert reply.logprobs is not None
        assert len(reply.logprobs) == reply.tokens_out
        assert all(logprob <= 0 for _, logprob in reply.logprobs)
        assert "".join(token for token, _ in reply.logprobs).startswith(reply.text)
        if reply.finish == "stop":
            (sentence,) = asked[reply.request].sentences
            parse_reply(reply.text, sentence=sentence.text, schema=schema())
            whole += 1
    assert whole
    cached = sum(reply.tokens_cached for reply in answers if isinstance(reply, Reply))
    assert cached > 0.5 * sum(reply.tokens_in for reply in answers if isinstance(reply, Reply))


def test_a_seed_draws_the_same_reply_again(annotator: OfflineAnnotator) -> None:
    """And another one for the next sample of the same prompt."""
    (request,) = questions(1)
    draws = (request, request, replace(request, sample=1))
    first, again, other = (reply for one in draws for reply in annotator.answer([one]))
    assert isinstance(first, Reply)
    assert isinstance(again, Reply)
    assert isinstance(other, Reply)
    assert first.text == again.text
    assert first.text != other.text


def test_one_bad_question_costs_no_other(annotator: OfflineAnnotator) -> None:
    """Too long a prompt, a field that nobody knows and a schema that is none fail alone."""
    good, long, field, shape, free = questions(5)
    long = replace(long, messages=(Message("user", "word " * 9000),))
    field = replace(field, sampling=replace(field.sampling, extra='{"nope":1}'))
    shape = replace(shape, schema='{"type":5}')
    extra = '{"chat_template_kwargs":{"greeting":"hello"},"top_k":3}'
    sampling = replace(free.sampling, extra=extra, max_tokens=5)
    free = replace(free, schema=None, sampling=sampling)
    asked = (good, long, field, shape, free)
    answers = {answer.request: answer for answer in annotator.answer(asked)}
    kinds = [
        found.kind if isinstance(found := answers[request.key], Failure) else "reply"
        for request in asked
    ]
    assert kinds == ["reply", "refused", "refused", "refused", "reply"]
    assert "4096 tokens" in str(answers[long.key])


def test_an_engine_that_is_killed_is_told(settings: ServeSettings, tmp_path: Path) -> None:
    """In the middle of the work, and nothing of it is left."""
    log = tmp_path / "log"
    with OfflineAnnotator(replace(settings, log=log), Silent(), batch=2) as annotator:
        answers = annotator.answer(questions(4))
        next(answers)
        engine = annotator._engine
        assert engine is not None
        os.kill(engine.child.process.pid, signal.SIGKILL)
        with pytest.raises(AnnotationError, match=r"exit code -9.*want of memory.*Its log"):
            list(answers)
    assert not running(engine.child.process.pid)

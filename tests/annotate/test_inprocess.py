"""The process that holds vLLM: a real process, with a package in vLLM's place."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.guard import running
from nerdistill.annotate.inprocess import OfflineAnnotator
from nerdistill.annotate.protocol import JSON_OBJECT, Failure, Message, Reply, Request, Sampling
from nerdistill.annotate.serve import ServeSettings
from nerdistill.errors import AnnotationError
from nerdistill.progress import PlainLines, Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKE = Path(__file__).with_name("fake_engine")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServeSettings:
    """How to start it on a model that loads."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    (folder / "chat_template.jinja").touch()
    return ServeSettings(folder, max_model_len=512, log=tmp_path / "log", patience=60)


def question(
    text: str, *, sample: int = 0, schema: str | None = None, extra: str = "{}"
) -> Request:
    """A request with a system message."""
    messages = (Message("system", "Find names."), Message("user", text))
    sampling = Sampling(temperature=0.5, max_tokens=64, seed=7, extra=extra)
    return Request(messages, "tiny", sampling, schema, sample, ())


def told(reply: Reply | Failure) -> dict[str, object]:
    """What the engine was told."""
    assert isinstance(reply, Reply)
    found: dict[str, object] = json.loads(reply.text)
    return found


def test_replies(settings: ServeSettings) -> None:
    """Every part of a request reaches the engine, and every part of its output the reply."""
    extra = '{"chat_template_kwargs":{"enable_thinking":false},"top_k":3}'
    asked = question("Zoë \udcff", sample=2, schema='{"type":"object"}', extra=extra)
    with OfflineAnnotator(settings, Silent()) as annotator:
        (reply,) = annotator.answer([asked])
    assert isinstance(reply, Reply)
    assert (reply.request, reply.finish, reply.model) == (asked.key, "stop", "tiny")
    assert (reply.tokens_in, reply.tokens_out, reply.tokens_cached) == (3, 2, 2)
    assert reply.logprobs == (("a", -0.5), ("", -9999.0))
    found = told(reply)
    assert found.pop("process")
    assert found == {
        "asked": "Zoë \udcff",
        "roles": ["system", "user"],
        "chat": [False, None, {"enable_thinking": False}],
        "length": "512",
        "temperature": 0.5,
        "top_p": 1.0,
        "max_tokens": 64,
        "seed": 9,
        "shape": '{"type":"object"}',
        "top_k": 3,
    }


def test_json_of_any_shape_without_logprobs(settings: ServeSettings) -> None:
    """Both are the caller's choice."""
    with OfflineAnnotator(settings, Silent(), logprobs=False) as annotator:
        (reply,) = annotator.answer([question("x", schema=JSON_OBJECT)])
    assert told(reply)["shape"] is True
    assert isinstance(reply, Reply)
    assert reply.logprobs is None


def test_batches(settings: ServeSettings) -> None:
    """Requests are taken a batch at a time, by one process for all batches and all calls."""
    taken = 0

    def requests() -> Iterator[Request]:
        nonlocal taken
        for number in range(5):
            taken += 1
            yield question(str(number))

    with OfflineAnnotator(settings, Silent(), batch=2) as annotator:
        replies = []
        for reply in annotator.answer(requests()):
            replies.append(told(reply))
            assert taken == min(5, 2 * -(-len(replies) // 2))
        assert annotator.in_flight == 0
        replies += map(told, annotator.answer([question("5")]))
    assert [reply["asked"] for reply in replies] == list("012345")
    assert len({str(reply["process"]) for reply in replies}) == 1


def test_bad_questions_cost_nothing_but_themselves(settings: ServeSettings) -> None:
    """Too long, unknown fields and an end for no reason are failures of one request each."""
    texts = ["a", "too long", "lost", "cut", "b"]
    asked = [question(text) for text in texts] + [question("c", extra='{"nope": 1}')]
    with OfflineAnnotator(settings, Silent()) as annotator:
        answers = {answer.request: answer for answer in annotator.answer(asked)}
    found = [answers[one.key] for one in asked]
    assert [one.kind if isinstance(one, Failure) else one.finish for one in found] == [
        "stop",
        "refused",
        "server",
        "length",
        "stop",
        "refused",
    ]
    assert "longer than the maximum" in str(found[1])
    assert "nope" in str(found[5])


def test_nothing_is_loaded_where_nothing_is_asked(settings: ServeSettings) -> None:
    """A run whose replies are all stored starts no engine."""
    with OfflineAnnotator(settings, Silent()) as annotator:
        assert list(annotator.answer([])) == []
    assert settings.log is not None
    assert not settings.log.exists()


def test_a_death_in_the_middle_is_told(
    settings: ServeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code, cause, remedy and log; its last words are shown, which are in no reply."""
    with (
        OfflineAnnotator(settings, PlainLines(sys.stderr)) as annotator,
        pytest.raises(AnnotationError, match=r"exit code 7: out of memory.*--max-model-len.*log"),
    ):
        list(annotator.answer([question("a"), question("die")]))
    assert "| INFO loading" in capsys.readouterr().err


def test_a_model_that_does_not_load_is_told(settings: ServeSettings) -> None:
    """Before anything is asked; the next call tries again."""
    (settings.model / "config.json").write_text('{"fails": "no such quantization"}')
    with OfflineAnnotator(settings, Silent()) as annotator:
        with pytest.raises(AnnotationError, match="no such quantization"):
            list(annotator.answer([question("a")]))
        (settings.model / "config.json").write_text("{}")
        assert len(list(annotator.answer([question("a")]))) == 1


def test_vllm_that_is_not_installed_is_told(
    settings: ServeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the option that names another Python."""
    monkeypatch.delenv("PYTHONPATH")
    with (
        OfflineAnnotator(settings, Silent()) as annotator,
        pytest.raises(AnnotationError, match=r"vLLM is not installed there.*--vllm-python"),
    ):
        list(annotator.answer([question("a")]))


def test_an_abandoned_batch_leaves_nothing_behind(settings: ServeSettings) -> None:
    """Who stops listening ends the engine; the next call gets answers to its own questions."""
    with OfflineAnnotator(settings, Silent()) as annotator:
        answers = annotator.answer([question("a"), question("b")])
        process = told(next(answers))["process"]
        del answers
        assert isinstance(process, int)
        assert not running(process)
        (reply,) = annotator.answer([question("c")])
        assert told(reply)["asked"] == "c"

"""Several servers of one model: shared by what each takes, and none of them is needed."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate import endpoint
from nerdistill.annotate.backends import BackendSettings, open_teacher
from nerdistill.annotate.chat import ChatAnnotator
from nerdistill.annotate.endpoint import ChatSettings
from nerdistill.annotate.job import Job
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Reply, Sampling
from nerdistill.annotate.secrets import Key
from nerdistill.annotate.wire import Dialect
from nerdistill.errors import AnnotationError, ConfigError
from nerdistill.progress import Silent
from nerdistill.types import Sentence
from tests.annotate.samples import CONLL
from tests.connected import Noted
from tests.fault_server.client import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.annotate.protocol import Request
    from tests.fault_server.client import FaultServer

DEAD = {"rates": {"reset": 1.0}}
"""What a server does that is gone."""


@pytest.fixture
def pair() -> Iterator[tuple[FaultServer, FaultServer]]:
    """Two servers of one model."""
    with running(latency=0.01) as one, running(latency=0.01) as other:
        yield one, other


def requests(count: int) -> list[Request]:
    """Questions, each about one sentence."""
    job = Job("vllm", "m", load_prompt("standard"), CONLL, Sampling())
    return list(job.requests(Sentence(f"d{n}#0", (f"Quill{n}", "left", ".")) for n in range(count)))


def annotator(*servers: FaultServer, progress: Noted | None = None) -> ChatAnnotator:
    """Asks these servers, and is impatient."""
    settings = ChatSettings("", Key(""), Dialect("max_tokens", logprobs=False), patience=0.1)
    chats = [replace(settings, base_url=one.base_url) for one in servers]
    return ChatAnnotator(*chats, progress=progress)


def test_both_are_asked_and_nothing_twice(pair: tuple[FaultServer, FaultServer]) -> None:
    """Two that are alike get about as much, and each request goes to one of them."""
    asked = requests(400)
    answers = list(annotator(*pair).answer(asked))
    assert {one.request for one in answers} == {one.key for one in asked}
    assert all(isinstance(one, Reply) for one in answers)
    counts = [one.stats().received for one in pair]
    assert sum(counts) == 400
    assert min(counts) > 100


def test_the_faster_gets_more() -> None:
    """Room decides: one that answers four times as many at once gets most of the requests."""
    with running(latency=0.05, capacity=32) as fast, running(latency=0.05, capacity=4) as slow:
        assert len(list(annotator(fast, slow).answer(requests(600)))) == 600
        assert fast.stats().received > 2 * slow.stats().received


def test_one_that_dies_stops_nothing(
    pair: tuple[FaultServer, FaultServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its requests go to the other; that it died is told once, and when it answers again."""
    monkeypatch.setattr(endpoint, "REST", 0.3)
    one, other = pair
    noted = Noted()
    answers = annotator(*pair, progress=noted).answer(requests(1500))
    found = list(islice(answers, 100))
    one.set_faults(**DEAD)
    found += list(islice(answers, 700))
    one.set_faults()
    before = one.stats().answered
    found += list(answers)
    assert len(found) == 1500
    assert all(isinstance(reply, Reply) for reply in found)
    died = [line for line in noted.said if "1 other servers go on" in line]
    assert len(died) == 1
    assert one.base_url in died[0]
    assert f"{one.base_url} answers again" in noted.said
    assert one.stats().answered > before
    assert other.stats().answered > 700


def test_when_all_are_dead_the_run_stops(pair: tuple[FaultServer, FaultServer]) -> None:
    """The error is that of a server, as if it were the only one."""
    for server in pair:
        server.set_faults(**DEAD)
    with pytest.raises(AnnotationError, match="has not answered for"):
        list(annotator(*pair).answer(requests(50)))


def test_each_must_serve_the_model(fault_server: FaultServer) -> None:
    """A second server of another model is refused before anything is asked."""
    with running(model="n") as other:
        urls = (fault_server.base_url, other.base_url)
        settings = BackendSettings(CONLL, base_urls=urls)
        with (
            pytest.raises(ConfigError, match=rf"{other.base_url}: it does not serve 'm'"),
            open_teacher("vllm", settings, Silent()),
        ):
            pass

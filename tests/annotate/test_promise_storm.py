"""The promise that failures are never stored as replies, and that nothing is lost in a storm."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.replies import ReplyStore
from nerdistill.types import Sentence
from tests.annotate.teaching import Teaching
from tests.fault_server.client import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server.client import FaultServer

STORM = {
    "429": 0.02,
    "429-ms": 0.05,
    "429-seconds": 0.02,
    "429-date": 0.02,
    "429-nonsense": 0.02,
    "500": 0.03,
    "503": 0.02,
    "reset": 0.03,
    "reset-mid": 0.03,
    "truncated": 0.02,
    "malformed": 0.02,
    "html": 0.02,
    "empty-choices": 0.02,
}
COUNT = 300


def sentences(count: int) -> list[Sentence]:
    """Sentences with one entity each."""
    return [Sentence(f"d{n}#0", (f"Quill{n}", "left", ".")) for n in range(count)]


@pytest.fixture
def teaching(tmp_path: Path, fault_server: FaultServer) -> Teaching:
    """A corpus, and a server to label it."""
    made = Teaching(tmp_path, fault_server)
    made.write(sentences(COUNT))
    return made


def test_a_storm(teaching: Teaching) -> None:
    """A third of all attempts fails, in every way; each sentence is answered and stored once."""
    teaching.server.set_faults(seed=1, rates=STORM, retry_after=0.1)
    ended = teaching.run()
    assert (ended.code, teaching.failures()) == (0, []), ended.err
    stats = teaching.server.stats()
    assert stats.answered == COUNT
    assert set(STORM) <= set(stats.outcomes)
    replies = [json.loads(reply.text) for reply in teaching.stored()]
    assert sorted(reply["entities"][0]["text"] for reply in replies) == sorted(
        one.tokens[0] for one in sentences(COUNT)
    )
    assert len(teaching.labelled()) == COUNT


@pytest.mark.parametrize("fault", ["400-context", "refusal", "empty-choices", "malformed"])
def test_what_failed_is_asked_for_again(teaching: Teaching, fault: str) -> None:
    """A sentence that fails for good is no reply: the next run asks for it, and for no other."""
    teaching.server.set_faults(texts={"Quill7 ": fault})
    ended = teaching.run("--deadline", "1")
    assert ended.code == 0, ended.err
    (line,) = teaching.failures()
    assert json.loads(line)["id"] == "d7#0"
    assert len(teaching.stored()) == len(teaching.labelled()) == COUNT - 1
    teaching.server.set_faults()
    before = teaching.server.stats().received
    assert teaching.run().code == 0
    assert teaching.server.stats().received == before + 1
    assert len(teaching.stored()) == len(teaching.labelled()) == COUNT


def test_a_request_that_rests_holds_up_nobody(tmp_path: Path) -> None:
    """While one request waits for its next attempt, others take its place."""
    log = tmp_path / "log"
    with running(log=log, texts={"Quill0 ": "503"}) as server:
        teaching = Teaching(tmp_path, server, concurrency=1)
        teaching.write(sentences(20))
        assert teaching.run("--deadline", "3").code == 0
        assert server.stats().peak == 1
    outcomes = [line.split()[1] for line in log.read_text().splitlines()]
    # The first sentence is asked for first, and again after all others.
    assert (outcomes[0], outcomes[-1], outcomes.count("200")) == ("503", "503", 19)


def test_two_runs_on_one_store(tmp_path: Path, fault_server: FaultServer) -> None:
    """Two commands at once share a store: each labels all, and no reply is stored twice."""
    store = tmp_path / "shared.sqlite"
    pair = [Teaching(tmp_path / name, fault_server) for name in ("first", "second")]
    for one in pair:
        one.folder.mkdir()
        one.write(sentences(COUNT))
    with ExitStack() as stack:
        runs = [
            stack.enter_context(one.start("--store", str(store), output=subprocess.DEVNULL))
            for one in pair
        ]
        assert [run.wait() for run in runs] == [0, 0]
    assert pair[0].labelled() == pair[1].labelled()
    assert len(pair[0].labelled()) == COUNT
    with ReplyStore(store) as opened:
        assert len({reply.text for reply in opened}) == opened.count() == COUNT


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_server_that_keeps_a_request(teaching: Teaching, fault: str) -> None:
    """A request without an end is given up in time, and the others are none the worse for it."""
    teaching.server.set_faults(queue=[fault])
    ended = teaching.run("--timeout", "1")
    assert (ended.code, teaching.failures()) == (0, []), ended.err
    assert teaching.server.stats().outcomes == {"gone" if fault == "drip" else fault: 1, "200": 300}
    assert len(teaching.labelled()) == COUNT


def test_another_model(teaching: Teaching) -> None:
    """Replies of a model that nobody asked are not stored, and the run says so."""
    teaching.server.set_faults(rates={"wrong-model": 1})
    ended = teaching.run()
    assert ended.code == 1
    assert "another-model" in ended.err
    assert teaching.stored() == []


@pytest.mark.parametrize("fault", ["401", "403", "404"])
def test_a_server_that_wants_none_of_it(teaching: Teaching, fault: str) -> None:
    """A run stops where no request could be answered, and keeps what it has."""
    teaching.run("--limit", "10")
    teaching.server.set_faults(rates={fault: 1})
    ended = teaching.run()
    assert ended.code == 1
    assert f"HTTP {fault}" in ended.err
    assert len(teaching.stored()) == 10
    assert teaching.server.stats().received < 10 + COUNT / 2


@pytest.mark.slow
def test_a_dead_server(teaching: Teaching) -> None:
    """A run against a server that only resets stops with a message, and keeps what it has."""
    teaching.run("--limit", "10")
    teaching.server.set_faults(rates={"reset": 1})
    ended = teaching.run()
    assert ended.code == 1
    assert "has not answered" in ended.err
    assert len(teaching.stored()) == 10

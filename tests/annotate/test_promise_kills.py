"""The promise that `kill -9` loses no more than what is in flight."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.prompt import build_requests, load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.types import Sentence, Span
from tests.annotate.samples import CONLL
from tests.annotate.teaching import Process, Teaching
from tests.fault_server.answers import prompt_digest
from tests.fault_server.client import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server.client import FaultServer

PER_RUN = 24
"""Requests until a kill, about."""
CONCURRENCY = 8


def name_of(number: int) -> str:
    """The entity of a sentence: no other has it."""
    return f"Quill{number}"


def sentences(count: int) -> list[Sentence]:
    """Sentences with one entity each."""
    return [
        Sentence(f"d{number}#0", (name_of(number), "left", "the", "harbour", "."))
        for number in range(count)
    ]


def digests(made: list[Sentence]) -> dict[str, str]:
    """What the server calls the prompt of each entity's sentence."""
    requests = build_requests(
        made, prompt=load_prompt("standard"), schema=CONLL, model="m", sampling=Sampling()
    )
    return {
        request.sentences[0].tokens[0]: prompt_digest(*(m.content for m in request.messages))
        for request in requests
    }


def stored_names(teaching: Teaching) -> list[str]:
    """The entity of each stored reply."""
    return [json.loads(reply.text)["entities"][0]["text"] for reply in teaching.stored()]


def kill(process: Process, server: FaultServer, chance: random.Random) -> None:
    """Kill a run, before its first request, between requests or after its last."""
    with process:
        if chance.random() < 0.2:
            ended = ends_within(process, chance.uniform(0.0, 1.5))
        else:
            goal = server.stats().received + chance.randint(1, PER_RUN - 8)
            while server.stats().received < goal and not ends_within(process, 0.01):
                pass
            ended = ends_within(process, chance.uniform(0.0, 0.1))
        if not ended:
            process.kill()


def ends_within(process: Process, seconds: float) -> bool:
    """Whether a process ends in so much time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def endure(folder: Path, kills: int) -> None:
    """Kill a run so many times, let it end, and hold it to its promise."""
    chance = random.Random(kills)
    made = sentences(kills * PER_RUN)
    digest = digests(made)
    settled: dict[str, int] = {}
    with running(latency=0.1) as server:
        # Few at once: replies that came and were lost all the same would soon be more than these.
        teaching = Teaching(folder, server, concurrency=CONCURRENCY)
        teaching.write(made)
        for _ in range(kills):
            kill(teaching.start(output=subprocess.DEVNULL), server, chance)
            while server.stats().in_flight:
                pass
            seen = server.requests()
            for name in stored_names(teaching):
                settled.setdefault(name, seen[digest[name]].received)
        in_flight = server.stats().outcomes["gone"]
        ended = teaching.run()
        assert (ended.code, teaching.failures()) == (0, []), ended.err
        seen = server.requests()
        assert {name: seen[digest[name]].received for name in settled} == settled
        answered = server.stats().answered
        # What the store had not yet committed, too: answers of the last twentieth of a second, of
        # which a server with this latency gives each place at most one.
        assert len(made) <= answered <= len(made) + in_flight + kills * CONCURRENCY
        # Most kills came while the server was busy: the promise was put to the test.
        assert in_flight > 3 * kills
        assert teaching.run().code == 0
        assert server.stats().answered == answered
    assert sorted(stored_names(teaching)) == sorted(digest)
    assert {name: one.spans for name, one in teaching.labelled().items()} == {
        one.id: (Span(0, 1, "PER"),) for one in made
    }


def test_kills(tmp_path: Path) -> None:
    """Thirty kills: all is labelled once, and nothing that is stored is asked for again."""
    endure(tmp_path, 16)


@pytest.mark.slow
def test_many_kills(tmp_path: Path) -> None:
    """The same with two hundred kills."""
    endure(tmp_path, 200)

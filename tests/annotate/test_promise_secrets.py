"""The promise that an API key stands nowhere but in requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.types import Sentence
from tests.annotate.teaching import CANARY, Ended, Teaching

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server.client import FaultServer


@pytest.fixture
def teaching(tmp_path: Path, fault_server: FaultServer) -> Teaching:
    """A corpus, and a server that asks for the key."""
    made = Teaching(tmp_path, fault_server)
    made.write([Sentence(f"d{n}#0", (f"Quill{n}", "left", ".")) for n in range(8)])
    return made


def traces(teaching: Teaching, ended: Ended) -> list[str]:
    """Where the key stands that should not."""
    places = {"standard output": ended.out.encode(), "standard error": ended.err.encode()}
    for path in teaching.folder.rglob("*"):
        if path.is_file():
            places[path.name] = path.read_bytes()
    return [name for name, data in places.items() if CANARY.encode() in data]


def test_the_key_reaches_the_server_alone(teaching: Teaching) -> None:
    """A run that goes well tells the key to nobody else, however much it logs."""
    teaching.server.set_faults(key=CANARY)
    ended = teaching.run("--audit", str(teaching.folder / "audit.json"))
    assert ended.code == 0
    assert teaching.server.calls()[0].headers["authorization"] == f"Bearer {CANARY}"
    assert len(teaching.labelled()) == 8
    assert traces(teaching, ended) == []


@pytest.mark.parametrize("fault", ["401", "400-echo", "403", "404", "500", "reset", "malformed"])
def test_the_key_is_in_no_complaint(teaching: Teaching, fault: str) -> None:
    """A server that repeats the key, and every kind of traceback, tell it to nobody."""
    teaching.server.set_faults(rates={fault: 1})
    ended = teaching.run("--deadline", "1")
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert traces(teaching, ended) == []


def test_the_key_is_in_no_list_of_failures(teaching: Teaching) -> None:
    """A refusal of one sentence that repeats the key is listed without it."""
    teaching.server.set_faults(texts={"Quill7 ": "400-echo"})
    ended = teaching.run()
    assert ended.code == 0
    (line,) = teaching.failures()
    assert "Bad request" in line
    assert traces(teaching, ended) == []

"""Start a fault server as a process of its own, steer it, and read its counts."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Stats:
    """What the server has seen: see `Tally`."""

    received: int
    answered: int
    in_flight: int
    peak: int
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """How often a prompt came, and how often it was answered well and whole."""

    received: int
    answered: int


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A chat request as it came."""

    headers: dict[str, str]
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class FaultServer:
    """A server that runs."""

    port: int

    @property
    def base_url(self) -> str:
        """What `--base-url` takes."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> Stats:
        """The totals since it started."""
        return Stats(**self._ask("stats"))

    def requests(self) -> dict[str, Seen]:
        """The counts of each prompt, by `prompt_digest`."""
        return {digest: Seen(**counts) for digest, counts in self._ask("requests").items()}

    def calls(self) -> list[SeenCall]:
        """The last hundred chat requests."""
        return [SeenCall(**one) for one in self._ask("calls")["calls"]]

    def set_faults(self, **plan: object) -> None:
        """Follow another plan: the fields of `Plan`."""
        self._ask("faults", plan)

    def _ask(self, path: str, value: object = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            if value is None:
                connection.request("GET", f"/control/{path}")
            else:
                connection.request("POST", f"/control/{path}", json.dumps(value))
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(str(told))
        return told


@contextmanager
def running(
    *,
    latency: float = 0.0,
    capacity: int = 64,
    log: Path | None = None,
    model: str = "m",
    **plan: object,
) -> Iterator[FaultServer]:
    """A server for as long as the block runs; see `Server` and, for the rest, `Plan`."""
    words = ["--latency", str(latency), "--capacity", str(capacity), "--model", model]
    words += ["--faults", json.dumps(plan), *(["--log", str(log)] if log else [])]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fault_server", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            yield FaultServer(int(process.stdout.readline()))
        finally:
            process.kill()

"""The server: routes, room for so many requests at once, and honest counts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from dataclasses import dataclass, field
from heapq import heapreplace
from typing import TYPE_CHECKING

from tests.fault_server.answers import completion, prompt_tokens, read_question
from tests.fault_server.batches import Desk
from tests.fault_server.faults import (
    GOOD,
    ON_THE_WIRE,
    REFUSALS,
    SPOILT,
    Chooser,
    Plan,
    refuse,
    told,
)
from tests.fault_server.http import HEAD_LIMIT, Wire, json_response, response

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server.answers import Question
    from tests.fault_server.batches import Answer
    from tests.fault_server.http import Call

ANSWERED = "200"
"""The outcome of a good answer that was sent whole."""
GONE = "gone"
"""The outcome of a request whose client left before its answer."""
KEPT = 100
"""Calls that are kept to be looked at."""


@dataclass
class Tally:
    """What the server has seen.

    Attributes:
        received: requests by prompt digest.
        answered: good answers, sent whole, by prompt digest.
        outcomes: requests that have ended, by status or fault.
        in_flight: requests that have not ended.
        peak: the largest number in flight.
    """

    received: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    peak: int = 0

    def begin(self, digest: str) -> None:
        """Count a request that has come."""
        self.received[digest] += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def end(self, digest: str, outcome: str) -> None:
        """Count a request that has ended."""
        self.in_flight -= 1
        self.outcomes[outcome] += 1
        if outcome == ANSWERED:
            self.answered[digest] += 1

    def stats(self) -> dict[str, object]:
        """The totals."""
        return {
            "received": self.received.total(),
            "answered": self.answered.total(),
            "in_flight": self.in_flight,
            "peak": self.peak,
            "outcomes": dict(self.outcomes),
        }

    def requests(self) -> dict[str, dict[str, int]]:
        """The counts of each prompt."""
        return {
            digest: {"received": count, "answered": self.answered[digest]}
            for digest, count in self.received.items()
        }


class Room:
    """Places for requests, each worked on for so many seconds; who comes first, goes first.

    Places are booked ahead by the clock, so that the server's own work does not slow its answers.
    """

    def __init__(self, latency: float, capacity: int) -> None:
        self._latency = latency
        self._free_at = [0.0] * capacity

    async def work(self) -> None:
        """Wait for a place, and keep it for as long as the work takes."""
        if not self._latency:
            return
        now = asyncio.get_running_loop().time()
        end = max(now, self._free_at[0]) + self._latency
        heapreplace(self._free_at, end)
        await asyncio.sleep(end - now)


class Server:
    """Answers chat requests.

    Args:
        latency: seconds that a request takes.
        capacity: requests that are worked on at once; others wait in turn.
        log: a file that gets a line `digest outcome` for each request that ends.
        model: the name that /v1/models tells.
        plan: the faults.
    """

    def __init__(
        self, *, latency: float, capacity: int, log: Path | None, model: str, plan: Plan
    ) -> None:
        self._room = Room(latency, capacity)
        self._log = log.open("a", buffering=1) if log else None
        self._model = model
        self._chooser = Chooser(plan)
        self._tally = Tally()
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._warm: set[str] = set()
        self._made = 0
        self._desk = Desk(self._batched)

    async def serve(self, port: int) -> asyncio.Server:
        """Listen on loopback; port 0 is any free one."""
        return await asyncio.start_server(
            self._connection, "127.0.0.1", port, limit=HEAD_LIMIT, backlog=1024
        )

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        try:
            while (call := await wire.read()) is not None:
                await self._route(call, wire)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has left, or was thrown out
        finally:
            wire.close()

    async def _route(self, call: Call, wire: Wire) -> None:
        path = call.path.partition("?")[0]
        if path == "/v1/chat/completions" and call.method == "POST":
            self._calls.append(call)
            await self._chat(call, wire)
        elif path == "/v1/models":
            model = {"id": self._model, "object": "model", "created": 0, "owned_by": "nobody"}
            await wire.send(json_response({"object": "list", "data": [model]}))
        elif path == "/health":
            await wire.send(response(200, b""))
        elif path.startswith("/control/"):
            await wire.send(self._control(path.removeprefix("/control/"), call))
        else:
            unknown = json_response({"error": {"message": "no such path"}}, 404)
            await wire.send(self._desk.route(call, self._chooser.plan) or unknown)

    async def _chat(self, call: Call, wire: Wire) -> None:
        question = read_question(json.loads(call.body))
        outcome = GONE
        self._tally.begin(question.digest)
        try:
            outcome = await self._answer(call, question, wire)
        finally:
            self._end(question, outcome)

    def _end(self, question: Question, outcome: str) -> None:
        self._tally.end(question.digest, outcome)
        if self._log:
            self._log.write(f"{question.digest} {outcome}\n")

    def _batched(self, body: dict[str, object], key: str) -> Answer:
        """The answer to a line of a batch."""
        question = read_question(body)
        fault = self._chooser.choose(key, question)
        self._tally.begin(question.digest)
        self._end(question, ANSWERED if fault == GOOD else fault)
        if fault in ON_THE_WIRE:
            return None
        if fault in REFUSALS:
            return REFUSALS[fault].status, told(REFUSALS[fault], key, question)
        good = self._completion(question)
        if fault in SPOILT:
            try:
                good = json.loads(SPOILT[fault](good).partition(b"\r\n\r\n")[2])
            except ValueError:
                return None
        return 200, good

    async def _answer(self, call: Call, question: Question, wire: Wire) -> str:
        """Answer, or fail as planned, and say how it ended."""
        fault = self._chooser.choose(call.key, question)
        if fault in REFUSALS:
            await wire.send(refuse(fault, call.key, question, self._chooser.plan))
        elif fault == "reset":
            wire.reset()
        elif fault == "hang":
            await wire.hang()
        else:
            await self._room.work()
            return GONE if wire.gone else await self._finish(fault, question, wire)
        return fault

    async def _finish(self, fault: str, question: Question, wire: Wire) -> str:
        """Send an answer, spoilt or torn as planned, and say how it ended."""
        good = self._completion(question)
        if fault in SPOILT:
            await wire.send(SPOILT[fault](good))
            return fault
        data = json_response(good)
        if fault == "reset-mid":
            await wire.send(data[: -len(data) // 3])
            # A reset overtakes what was sent just before it.
            await asyncio.sleep(0.01)
            wire.reset()
            return fault
        if fault == "drip":
            await wire.drip(data, self._chooser.plan.drip)
        else:
            await wire.send(data)
        return GONE if wire.gone else ANSWERED

    def _completion(self, question: Question) -> dict[str, object]:
        first = question.messages[0]
        cached = prompt_tokens(first) if first["content"] in self._warm else 0
        self._warm.add(first["content"])
        self._made += 1
        return completion(question, number=self._made, cached=cached)

    def _control(self, path: str, call: Call) -> bytes:
        if path == "stats":
            return json_response(self._tally.stats())
        if path == "requests":
            return json_response(self._tally.requests())
        if path == "calls":
            return json_response({"calls": [one.plain() for one in self._calls]})
        if path == "faults":
            try:
                self._chooser = Chooser(Plan(**json.loads(call.body)))
            except (TypeError, ValueError) as error:
                return json_response({"error": {"message": str(error)}}, 400)
            return json_response({})
        return json_response({"error": {"message": "no such path"}}, 404)

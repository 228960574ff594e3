"""The annotator that asks chat-completions servers: the GPT-4 API, Azure, vLLM or others.

The official client carries the requests; trying again, waiting and giving up are decided here.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import stamina

from nerdistill.annotate.breaker import DeadServerError
from nerdistill.annotate.endpoint import ChatSettings, Endpoint, UnansweredError
from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.retry import LONGEST_WAIT, Trouble
from nerdistill.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.annotate.protocol import Request
    from nerdistill.progress import Progress

RESTING = 64
"""Requests that may wait for another attempt at once; more would say that the server is ill."""
JITTER = 0.1
"""Share of a wait that is added at random, so that requests do not come back all at once."""


class ChatAnnotator:
    """Asks many requests at once, in one thread: the caller's.

    Nothing is asked while the caller works on an answer, so that a stopped caller has no more
    than `max_concurrency` requests in flight at each server.

    Args:
        settings: of each server; all serve one model. A request goes to the one that has the
            largest share of its room free. Where one dies, the others go on, and it is tried
            again now and then.
        progress: is told of servers that die and come back.

    Attributes:
        in_flight: requests that are being asked.
    """

    def __init__(self, *settings: ChatSettings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.in_flight = 0
        self._progress = progress or Silent()

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request, in the order in which they come.

        Raises:
            AnnotationError: every server is dead, or one refuses everything, wants a longer wait
                than the deadline, knows neither key nor model, or another model answers.
        """
        # Each hook would log what was asked.
        stamina.instrumentation.set_on_retry_hooks([])
        with _collecting_seldom(), asyncio.Runner() as runner:
            loop = runner.get_loop()
            talk = _Talk([Endpoint(one) for one in self.settings], loop, self._progress)
            try:
                for answer in talk.drive(requests):
                    # What ended together is given out one by one.
                    self.in_flight = talk.in_flight + len(talk.ended)
                    yield answer
            finally:
                self.in_flight = 0
                loop.run_until_complete(talk.close())


@dataclass
class _Talk:
    """One run's conversation with its servers."""

    endpoints: list[Endpoint]
    loop: asyncio.AbstractEventLoop
    progress: Progress
    tasks: set[asyncio.Task[Reply | Failure]] = field(default_factory=set)
    ended: deque[asyncio.Task[Reply | Failure]] = field(default_factory=deque)
    resting: int = 0
    """Requests that wait before they are tried again: they load no server."""

    def __post_init__(self) -> None:
        self.woken = asyncio.Event()
        self.deadline = self.endpoints[0].settings.deadline

    @property
    def in_flight(self) -> int:
        """Requests that are being asked."""
        return sum(one.asked for one in self.endpoints)

    def drive(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """Keep as many requests in flight as the servers take, and give out what ends."""
        waiting = iter(requests)
        upcoming = next(waiting, None)
        while upcoming is not None or self.tasks:
            while upcoming is not None and self.resting < RESTING:
                endpoint = self._freest()
                if endpoint is None:
                    break
                self._start(upcoming, endpoint)
                upcoming = next(waiting, None)
            self.loop.run_until_complete(self._something_ends())
            stopped: BaseException | None = None
            while self.ended:
                task = self.ended.popleft()
                stopped = stopped or task.exception()
                if task.exception() is None:
                    yield task.result()
            if stopped:
                raise stopped

    def _freest(self) -> Endpoint | None:
        """The server with the largest share of room that may be asked now."""
        now = time.monotonic()
        able = [one for one in self.endpoints if one.takes_more(now)]
        return max(able, key=lambda one: one.spare, default=None)

    def _start(self, request: Request, endpoint: Endpoint) -> None:
        endpoint.asked += 1
        task = self.loop.create_task(self._ask(request, endpoint))
        self.tasks.add(task)
        task.add_done_callback(self._note)

    def _note(self, task: asyncio.Task[Reply | Failure]) -> None:
        self.tasks.discard(task)
        self.ended.append(task)
        self.woken.set()

    async def _something_ends(self) -> None:
        """Wait for an answer, or for the end of a pause."""
        self.woken.clear()
        now = time.monotonic()
        pauses = [one.limiter.paused_until - now for one in self.endpoints]
        pause = min((one for one in pauses if one > 0), default=None)
        alarm = None if pause is None else self.loop.call_later(pause, self.woken.set)
        if self.tasks or alarm:
            await self.woken.wait()
        if alarm:
            alarm.cancel()

    async def close(self) -> None:
        """Give up what is in flight."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, *self.ended, return_exceptions=True)
        for endpoint in self.endpoints:
            await endpoint.client.close()

    async def _ask(self, request: Request, endpoint: Endpoint) -> Reply | Failure:
        """Ask until there is a reply, the deadline is over or the server wants no more."""
        ends = time.monotonic() + self.deadline
        try:
            try:
                # Most requests need no more than this, and none of the costs of trying again.
                return await self._attempt(request, endpoint)
            except UnansweredError as error:
                return await self._ask_again(request, error, ends)
        except UnansweredError as error:
            return Failure(request.key, error.trouble.kind, error.trouble.message)

    async def _attempt(self, request: Request, endpoint: Endpoint) -> Reply:
        """One attempt at a server, which counts the request as asked already."""
        was_dead = endpoint.dead
        try:
            reply = await endpoint.in_turn(request)
        except DeadServerError as error:
            others = [one for one in self.endpoints if one is not endpoint and not one.dead]
            if not others:
                raise
            if endpoint.dead is None:
                self.progress.say(f"{error.message}. {len(others)} other servers go on")
            endpoint.rest(error, time.monotonic())
            told = Trouble("again", "server", error.message)
            raise UnansweredError(told) from None
        finally:
            endpoint.asked -= 1
        if was_dead and endpoint.dead is None:
            self.progress.say(f"{endpoint.settings.base_url} answers again")
        return reply

    async def _ask_again(self, request: Request, first: UnansweredError, ends: float) -> Reply:
        """Ask on after a first attempt that failed."""
        usual: list[float] = []
        async for attempt in stamina.retry_context(
            on=lambda error: self._again(error, ends, usual[-1]),
            attempts=None,
            timeout=None,
            wait_initial=0.5,
            wait_max=LONGEST_WAIT,
            wait_jitter=0.5,
        ):
            usual.append(attempt.next_wait)
            self.resting -= attempt.num > 1
            with attempt:
                if attempt.num == 1:
                    raise first
                # Where none has room, it waits for its turn at one that is alive.
                alive = [one for one in self.endpoints if not one.dead]
                endpoint = self._freest() or max(alive, key=lambda one: one.spare)
                endpoint.asked += 1
                return await self._attempt(request, endpoint)
        raise AssertionError("an attempt either returns or raises")

    def _again(self, error: Exception, ends: float, usual: float) -> bool | float:
        """Whether to try again, and after how many seconds where that is not `usual`."""
        if not isinstance(error, UnansweredError) or error.trouble.verdict != "again":
            return False
        wait = error.trouble.wait or 0.0
        if time.monotonic() + (wait or usual) >= ends:
            return False
        self.resting += 1
        self.woken.set()
        return wait * (1 + JITTER * random.random()) if wait else True  # noqa: S311 - no secret


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let Python look for reference cycles less often.

    A request makes thousands of objects that go as they came; looking at them, and at all that was
    imported, after every 700 would cost a sixth of the CPU time.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()

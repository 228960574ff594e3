"""The annotator that asks a chat-completions server: the GPT-4 API, Azure, vLLM or another.

The official client carries the requests; trying again, waiting and giving up are decided here.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import openai
import stamina

from nerdistill.annotate.breaker import KEPT, PATIENCE, Breaker
from nerdistill.annotate.limiter import Limiter
from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.retry import LONGEST_WAIT, Trouble, judge_status
from nerdistill.annotate.wire import (
    SHOWN,
    AnswerError,
    Dialect,
    WrongModelError,
    body_of,
    encode,
    reply_of,
)
from nerdistill.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.annotate.protocol import Request
    from nerdistill.annotate.secrets import Key

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CONNECT_SECONDS = 10.0
RESTING = 64
"""Requests that may wait for another attempt at once; more would say that the server is ill."""
JITTER = 0.1
"""Share of a wait that is added at random, so that requests do not come back all at once."""


@dataclass(frozen=True, slots=True)
class Azure:
    """What Azure wants to know: the version of its API, and the deployment's name."""

    version: str
    deployment: str


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """How to ask a server.

    Attributes:
        base_url: where its API starts, mostly ending in /v1.
        key: sent with each request; an empty one becomes a word that no server checks.
        dialect: what the server calls things.
        max_concurrency: requests in flight at most.
        timeout: seconds for one attempt.
        deadline: seconds for one request, all attempts and waits together.
        patience: seconds without any answer after which the server is taken for dead.
        answers_as: names, beside the one that was asked for, of models that may answer.
        any_model: whether the server may call its model what it likes.
        azure: for Azure, or None for everybody else.
    """

    base_url: str
    key: Key
    dialect: Dialect
    max_concurrency: int = 64
    timeout: float = 120.0
    deadline: float = 600.0
    patience: float = PATIENCE
    answers_as: tuple[str, ...] = ()
    any_model: bool = False
    azure: Azure | None = None

    def accepts(self, asked: str, answered: str) -> bool:
        """Whether a model that answers under this name is the one that was asked."""
        # "gpt-4" is answered by its snapshot "gpt-4-0613".
        names = (asked, *self.answers_as)
        return self.any_model or any(
            answered == name or answered.startswith(f"{name}-") for name in names
        )


class _UnansweredError(Exception):
    """An attempt that brought no reply."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class ChatAnnotator:
    """Asks many requests at once, in one thread: the caller's.

    Nothing is asked while the caller works on an answer, so that a stopped caller has no more
    than `max_concurrency` requests in flight.

    Attributes:
        in_flight: requests that are being asked.
    """

    def __init__(self, settings: ChatSettings) -> None:
        self.settings = settings
        self.in_flight = 0

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request, in the order in which they come.

        Raises:
            AnnotationError: the server is dead, refuses everything, wants a longer wait than the
                deadline, knows neither key nor model, or another model answers.
        """
        # Each hook would log what was asked.
        stamina.instrumentation.set_on_retry_hooks([])
        with _collecting_seldom(), asyncio.Runner() as runner:
            loop = runner.get_loop()
            talk = _Talk(self.settings, loop)
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
    """One run's conversation with a server."""

    settings: ChatSettings
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[Reply | Failure]] = field(default_factory=set)
    ended: deque[asyncio.Task[Reply | Failure]] = field(default_factory=deque)
    resting: int = 0
    """Requests that wait before they are tried again: they load no server."""
    trying: int = 0
    """Attempts in flight."""

    def __post_init__(self) -> None:
        now = time.monotonic()
        self.dialect = self.settings.dialect
        self.limiter = Limiter(self.settings.max_concurrency, now)
        self.breaker = Breaker(self.settings.base_url, now, self.settings.patience)
        self.client = open_client(self.settings)
        self.woken, self.room = asyncio.Event(), asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests that are being asked."""
        return len(self.tasks) - self.resting

    def drive(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """Keep as many requests in flight as the limiter allows, and give out what ends."""
        waiting = iter(requests)
        upcoming = next(waiting, None)
        while upcoming is not None or self.tasks:
            while (
                upcoming is not None
                and self.in_flight < self.limiter.limit
                and self.resting < RESTING
                and time.monotonic() >= self.limiter.paused_until
            ):
                self._start(upcoming)
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

    def _start(self, request: Request) -> None:
        task = self.loop.create_task(self._ask(request))
        self.tasks.add(task)
        task.add_done_callback(self._note)

    def _note(self, task: asyncio.Task[Reply | Failure]) -> None:
        self.tasks.discard(task)
        self.ended.append(task)
        self.woken.set()

    async def _something_ends(self) -> None:
        """Wait for an answer, or for the end of a pause."""
        self.woken.clear()
        pause = self.limiter.paused_until - time.monotonic()
        alarm = self.loop.call_later(pause, self.woken.set) if pause > 0 else None
        if self.tasks or alarm:
            await self.woken.wait()
        if alarm:
            alarm.cancel()

    async def close(self) -> None:
        """Give up what is in flight."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, *self.ended, return_exceptions=True)
        await self.client.close()

    async def _ask(self, request: Request) -> Reply | Failure:
        """Ask until there is a reply, the deadline is over or the server wants no more."""
        ends = time.monotonic() + self.settings.deadline
        try:
            try:
                # Most requests need no more than this, and none of the costs of trying again.
                return await self._in_turn(request)
            except _UnansweredError as error:
                return await self._ask_again(request, error, ends)
        except _UnansweredError as error:
            return Failure(request.key, error.trouble.kind, error.trouble.message)

    async def _ask_again(self, request: Request, first: _UnansweredError, ends: float) -> Reply:
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
                return await self._in_turn(request)
        raise AssertionError("an attempt either returns or raises")

    def _again(self, error: Exception, ends: float, usual: float) -> bool | float:
        """Whether to try again, and after how many seconds where that is not `usual`."""
        if not isinstance(error, _UnansweredError) or error.trouble.verdict != "again":
            return False
        wait = error.trouble.wait or 0.0
        if time.monotonic() + (wait or usual) >= ends:
            return False
        self.resting += 1
        self.woken.set()
        return wait * (1 + JITTER * random.random()) if wait else True  # noqa: S311 - no secret

    async def _in_turn(self, request: Request) -> Reply:
        """One attempt, once the limiter lets it begin."""
        await self._turn()
        self.trying += 1
        try:
            return await self._attempt(request)
        finally:
            self.trying -= 1
            self.room.set()

    async def _turn(self) -> None:
        while True:
            pause = self.limiter.paused_until - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self.trying >= self.limiter.limit:
                self.room.clear()
                await self.room.wait()
            else:
                return

    async def _attempt(self, request: Request) -> Reply:
        dialect = self.dialect
        try:
            with self._understood(request):
                reply = await self._post(request, dialect)
        except _UnansweredError as error:
            trouble = error.trouble
            if dialect.tokens_field in (trouble.parameter, *trouble.message.split("'")):
                # The server knows this bound by its other name.
                self.dialect = dialect.other_tokens_field()
                trouble = replace(trouble, verdict="again", kind="server", wait=None)
                raise _UnansweredError(trouble) from None
            self._take_note(trouble)
            raise
        now = time.monotonic()
        self.limiter.answered(now)
        self.breaker.answered(now)
        return reply

    async def _post(self, request: Request, dialect: Dialect) -> Reply:
        content = encode(body_of(request, dialect))
        async with asyncio.timeout(self.settings.timeout):
            answer = await self.client.post(
                "/chat/completions", cast_to=httpx2.Response, content=content
            )
        asked = dialect.model or request.model
        accepts = self.settings.accepts
        return reply_of(request.key, answer.content, lambda name: accepts(asked, name))

    def _take_note(self, trouble: Trouble) -> None:
        """What an attempt without a reply means for those to come.

        Raises:
            AnnotationError: nothing could come of them.
        """
        now = time.monotonic()
        if trouble.verdict == "stop":
            raise AnnotationError(f"{self.settings.base_url}: {trouble.message}", KEPT) from None
        if (trouble.wait or 0.0) > self.settings.deadline:
            raise AnnotationError(
                f"{self.settings.base_url} wants to be left alone for {trouble.wait:.0f} s: "
                f"{trouble.message}",
                f"Wait, or give it a --deadline of more seconds. {KEPT}",
            ) from None
        if trouble.overload:
            self.limiter.overloaded(now, trouble.wait or 0.0)
        if trouble.dead:
            self.breaker.failed(now, trouble.message)
        else:
            self.breaker.alive(now)
        if trouble.verdict == "refused":
            self.breaker.refused(trouble.message)

    @contextmanager
    def _understood(self, request: Request) -> Iterator[None]:
        """Turn what the client raises into a verdict, and the key out of every word of it."""
        try:
            yield
        except (TimeoutError, openai.APITimeoutError) as error:
            told = f"no answer within {self.settings.timeout:g} s"
            trouble = Trouble("again", "timeout", told, overload=True, dead=True)
            if isinstance(error.__cause__, httpx2.ConnectTimeout):
                # What the transport calls a refused connection, too.
                trouble = Trouble("again", "server", f"no connection: {_cause(error)}", dead=True)
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            trouble = judge_status(error.status_code, error.response.headers, body)
        except AnswerError as error:
            trouble = (
                Trouble("again", error.kind, str(error), dead=True)
                if error.again
                else Trouble("refused", error.kind, str(error))
            )
        except WrongModelError as error:
            trouble = Trouble(
                "stop",
                "server",
                f"asked for {request.model!r}, but {str(error)!r} answered. Name that one with "
                "--model, or allow it with --answers-as",
            )
        except (openai.APIConnectionError, httpx2.HTTPError, OSError) as error:
            trouble = Trouble("again", "server", f"no connection: {_cause(error)}", dead=True)
        else:
            return
        told = self.settings.key.remove_from(trouble.message)[:SHOWN]
        # `from None`: what the client raised may repeat the key.
        raise _UnansweredError(replace(trouble, message=told)) from None


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


def open_client(settings: ChatSettings) -> openai.AsyncOpenAI:
    """The official client, without its own retries, on the transport that costs least."""
    local = urlsplit(settings.base_url).hostname in LOOPBACK
    http = openai.DefaultAioHttpClient(
        # A proxy of the environment cannot reach this machine's own servers.
        trust_env=not local,
        timeout=httpx2.Timeout(settings.timeout, connect=CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=settings.max_concurrency + 1),
    )
    key = settings.key.value or "none"
    if settings.azure is None:
        return openai.AsyncOpenAI(
            api_key=key, base_url=settings.base_url, max_retries=0, http_client=http
        )
    return openai.AsyncAzureOpenAI(
        api_key=key,
        azure_endpoint=settings.base_url,
        azure_deployment=settings.azure.deployment,
        api_version=settings.azure.version,
        max_retries=0,
        http_client=http,
    )


def served_models(settings: ChatSettings) -> list[str]:
    """The names of the models that a server serves.

    Raises:
        AnnotationError: it cannot be reached, or does not say.
    """

    async def ask() -> list[str]:
        client = open_client(settings)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return [model.id async for model in client.models.list()]
        finally:
            await client.close()

    place = settings.base_url
    try:
        return asyncio.run(ask())
    except openai.APIStatusError as error:
        trouble = judge_status(error.status_code, {}, {})
        told = f"{place}: it does not say which models it serves: {trouble.message}"
    except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
        told = f"{place}: no model server answers there: {_cause(error)}"
    told = settings.key.remove_from(told)[:SHOWN]
    raise AnnotationError(
        told, "Start one with `nerdistill serve MODEL_DIR`, or name another with --base-url."
    ) from None


def _cause(error: BaseException) -> str:
    """The innermost reason of a connection error, in its own words."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__

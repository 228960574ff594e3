"""One chat-completions server: how it is asked, how much it takes, and whether it is alive."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import openai

from nerdistill.annotate.breaker import KEPT, PATIENCE, Breaker, DeadServerError
from nerdistill.annotate.limiter import Limiter
from nerdistill.annotate.retry import Trouble, judge_status
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
    from collections.abc import Iterator

    from nerdistill.annotate.protocol import Reply, Request
    from nerdistill.annotate.secrets import Key

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CONNECT_SECONDS = 10.0
REST = 30.0
"""Seconds after which a dead server is tried again, by one request."""


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


class UnansweredError(Exception):
    """An attempt that brought no reply."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class Endpoint:
    """One server, as one run knows it.

    Attributes:
        settings: how to ask it.
        limiter: how many attempts may be in flight.
        asked: requests that are being asked here, those left out that rest.
        trying: attempts in flight.
        dead: why it is asked seldom; None while it is alive.
    """

    def __init__(self, settings: ChatSettings) -> None:
        now = time.monotonic()
        self.settings, self.dialect = settings, settings.dialect
        self.limiter = Limiter(settings.max_concurrency, now)
        self.breaker = Breaker(settings.base_url, now, settings.patience)
        self.client = open_client(settings)
        self.asked = self.trying = 0
        self.dead: DeadServerError | None = None
        self._room = asyncio.Event()

    def rest(self, error: DeadServerError, now: float) -> None:
        """Leave a dead server alone for a while; then one request at a time finds out more."""
        self.dead = error
        self.limiter = Limiter(self.settings.max_concurrency, now, start=1)
        self.limiter.overloaded(now, REST)
        self.breaker = Breaker(self.settings.base_url, now, self.settings.patience)

    @property
    def spare(self) -> float:
        """The share of what it takes at once that is free; below 0 where that is exceeded."""
        return 1 - self.asked / self.limiter.limit

    def takes_more(self, now: float) -> bool:
        """Whether a request may begin here now."""
        return self.asked < self.limiter.limit and now >= self.limiter.paused_until

    async def in_turn(self, request: Request) -> Reply:
        """One attempt, once the limiter lets it begin.

        Raises:
            UnansweredError: it brought no reply.
            AnnotationError: nothing could come of those to come.
        """
        await self._turn()
        self.trying += 1
        try:
            return await self._attempt(request)
        finally:
            self.trying -= 1
            self._room.set()

    async def _turn(self) -> None:
        while True:
            pause = self.limiter.paused_until - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self.trying >= self.limiter.limit:
                self._room.clear()
                await self._room.wait()
            else:
                return

    async def _attempt(self, request: Request) -> Reply:
        dialect = self.dialect
        try:
            with self._understood(request):
                reply = await self._post(request, dialect)
        except UnansweredError as error:
            trouble = error.trouble
            if dialect.tokens_field in (trouble.parameter, *trouble.message.split("'")):
                # The server knows this bound by its other name.
                self.dialect = dialect.other_tokens_field()
                trouble = replace(trouble, verdict="again", kind="server", wait=None)
                raise UnansweredError(trouble) from None
            self._take_note(trouble)
            raise
        now = time.monotonic()
        self.limiter.answered(now)
        self.breaker.answered(now)
        self.dead = None
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
            if self.dead:
                raise self.dead
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
        raise UnansweredError(replace(trouble, message=told)) from None


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

"""The Batch API of OpenAI: the same questions at half the price, within a day.

Requests are handed in as files of many; the answers are fetched when the server is done. What was
handed in stands in a journal: a run that was stopped, or killed, waits for it and hands in nothing
a second time.
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Literal

import httpx2
import openai
import stamina
from pydantic import BaseModel, ValidationError

from nerdistill.annotate.breaker import KEPT
from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.retry import judge_status
from nerdistill.annotate.wire import SHOWN, AnswerError, WrongModelError, body_of, encode, reply_of
from nerdistill.digest import Digest
from nerdistill.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO, TypeVar

    from openai.types import Batch

    from nerdistill.annotate.batch_journal import BatchJournal
    from nerdistill.annotate.endpoint import ChatSettings
    from nerdistill.annotate.protocol import Request
    from nerdistill.progress import Progress

    T = TypeVar("T")

SIZE = 10_000
MOST_BYTES = 150_000_000
"""Requests and bytes of one batch; the server's own limits are 50,000 and 200 MB."""
POLL_SECONDS = 30.0
PATIENCE = 3600.0
"""Seconds for which a network that fails is tried again: a batch takes hours."""
ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
ENDPOINT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
MARK = "nerdistill"
"""The key of a batch's metadata that holds its mark."""


class _Answered(BaseModel):
    status_code: int
    body: object = None


class _Error(BaseModel):
    code: str | None = None
    message: str | None = None


class _Line(BaseModel):
    custom_id: str
    response: _Answered | None = None
    error: _Error | None = None


class BatchAnnotator:
    """Hands requests in as batches, and waits for them.

    Args:
        settings: whom to ask; its concurrency and deadline say nothing here.
        journal: of what was handed in.
        progress: is told how the batches fare.
        size: requests of one batch at most.
        poll_seconds: between two looks at the batches.

    Attributes:
        in_flight: requests whose batch has not ended.
    """

    def __init__(
        self,
        settings: ChatSettings,
        journal: BatchJournal,
        progress: Progress,
        *,
        size: int = SIZE,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.settings, self.in_flight = settings, 0
        self._journal, self._progress = journal, progress
        self._size, self._poll_seconds = size, poll_seconds
        self._client = openai.OpenAI(
            api_key=settings.key.value or "none", base_url=settings.base_url, max_retries=0
        )

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request, batch by batch.

        Raises:
            AnnotationError: the server takes no batches, or one of them failed as a whole.
            StoreError: the journal cannot be used.
        """
        stamina.instrumentation.set_on_retry_hooks([])
        self._find_lost()
        wanted: dict[str, set[Digest]] = {}
        model = ""
        with tempfile.TemporaryFile() as lines:
            waiting: list[Digest] = []
            for request in requests:
                model = request.model
                mark = self._journal.keys.get(request.key)
                if mark is not None:
                    wanted.setdefault(mark, set()).add(request.key)
                    continue
                lines.write(_line(request, self.settings) + b"\n")
                waiting.append(request.key)
                if len(waiting) >= self._size or lines.tell() >= MOST_BYTES:
                    wanted[self._hand_in(lines, waiting)] = set(waiting)
                    waiting.clear()
            if waiting:
                wanted[self._hand_in(lines, waiting)] = set(waiting)
        try:
            yield from self._collected(wanted, self.settings.dialect.model or model)
        except KeyboardInterrupt:
            self._progress.say("The batches go on at the server: the same command collects them.")
            raise

    def _find_lost(self) -> None:
        """Batches that were announced by a run that died before it was told their names."""
        lost = {mark for mark, batch in self._journal.batches.items() if batch is None}
        if not lost:
            return
        known = {
            (batch.metadata or {}).get(MARK): batch.id
            for batch in self._asked(lambda: list(self._client.batches.list(limit=100)))
        }
        for mark in lost:
            if mark in known:
                self._journal.created(mark, known[mark])
            else:
                keys = [key for key, of in self._journal.keys.items() if of == mark]
                self._journal.failed(keys)

    def _hand_in(self, lines: IO[bytes], keys: list[Digest]) -> str:
        """Make a batch of the lines, which are taken out of the file."""
        mark = uuid.uuid4().hex
        lines.seek(0)
        data = lines.read()
        lines.seek(0)
        lines.truncate()
        file = self._asked(
            lambda: self._client.files.create(file=("requests.jsonl", data), purpose="batch")
        )
        self._journal.announce(mark, keys)
        # Not tried again: a server that took it and was not heard would take it twice.
        batch = self._asked(
            lambda: self._client.batches.create(
                input_file_id=file.id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={MARK: mark},
            ),
            again=False,
        )
        self._journal.created(mark, batch.id)
        self._progress.say(f"batch {batch.id}: {len(keys):,} requests handed in")
        return mark

    def _collected(self, wanted: dict[str, set[Digest]], model: str) -> Iterator[Reply | Failure]:
        self.in_flight = sum(map(len, wanted.values()))
        states: dict[str, str] = {}
        while wanted:
            for mark in list(wanted):
                name = self._journal.batches[mark] or ""
                batch = self._asked(partial(self._client.batches.retrieve, name))
                if states.get(mark) != batch.status:
                    states[mark] = batch.status
                    self._progress.say(f"batch {batch.id}: {batch.status.replace('_', ' ')}")
                if batch.status in ENDED:
                    keys = wanted.pop(mark)
                    yield from self._answers(batch, keys, model)
                    self.in_flight -= len(keys)
            if wanted:
                time.sleep(self._poll_seconds)

    def _answers(self, batch: Batch, keys: set[Digest], model: str) -> Iterator[Reply | Failure]:
        """What a batch that ended says to those of its requests that are wanted."""
        if batch.status == "failed" and batch.output_file_id is None:
            self._journal.failed(keys)
            told = [one.message or "" for one in (batch.errors.data or [])] if batch.errors else []
            raise AnnotationError(
                self._clean(f"batch {batch.id} failed: {told[0] if told else 'no reason given'}"),
                f"Mend that, or leave out --batch. {KEPT}",
            )
        left = set(keys)
        failures: list[Failure] = []
        for file in (batch.output_file_id, batch.error_file_id):
            for line in self._lines(file) if file else ():
                answer = self._read(line, left, model)
                if isinstance(answer, Reply):
                    left.discard(answer.request)
                    yield answer
                elif answer:
                    left.discard(answer.request)
                    failures.append(answer)
        untold = f"batch {batch.id} is {batch.status} and has no answer to this request"
        failures += [Failure(key, "no_reply", untold) for key in sorted(left)]
        if failures:
            self._journal.failed(failure.request for failure in failures)
        yield from failures

    def _lines(self, file: str) -> list[bytes]:
        content = self._asked(lambda: self._client.files.content(file).read())
        return content.splitlines()

    def _read(self, line: bytes, wanted: set[Digest], model: str) -> Reply | Failure | None:
        """The answer in a line; None where it is nobody's, or cannot be read."""
        try:
            one = _Line.model_validate_json(line)
        except ValidationError:
            return None
        request = Digest(one.custom_id)
        if request not in wanted:
            return None
        if one.response is None:
            told = (one.error.message if one.error else None) or "the batch has no answer to it"
            return Failure(request, "server", self._clean(told))
        return self._judged(request, one.response, model)

    def _judged(self, request: Digest, answer: _Answered, model: str) -> Reply | Failure:
        """The reply in an answer, or what its status means."""
        if answer.status_code != httpx2.codes.OK:
            body = answer.body if isinstance(answer.body, dict) else {}
            inner = body.get("error", body)
            error = inner if isinstance(inner, dict) else {}
            trouble = judge_status(answer.status_code, {}, error)
            return Failure(request, trouble.kind, self._clean(trouble.message))
        content = json.dumps(answer.body).encode()
        try:
            return reply_of(request, content, lambda name: self.settings.accepts(model, name))
        except AnswerError as error:
            return Failure(request, error.kind, self._clean(str(error)))
        except WrongModelError as error:
            told = f"asked for {model!r}, but {str(error)!r} answered: see --answers-as"
            return Failure(request, "server", self._clean(told))

    def _asked(self, ask: Callable[[], T], *, again: bool = True) -> T:
        """What the server says, however long the network fails meanwhile.

        Raises:
            AnnotationError: it says no, or nothing at all.
        """
        try:
            for attempt in stamina.retry_context(
                on=_is_passing,
                attempts=None if again else 1,
                timeout=PATIENCE if again else None,
                wait_initial=1.0,
                wait_max=60.0,
                wait_jitter=1.0,
            ):
                with attempt:
                    return ask()
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            told = judge_status(error.status_code, {}, body).message
        except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:
            told = f"no connection: {error}"
        raise AnnotationError(
            self._clean(f"{self.settings.base_url}: {told}"),
            f"See that this server takes batches, or leave out --batch. {KEPT}",
        ) from None

    def _clean(self, text: str) -> str:
        return self.settings.key.remove_from(text)[:SHOWN]


def _line(request: Request, settings: ChatSettings) -> bytes:
    """A request as a line of a batch's file."""
    body = encode(body_of(request, settings.dialect)).decode()
    return (
        f'{{"custom_id": "{request.key}", "method": "POST", "url": "{ENDPOINT}", "body": {body}}}'
    ).encode()


def _is_passing(error: Exception) -> bool:
    """Whether a later attempt may well succeed."""
    if isinstance(error, openai.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        return judge_status(error.status_code, {}, body).verdict == "again"
    return isinstance(error, (openai.APIConnectionError, httpx2.HTTPError))

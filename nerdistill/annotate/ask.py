"""Asking: what the store lacks is asked for once, and every reply is kept before it is counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from nerdistill.annotate.protocol import Failure, Reply, Request
from nerdistill.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nerdistill.annotate.protocol import Annotator
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.progress import Fact, Task

CHUNK = 500
"""Requests that are looked up in the store at once."""
ROOM = 4
"""A reply that was cut off is asked for with twice the tokens, up to so many times as many."""
OTHER_DRAW = 10_000
"""Added to the number of a draw whose reply cannot be read: what is drawn in its place."""
WARM = 0.5
"""Temperature of that other draw at least: at 0 the same would come again."""

T = TypeVar("T")


@runtime_checkable
class Grounded(Protocol):
    """An annotator whose replies rest on more than the request: a file of replies, or gold."""

    def basis(self, request: Request) -> Digest | None:
        """The digest of that; None where it has no reply."""


def grounded(annotator: Annotator, request: Request) -> Request:
    """A request whose key holds what the annotator's reply rests on, where that is more."""
    basis = annotator.basis(request) if isinstance(annotator, Grounded) else None
    # All that changes the answer is in the key: here that is part of what "model" means.
    return request if basis is None else replace(request, model=f"{request.model}@{basis}")


@runtime_checkable
class Concurrent(Protocol):
    """An annotator that works on many requests at once."""

    in_flight: int


@dataclass(slots=True)
class Tally:
    """What a run used.

    Attributes:
        asked: requests that the annotator got.
        stored: requests that the store could answer already.
        repeated: requests that are the same as an earlier one.
        tokens_in: of the prompts that were asked.
        tokens_cached: of these, what the server had cached.
        tokens_out: of the replies.
    """

    asked: int = 0
    stored: int = 0
    repeated: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0


class Ledger:
    """Which request each question ended with, in the order of the questions: 32 bytes each.

    Attributes:
        failed: requests that got no reply, with the reason.
    """

    def __init__(self) -> None:
        self.failed: dict[Digest, Failure] = {}
        self._keys = bytearray()
        self._later: dict[Digest, Digest] = {}

    def add(self, key: Digest) -> None:
        """A question, by its first request."""
        self._keys += bytes.fromhex(key)

    def move(self, key: Digest, later: Digest) -> None:
        """A request is asked again as another."""
        self._later[key] = later

    def __iter__(self) -> Iterator[Digest]:
        """The request that each question ended with."""
        for at in range(0, len(self._keys), 32):
            key = Digest(self._keys[at : at + 32].hex())
            while key in self._later:
                key = self._later[key]
            yield key

    def failure(self, key: Digest) -> Failure:
        """Why a request has no reply."""
        lost = Failure(key, "server", "the annotator gave no answer: run it again")
        return self.failed.get(key, lost)


class Asker:
    """Has an annotator answer what a store lacks.

    Args:
        annotator: who is asked.
        store: where replies are kept.
        task: is told of progress: a unit for each sentence of an answered request.
        tally: is added to.
        most_tokens: of a reply, when it is asked for again because it was cut off.
        readable: whether a reply says anything.
        price: what tokens cost, by prompt, cached prompt and reply tokens; None: unknown.
    """

    def __init__(
        self,
        annotator: Annotator,
        store: ReplyStore,
        task: Task,
        tally: Tally,
        *,
        most_tokens: int,
        readable: Callable[[Request, Reply], bool],
        price: Callable[[int, int, int], float | None] | None = None,
    ) -> None:
        self._annotator, self._store, self._task = annotator, store, task
        self._grounded = isinstance(annotator, Grounded)
        self._concurrent = annotator if isinstance(annotator, Concurrent) else None
        self._tally, self._price = tally, price
        self._most_tokens, self._readable = most_tokens, readable
        self._began = time.monotonic()
        self._uncounted: deque[int] = deque()
        self._committed = store.committed
        self._ledger = Ledger()
        self._open: dict[Digest, Request] = {}
        self._asked: set[int] = set()
        self._again: deque[Request] = deque()

    def ask(self, requests: Iterable[Request]) -> Ledger:
        """Have a reply in the store, or a failure in the ledger, for every request.

        Only what the store lacks is asked for, and identical requests once. A reply that was cut
        off is asked for again with more room, one that nobody can read by another draw, once; both
        stay in the store, too.

        Raises:
            AnnotationError: the annotator gave up; what it answered is in the store.
            StoreError: replies cannot be stored.
        """
        try:
            waiting = self._missing(requests)
            self._answers(waiting)
            for _ in waiting:
                pass  # an annotator that stops early leaves the rest without an answer
            while self._again:
                self._answers(self._drained())
        finally:
            self._store.commit()
            self._count()
        return self._ledger

    def _answers(self, requests: Iterator[Request]) -> None:
        answers = self._annotator.answer(requests)
        try:
            for answer in answers:
                self._keep(self._open.pop(answer.request), answer)
        finally:
            # Whatever stopped this run, what is in flight is given up now, not at some later time.
            if isinstance(answers, Generator):
                answers.close()

    def _keep(self, request: Request, answer: Reply | Failure) -> None:
        if isinstance(answer, Failure):
            self._ledger.failed[answer.request] = answer
            self._task.advance(len(request.sentences), **self._facts())
            return
        self._store.add(answer)
        self._tally.tokens_in += answer.tokens_in
        self._tally.tokens_cached += answer.tokens_cached
        self._tally.tokens_out += answer.tokens_out
        later = self._unanswered(request, answer)
        if later:
            self._again.append(later)
        self._uncounted.append(0 if later else len(request.sentences))
        self._count()

    def _missing(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Those that are not stored; between them what must be asked again."""
        for chunk in chunks(requests, CHUNK):
            stored = self._store.many(request.key for request in chunk)
            for request in chunk:
                self._ledger.add(request.key)
                reply = stored.get(request.key)
                if _short(request.key) in self._asked:
                    self._tally.repeated += 1
                    self._task.skip(len(request.sentences))
                    continue
                missing = self._unanswered(request, reply) if reply else request
                if missing:
                    yield self._opened(missing)
                else:
                    self._asked.add(_short(request.key))
                    self._tally.stored += 1
                    self._task.skip(len(request.sentences))
                yield from self._drained()

    def _drained(self) -> Iterator[Request]:
        while self._again:
            yield self._opened(self._again.popleft())

    def _opened(self, request: Request) -> Request:
        self._tally.asked += 1
        self._asked.add(_short(request.key))
        self._open[request.key] = request
        return request

    def _unanswered(self, request: Request, reply: Reply | None) -> Request | None:
        """What must still be asked where a request has this reply; None where it is answered."""
        if self._grounded:
            return None  # it has one reply and no other
        while reply is not None:
            later = self._instead(request, reply)
            if later is None:
                return None
            self._ledger.move(request.key, later.key)
            if _short(later.key) in self._asked:
                return None
            request, reply = later, self._store.get(later.key)
        return request

    def _instead(self, request: Request, reply: Reply) -> Request | None:
        """The request to ask in place of one whose reply is of no use; None where it is of use.

        The chain of such requests depends on the replies alone, so that a later run follows it
        through the store.
        """
        sampling = request.sampling
        if reply.finish == "length":
            doubled = replace(sampling, max_tokens=2 * sampling.max_tokens)
            fits = doubled.max_tokens <= self._most_tokens
            return replace(request, sampling=doubled) if fits else None
        if request.sample >= OTHER_DRAW or self._readable(request, reply):
            return None
        warm = replace(sampling, temperature=max(WARM, sampling.temperature))
        return replace(request, sampling=warm, sample=request.sample + OTHER_DRAW)

    def _count(self) -> None:
        """Tell the progress of what is on the disk by now."""
        committed = self._store.committed
        done = sum(self._uncounted.popleft() for _ in range(committed - self._committed))
        self._committed = committed
        if done:
            self._task.advance(done, **self._facts())

    def _facts(self) -> dict[str, Fact]:
        tally = self._tally
        facts: dict[str, Fact] = {"failures": len(self._ledger.failed)}
        tokens = tally.tokens_in + tally.tokens_out
        if tokens:
            seconds = max(time.monotonic() - self._began, 1e-9)
            facts["tokens/s"] = f"{tokens / seconds:.0f}"
        if tally.tokens_cached:
            facts["cached"] = f"{100 * tally.tokens_cached / tally.tokens_in:.0f} %"
        if self._concurrent:
            facts["in flight"] = self._concurrent.in_flight
        cost = (
            self._price(tally.tokens_in, tally.tokens_cached, tally.tokens_out)
            if self._price
            else None
        )
        if cost is not None:
            facts["cost"] = f"{cost:.2f}"
        return facts


def _short(key: Digest) -> int:
    """64 bits of a key: a million of them take 60 MB as a set, not 200."""
    return int(key[:16], 16)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items each, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk

"""The annotation run: text in, labels out, every reply kept before anybody reads it.

The text is read twice or more and never held: once to ask, once to write the labels. Between the
two, 32 bytes a question remember which request it ended with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from nerdistill.annotate.ask import CHUNK, ROOM, Asker, Grounded, Ledger, Tally, chunks, grounded
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.read import Reading, read_reply
from nerdistill.annotate.verify import apply_verdict, verification_request
from nerdistill.annotate.vote import vote
from nerdistill.types import Annotation, Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nerdistill.annotate.job import Job
    from nerdistill.annotate.protocol import Annotator, Request
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.verify import Verified
    from nerdistill.digest import Digest
    from nerdistill.progress import Progress
    from nerdistill.types import Corpus, Sentence

    Source = Callable[[], Iterable[tuple[str, Sentence]]]
    """Gives each sentence with its document's id, from the first one on at every call."""
    Sink = Callable[[str, Sentence, Annotation | Failure], None]
    """Takes each sentence, in order, with its labels or the reason why it has none."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Where the replies of a run come from.

    Attributes:
        sentences: of the corpus.
        asked: requests that the annotator got.
        stored: requests that the store could answer already.
        repeated: requests that are the same as an earlier one.
        unverified: sentences whose second pass failed; they keep what the first one found.
        unjudged: entities without a usable verdict in a second pass that did not fail; kept too.
        tokens_in: of the prompts that were asked.
        tokens_cached: of these, what the server had cached.
        tokens_out: of their replies.
    """

    sentences: int
    asked: int
    stored: int
    repeated: int
    unverified: int = 0
    unjudged: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class AnnotationRun:
    """What an annotator made of a corpus.

    Attributes:
        annotations: in the order of the corpus, without the sentences that failed.
        failures: sentence id and what went wrong, in the order of the corpus.
        counts: where the replies come from.
    """

    annotations: tuple[Annotation, ...]
    failures: tuple[tuple[str, Failure], ...]
    counts: RunCounts


def annotate_corpus(
    corpus: Corpus, job: Job, *, annotator: Annotator, store: ReplyStore, progress: Progress
) -> AnnotationRun:
    """Label every sentence of a corpus that is in memory; see `annotate`."""
    annotations: list[Annotation] = []
    failures: list[tuple[str, Failure]] = []

    def keep(_: str, sentence: Sentence, outcome: Annotation | Failure) -> None:
        if isinstance(outcome, Failure):
            failures.append((sentence.id, outcome))
        else:
            annotations.append(outcome)

    source = [(document.id, one) for document in corpus.documents for one in document.sentences]
    counts = annotate(
        lambda: source,
        job,
        annotator=annotator,
        store=store,
        progress=progress,
        sink=keep,
        total=len(corpus),
    )
    return AnnotationRun(tuple(annotations), tuple(failures), counts)


def annotate(
    source: Source,
    job: Job,
    *,
    annotator: Annotator,
    store: ReplyStore,
    progress: Progress,
    sink: Sink,
    total: int | None = None,
    price: Callable[[int, int, int], float | None] | None = None,
) -> RunCounts:
    """Label text of any length in constant memory.

    Only what the store lacks is asked for, and identical requests once. A reply that was cut off
    or cannot be read is a failure, never "no entities"; it stays in the store, where a better
    parser finds it.

    Args:
        source: the text; it must be the same at every call.
        job: what is asked.
        annotator: who is asked.
        store: keeps every reply.
        progress: where the work is shown.
        sink: takes the labels.
        total: number of sentences, where it is known.
        price: what tokens cost, by prompt, cached prompt and reply tokens.

    Raises:
        AnnotationError: the annotator gave up; what it answered is stored.
        StoreError: the reply store cannot be used.
        ConfigError: the prompt does not fit the schema, or a simulated annotator lacks gold.
    """
    run = _Run(source, job, annotator, store, progress, total, price)
    run.ask()
    if job.verify:
        run.verify()
    return run.label(sink)


@dataclass
class _Run:
    """One run; its ledgers are what it remembers between the passes."""

    source: Source
    job: Job
    annotator: Annotator
    store: ReplyStore
    progress: Progress
    total: int | None
    price: Callable[[int, int, int], float | None] | None
    tally: Tally = field(default_factory=Tally)
    ledger: Ledger = field(default_factory=Ledger)
    verdicts: Ledger = field(default_factory=Ledger)

    def ask(self) -> None:
        """The first pass: what is in each sentence."""
        votes = self.job.votes
        title, unit = f"annotate ({self.job.annotator})", "sentences" if votes == 1 else "replies"
        total = None if self.total is None else self.total * votes
        requests = self.job.requests(sentence for _, sentence in self.source())
        self.ledger = self._ask(title, requests, self._says_something, total=total, unit=unit)

    def verify(self) -> None:
        """The second pass: is each of the entities that were found right."""
        self.verdicts = self._ask(
            f"verify ({self.job.annotator})",
            self._verifications(),
            # Nobody can tell without the entities: a bad one is counted when it is applied.
            lambda _request, _reply: True,
            total=None,
            unit="sentences",
        )

    def label(self, sink: Sink) -> RunCounts:
        """Give out the labels."""
        sentences = unverified = unjudged = 0
        verdicts = iter(self.verdicts)
        prompt = self.job.prompt.digest_with(self.job.schema)
        for document, sentence, reading, key in self._readings():
            sentences += 1
            if isinstance(reading, Failure):
                sink(document, sentence, reading)
                continue
            kept = reading
            if self.job.verify and reading.spans:
                judged = self._judged(reading, next(verdicts))
                if isinstance(judged, Failure):
                    unverified += 1
                else:
                    unjudged += judged.unjudged
                    kept = judged.reading
            origin = Provenance(self.job.annotator, self.job.model, prompt, key)
            made = Annotation(sentence.id, kept.spans, kept.confidences, origin, kept.issues)
            sink(document, sentence, made)
        tally = self.tally
        return RunCounts(
            sentences,
            tally.asked,
            tally.stored,
            tally.repeated,
            unverified,
            unjudged,
            tally.tokens_in,
            tally.tokens_cached,
            tally.tokens_out,
        )

    def _ask(
        self,
        title: str,
        requests: Iterable[Request],
        readable: Callable[[Request, Reply], bool],
        *,
        total: int | None,
        unit: str,
    ) -> Ledger:
        with self.progress.task(title, total=total, unit=unit) as task:
            asker = Asker(
                self.annotator,
                self.store,
                task,
                self.tally,
                most_tokens=ROOM * self.job.sampling.max_tokens,
                readable=readable,
                price=self.price,
            )
            if isinstance(self.annotator, Grounded):
                requests = map(partial(grounded, self.annotator), requests)
            return asker.ask(requests)

    def _readings(self) -> Iterator[tuple[str, Sentence, Reading | Failure, Digest]]:
        """Each sentence with its document, what its replies state, and the first one's request."""
        job, keys = self.job, iter(self.ledger)
        for many in chunks(chunks(self.source(), job.per_request), CHUNK):
            drawn = [[next(keys) for _ in range(job.votes)] for _ in many]
            replies = self.store.many(key for group in drawn for key in group)
            for group, requests in zip(many, drawn, strict=True):
                sentences = tuple(sentence for _, sentence in group)
                read = [self._read(sentences, replies.get(key), key) for key in requests]
                for at, (document, sentence) in enumerate(group):
                    yield document, sentence, _together([one[at] for one in read]), requests[0]

    def _read(
        self, sentences: tuple[Sentence, ...], reply: Reply | None, key: Digest
    ) -> tuple[Reading | Failure, ...]:
        if reply is None:
            return (self.ledger.failure(key),) * len(sentences)
        return read_reply(sentences, reply, self.job.schema)

    def _says_something(self, request: Request, reply: Reply) -> bool:
        if _is_an_answer(reply.text):
            return True  # without the work of reading it twice
        read = read_reply(request.sentences, reply, self.job.schema)
        return not all(isinstance(one, Failure) for one in read)

    def _verifications(self) -> Iterator[Request]:
        job, prompt = self.job, load_prompt("verify")
        for _, sentence, reading, _ in self._readings():
            request = (
                verification_request(
                    sentence,
                    reading,
                    schema=job.schema,
                    prompt=prompt,
                    model=job.model,
                    sampling=replace(job.sampling, temperature=0.0),
                    structured=job.structured,
                )
                if isinstance(reading, Reading)
                else None
            )
            if request:
                yield request

    def _judged(self, reading: Reading, key: Digest) -> Verified | Failure:
        reply = self.store.get(key)
        if reply is None:
            return self.verdicts.failure(key)
        return apply_verdict(reading, reply, self.job.schema)


def _is_an_answer(text: str) -> bool:
    """Whether a reply has the shape that its request asks for."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not {"entities", "sentences"}.isdisjoint(value)


def _together(read: list[Reading | Failure]) -> Reading | Failure:
    """What the replies to one prompt state about a sentence; too few of them state nothing."""
    readings = [one for one in read if isinstance(one, Reading)]
    if len(read) == 1:
        return read[0]
    if 2 * len(readings) <= len(read):
        return next(one for one in read if isinstance(one, Failure))
    return vote(readings)

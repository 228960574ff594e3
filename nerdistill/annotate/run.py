"""The annotation run: a corpus in, labels out, every reply kept before anybody reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from nerdistill.annotate.align import align
from nerdistill.annotate.parse import ParseError, parse_reply
from nerdistill.annotate.prompt import build_requests
from nerdistill.annotate.protocol import Failure, Reply, Request
from nerdistill.types import Annotation, Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.annotate.prompt import Prompt
    from nerdistill.annotate.protocol import Annotator, Sampling
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.digest import Digest
    from nerdistill.labels import LabelSchema
    from nerdistill.progress import Progress, Task
    from nerdistill.types import Corpus, Sentence

CHUNK = 500
"""Requests that are looked up in the store at once."""

T = TypeVar("T")


@runtime_checkable
class Grounded(Protocol):
    """An annotator whose replies rest on more than the request: a file of replies, or gold."""

    def basis(self, request: Request) -> Digest | None:
        """The digest of that; None where it has no reply."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Where the replies of a run come from.

    Attributes:
        sentences: of the corpus.
        asked: requests that the annotator got.
        stored: requests that the store could answer already.
        repeated: sentences whose request is that of an earlier sentence.
    """

    sentences: int
    asked: int
    stored: int
    repeated: int


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
    corpus: Corpus,
    *,
    annotator: Annotator,
    annotator_name: str,
    model: str,
    prompt: Prompt,
    schema: LabelSchema,
    sampling: Sampling,
    store: ReplyStore,
    progress: Progress,
) -> AnnotationRun:
    """Label every sentence of a corpus.

    Only what the store lacks is asked for, and identical requests once. A reply that was cut off
    or cannot be parsed is a failure, never "no entities"; it stays in the store, where a better
    parser finds it.

    Raises:
        StoreError: the reply store cannot be used.
        ConfigError: the prompt does not fit the schema, or a simulated annotator lacks gold.
    """
    work = _Work(corpus, annotator, prompt, schema, model, sampling, store)
    with progress.task(f"annotate ({annotator_name})", total=len(corpus), unit="sentences") as task:
        work.ask(task)
    provenance = (annotator_name, model, prompt.digest_with(schema))
    annotations: list[Annotation] = []
    failures: list[tuple[str, Failure]] = []
    for request, reply in work.replies():
        (sentence,) = request.sentences
        read = _read(sentence, request, reply, schema, provenance)
        if isinstance(read, Failure):
            failures.append((sentence.id, read))
        else:
            annotations.append(read)
    return AnnotationRun(tuple(annotations), tuple(failures), work.counts())


@dataclass
class _Work:
    """The asking of one run."""

    corpus: Corpus
    annotator: Annotator
    prompt: Prompt
    schema: LabelSchema
    model: str
    sampling: Sampling
    store: ReplyStore
    tally: Counter[str] = field(default_factory=Counter)
    failed: dict[Digest, Failure] = field(default_factory=dict)

    def requests(self) -> Iterator[Request]:
        """The request of each sentence, in order."""
        for request in build_requests(
            self.corpus.sentences,
            prompt=self.prompt,
            schema=self.schema,
            model=self.model,
            sampling=self.sampling,
        ):
            basis = self.annotator.basis(request) if isinstance(self.annotator, Grounded) else None
            # All that changes the answer is in the key: here that is part of what "model" means.
            named = request if basis is None else replace(request, model=f"{self.model}@{basis}")
            yield named

    def ask(self, task: Task) -> None:
        """Have every missing reply in the store."""
        for answer in self.annotator.answer(self._missing(task)):
            if isinstance(answer, Reply):
                self.store.add(answer)
            else:
                self.failed[answer.request] = answer
            task.advance(failures=len(self.failed))
        self.store.commit()

    def _missing(self, task: Task) -> Iterator[Request]:
        asked: set[Digest] = set()
        for chunk in _chunks(self.requests(), CHUNK):
            stored = self.store.many(request.key for request in chunk)
            for request in chunk:
                if request.key in asked or request.key in stored:
                    self.tally["repeated" if request.key in asked else "stored"] += 1
                    task.advance()
                else:
                    asked.add(request.key)
                    self.tally["asked"] += 1
                    yield request

    def replies(self) -> Iterator[tuple[Request, Reply | Failure]]:
        """Each request with what came of it."""
        for chunk in _chunks(self.requests(), CHUNK):
            stored = self.store.many(request.key for request in chunk)
            for request in chunk:
                yield request, stored.get(request.key) or self._failure(request)

    def _failure(self, request: Request) -> Failure:
        lost = Failure(request.key, "server", "the annotator gave no answer: run it again")
        return self.failed.get(request.key, lost)

    def counts(self) -> RunCounts:
        """Where the replies come from."""
        tally = self.tally
        return RunCounts(len(self.corpus), tally["asked"], tally["stored"], tally["repeated"])


def _read(
    sentence: Sentence,
    request: Request,
    reply: Reply | Failure,
    schema: LabelSchema,
    provenance: tuple[str, str, Digest],
) -> Annotation | Failure:
    """The labels that a reply states, or why it states none."""
    if isinstance(reply, Failure):
        return reply
    if reply.finish == "length":
        told = f"the reply was cut off after {len(reply.text)} characters: raise max_tokens"
        return Failure(request.key, "truncated", told)
    try:
        mentions = parse_reply(reply.text, sentence=sentence.text, schema=schema)
    except ParseError as error:
        return Failure(request.key, "unparsable", str(error))
    aligned = align(mentions, sentence, schema)
    return Annotation(
        sentence.id,
        aligned.spans,
        (None,) * len(aligned.spans),
        Provenance(*provenance, request.key),
        aligned.issues,
    )


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk

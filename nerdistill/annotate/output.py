"""Annotated corpora on disk: the project's own format with provenance and ledger beside it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Self, cast

from nerdistill.digest import Digest
from nerdistill.errors import CorpusError
from nerdistill.files import writing_whole
from nerdistill.sharing import make_folder
from nerdistill.types import Annotation, Issue, Outcome, Provenance, Span

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from nerdistill.annotate.protocol import Failure
    from nerdistill.annotate.run import AnnotationRun
    from nerdistill.types import Corpus, Sentence

Record = dict[str, object]


def failures_path(path: Path) -> Path:
    """Where the failures of an annotated corpus are listed."""
    return path.with_name(f"{path.name}.failures.jsonl")


def write_annotations(path: Path, corpus: Corpus, run: AnnotationRun) -> None:
    """Write a labelled corpus that is in memory; see `AnnotationWriter`."""
    outcomes: dict[str, Annotation | Failure] = dict(run.failures)
    outcomes.update((one.sentence_id, one) for one in run.annotations)
    with AnnotationWriter(path) as writer:
        for document in corpus.documents:
            for sentence in document.sentences:
                writer.add(document.id, sentence, outcomes[sentence.id])


class AnnotationWriter:
    """Writes a labelled corpus as it comes, and beside it the list of failures.

    A sentence that failed is in the list alone: it has no labels, which is not "no entities". Both
    files take their places when the `with` block ends well.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = ExitStack()

    def __enter__(self) -> Self:
        make_folder(self._path.parent)
        # The labels take their place last: who sees them finds the failures that go with them.
        self._labels = self._open.enter_context(writing_whole(self._path))
        self._failures = self._open.enter_context(writing_whole(failures_path(self._path)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, document: str, sentence: Sentence, outcome: Annotation | Failure) -> None:
        """Write a sentence's labels, or the reason why it has none."""
        if isinstance(outcome, Annotation):
            self._labels.write(_line(_record(document, sentence, outcome)))
        else:
            failed: Record = {"id": sentence.id, "text": sentence.text, **asdict(outcome)}
            self._failures.write(_line(failed))


def read_annotations(path: Path) -> tuple[Annotation, ...]:
    """The annotations of a file that `write_annotations` wrote; `read_corpus` reads its sentences.

    Raises:
        CorpusError: a line is not an annotated sentence; the message names it.
    """
    found: list[Annotation] = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                found.append(_annotation(json.loads(line)))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise CorpusError(
                    f"{path}:{number}: not an annotated sentence: {error!r}",
                    "Name a file that `nerdistill annotate run` wrote.",
                ) from error
    return tuple(found)


def simulated_in(path: Path) -> bool:
    """Whether any label of a JSONL file is simulated; a file without provenance has none."""
    with path.open("rb") as stream:
        return any(_is_simulated(line) for line in stream)


def _is_simulated(line: bytes) -> bool:
    try:
        return json.loads(line)["source"]["annotator"] == "simulated"  # type: ignore[no-any-return]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _record(document: str, sentence: Sentence, annotation: Annotation) -> Record:
    record: Record = {"id": sentence.id, "document": document}
    if sentence.raw is not None:
        record["text"] = sentence.raw
    record["tokens"] = sentence.tokens
    if sentence.joiner != " ":
        record["joiner"] = sentence.joiner
    record["entities"] = [
        asdict(span) | ({} if confidence is None else {"confidence": confidence})
        for span, confidence in zip(annotation.spans, annotation.confidences, strict=True)
    ]
    if sentence.weights is not None:
        record["weights"] = sentence.weights
    record["issues"] = [asdict(issue) for issue in annotation.issues]
    record["source"] = asdict(annotation.source)
    return record


def _annotation(record: Record) -> Annotation:
    entities = cast("list[dict[str, object]]", record["entities"])
    issues = cast("list[dict[str, str]]", record["issues"])
    source = cast("dict[str, str]", record["source"])
    return Annotation(
        str(record["id"]),
        tuple(
            Span(cast("int", one["start"]), cast("int", one["end"]), str(one["label"]))
            for one in entities
        ),
        tuple(cast("float | None", one.get("confidence")) for one in entities),
        Provenance(
            source["annotator"],
            source["model"],
            Digest(source["prompt"]),
            Digest(source["request"]),
        ),
        tuple(Issue(cast("Outcome", one["outcome"]), one["label"], one["text"]) for one in issues),
    )


def _line(record: Record) -> bytes:
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        # JSON can escape a lone surrogate; UTF-8 cannot hold one.
        return (json.dumps(record) + "\n").encode()

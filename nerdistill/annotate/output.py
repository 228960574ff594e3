"""Annotated corpora on disk: the project's own format with provenance and ledger beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from nerdistill.digest import Digest
from nerdistill.errors import CorpusError
from nerdistill.files import write_whole
from nerdistill.types import Annotation, Issue, Outcome, Provenance, Span

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.annotate.run import AnnotationRun
    from nerdistill.types import Corpus, Sentence

Record = dict[str, object]


def failures_path(path: Path) -> Path:
    """Where the failures of an annotated corpus are listed."""
    return path.with_name(f"{path.name}.failures.jsonl")


def write_annotations(path: Path, corpus: Corpus, run: AnnotationRun) -> None:
    """Write a labelled corpus, and beside it the list of failures.

    A sentence that failed is in the list alone: it has no labels, which is not "no entities".

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    labelled = {annotation.sentence_id: annotation for annotation in run.annotations}
    records = [
        _record(document.id, sentence, labelled[sentence.id])
        for document in corpus.documents
        for sentence in document.sentences
        if sentence.id in labelled
    ]
    texts = {sentence.id: sentence.text for sentence in corpus.sentences}
    failed: list[Record] = [
        {"id": name, "text": texts[name], **asdict(failure)} for name, failure in run.failures
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(failures_path(path), _lines(failed))
    write_whole(path, _lines(records))


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


def _lines(records: list[Record]) -> bytes:
    return "".join(map(_line, records)).encode()


def _line(record: Record) -> str:
    line = json.dumps(record, ensure_ascii=False) + "\n"
    try:
        line.encode()
    except UnicodeEncodeError:
        # JSON can escape a lone surrogate; UTF-8 cannot hold one.
        return json.dumps(record) + "\n"
    return line

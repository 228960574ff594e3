"""The project's own format: one sentence a line, as a JSON object.

    {"id": "sport/003#2", "tokens": ["Ada", "won", "."], "text": "Ada won.",
     "entities": [{"start": 0, "end": 1, "label": "PER"}]}

With `tokens`, entities are half-open ranges of tokens. Without, `text` is cut into words and
entities are half-open ranges of characters. No `entities` means: nobody has labelled it.
Also known: `document`, `joiner`, `weights`; `idx` where there is no `id`. Other keys are passed
over, so that files of recorded replies are corpora too.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from nerdistill.corpus import segment
from nerdistill.corpus.formats.files import read_lines, write_text
from nerdistill.errors import CorpusError
from nerdistill.types import Corpus, Document, Sentence, Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.labels import Scheme

Record = dict[str, object]


def read(path: Path, *, tag_column: int) -> Corpus:  # noqa: ARG001 - every reader's signature
    """Read a file of JSON lines.

    A document is what `document` says, else the id up to its last `#`, else the sentence alone.

    Raises:
        CorpusError: naming the line.
    """
    documents: dict[str, list[Sentence]] = {}
    for document, sentence in stream(path):
        documents.setdefault(document, []).append(sentence)
    return Corpus(tuple(Document(name, tuple(held)) for name, held in documents.items()))


def stream(path: Path) -> Iterator[tuple[str, Sentence]]:
    """Each sentence with its document's id, line by line: the file is never in memory.

    Raises:
        CorpusError: naming the line, when it is reached.
    """
    lines: dict[int, int] = {}
    for number, record in _records(path):
        place = f"{path}:{number}"
        name = str(record.get("id", record.get("idx", number)))
        # A hash takes a tenth of the memory of a long id; 64 bits of it are as good.
        known = lines.setdefault(hash(name), number)
        if known != number:
            raise CorpusError(
                f"{place}: the id {name!r} stands on line {known} already",
                "Give each sentence an id of its own, or leave out all ids.",
            )
        document = record.get("document")
        home = _document_of(name) if document is None else str(document)
        yield home, _sentence(place, name, record)


def _document_of(name: str) -> str:
    return name.rpartition("#")[0] or name


def _records(path: Path) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(
                f"{path}:{number}: not JSON: {error}",
                "Each line is one JSON object; name another format with --format.",
            ) from error
        if not isinstance(value, dict):
            raise CorpusError(
                f"{path}:{number}: not a JSON object", 'Each line looks like {"text": "…"}.'
            )
        yield number, cast("Record", value)


def _sentence(place: str, name: str, record: Record) -> Sentence:
    raw = record.get("text")
    if raw is not None and not isinstance(raw, str):
        raise CorpusError(f"{place}: `text` is not a string", "Write the raw text there.")
    entities = _entities(place, record)
    if record.get("tokens") is not None:
        tokens = _tokens(place, record["tokens"])
        _check_inside(place, entities, len(tokens), "tokens")
        spans = entities
    elif raw is not None:
        _check_inside(place, entities, len(raw), "characters")
        tokens, spans = _from_characters(place, raw, entities)
    else:
        raise CorpusError(f"{place}: neither `tokens` nor `text`", "Give one of them, or both.")
    weights = record.get("weights")
    try:
        sentence = Sentence(
            name,
            tokens,
            joiner=str(record.get("joiner", " ")),
            spans=spans,
            raw=raw,
            weights=None if weights is None else tuple(map(float, cast("list[float]", weights))),
        )
        _ = sentence.offsets if raw is not None else None
    except (ValueError, TypeError) as error:
        raise CorpusError(
            f"{place}: {error}",
            "`tokens` are the words of `text`, none left out; `weights` a number for each.",
        ) from error
    return sentence


def _tokens(place: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(w, str) and w for w in value):
        raise CorpusError(
            f"{place}: `tokens` is not a list of words", "Give at least one, none of them empty."
        )
    return tuple(value)


def _entities(place: str, record: Record) -> tuple[Span, ...] | None:
    """The entities in order, checked against each other but not against the sentence."""
    value = record.get("entities")
    if value is None:
        return None
    hint = 'An entity is {"start": 0, "end": 2, "label": "PER"} with start < end.'
    if not isinstance(value, list):
        raise CorpusError(f"{place}: `entities` is not a list", hint)
    try:
        spans = tuple(sorted(map(_span, value)))
    except (ValueError, TypeError, KeyError) as error:
        raise CorpusError(f"{place}: a wrong entity: {error}", hint) from error
    for left, right in pairwise(spans):
        if left.end > right.start:
            raise CorpusError(
                f"{place}: the entities [{left.start}, {left.end}) {left.label} and "
                f"[{right.start}, {right.end}) {right.label} overlap",
                "Keep one of them: entities may touch, but not overlap.",
            )
    return spans


def _span(value: object) -> Span:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    start, end, label = value["start"], value["end"], value["label"]
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise TypeError(f"{value!r}")
    return Span(start, end, label)


def _check_inside(place: str, entities: tuple[Span, ...] | None, length: int, unit: str) -> None:
    for entity in entities or ():
        if entity.end > length:
            raise CorpusError(
                f"{place}: the entity [{entity.start}, {entity.end}) {entity.label} ends outside "
                f"the sentence of {length} {unit}",
                "With `tokens` entities count tokens, without them characters of `text`.",
            )


def _from_characters(
    place: str, text: str, entities: tuple[Span, ...] | None
) -> tuple[tuple[str, ...], tuple[Span, ...] | None]:
    """Words and spans of words; a word is cut where an entity starts or ends inside it."""
    edges = sorted({edge for entity in entities or () for edge in (entity.start, entity.end)})
    ranges: list[segment.Range] = []
    for start, end in segment.words(text):
        inside = [edge for edge in edges if start < edge < end]
        ranges += pairwise([start, *inside, end])
    if not ranges:
        raise CorpusError(f"{place}: `text` holds no word", "Leave the line out.")
    spans = []
    for entity in entities or ():
        covered = [
            i
            for i, (start, end) in enumerate(ranges)
            if entity.start <= start and end <= entity.end
        ]
        if not covered:
            raise CorpusError(
                f"{place}: the entity [{entity.start}, {entity.end}) {entity.label} holds only "
                "white space",
                "Entities are ranges of characters of `text`, from 0, the end not included.",
            )
        spans.append(Span(covered[0], covered[-1] + 1, entity.label))
    tokens = tuple(text[start:end] for start, end in ranges)
    return tokens, None if entities is None else tuple(spans)


def write(corpus: Corpus, path: Path, *, tag_scheme: Scheme) -> None:  # noqa: ARG001 - as above
    """Write every sentence with all that is known of it."""
    lines = [
        _line(document, sentence)
        for document in corpus.documents
        for sentence in document.sentences
    ]
    write_text(path, "".join(lines))


def _line(document: Document, sentence: Sentence) -> str:
    record: Record = {"id": sentence.id}
    if document.id != _document_of(sentence.id):
        record["document"] = document.id
    if sentence.raw is not None:
        record["text"] = sentence.raw
    record["tokens"] = sentence.tokens
    if sentence.joiner != " ":
        record["joiner"] = sentence.joiner
    if sentence.spans is not None:
        record["entities"] = [
            {"start": span.start, "end": span.end, "label": span.label} for span in sentence.spans
        ]
    if sentence.weights is not None:
        record["weights"] = sentence.weights
    line = json.dumps(record, ensure_ascii=False) + "\n"
    # JSON can escape a lone surrogate; UTF-8 cannot hold one.
    return line if _is_utf8(line) else json.dumps(record) + "\n"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

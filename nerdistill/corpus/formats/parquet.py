"""Parquet as the `datasets` library writes it: a row a sentence, `tokens` and `ner_tags` or `tags`.

Tags are strings, or the numbers of classes whose names the file's own `huggingface` metadata hold.
Also known: `id`, and `document` or `doc_id`. Other columns are passed over.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nerdistill.corpus.formats.scheme import scheme_of
from nerdistill.errors import CorpusError
from nerdistill.labels import split_tag, tags_to_spans
from nerdistill.types import Corpus, Document, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from nerdistill.labels import Scheme

TOKENS = "tokens"
TAGS = ("ner_tags", "tags")
DOCUMENT = ("document", "doc_id")
SPLITS = frozenset({"train", "training", "validation", "valid", "val", "dev", "test"})
BATCH = 1024
"""Rows in memory at a time."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_HINT = "Write it with the `datasets` library (to_parquet), or convert it to JSONL."


@dataclass(frozen=True, slots=True)
class _File:
    """One file and its columns; `names` are those of the tags' classes."""

    path: Path
    first: int
    tags: str | None
    names: tuple[str, ...] | None
    id: str | None
    document: str | None

    def place(self, row: int, column: str) -> str:
        """Where something is wrong; rows count from 0, as `datasets` counts them."""
        return f"{self.path}: row {row}, column {column}"

    def tag_place(self, row: int, _position: int) -> str:
        """Where a tag is wrong."""
        return self.place(row, self.tags or "")


def read(path: Path, *, tag_column: int) -> Corpus:  # noqa: ARG001 - every reader's signature
    """Read a file, or every .parquet file of a folder in the order of their names.

    A document is what `document` or `doc_id` says, else the sentence alone. Ids are those of the
    column `id`, else running numbers from 0.

    Raises:
        CorpusError: naming row and column.
    """
    documents: dict[str, list[Sentence]] = {}
    for document, sentence in stream(path):
        documents.setdefault(document, []).append(sentence)
    return Corpus(tuple(Document(name, tuple(held)) for name, held in documents.items()))


def stream(path: Path) -> Iterator[tuple[str, Sentence]]:
    """Each sentence with its document's id, batch by batch: the file is never in memory.

    Raises:
        CorpusError: naming row and column, when the row is reached; of a tag at once.
    """
    files = _files(path)
    scheme = scheme_of(lambda: (one for file in files for one in _tagged(file)))
    seen: dict[int, str] = {}
    for file in files:
        for row, record in _rows(file, [TOKENS, file.tags, file.id, file.document]):
            sentence = _sentence(file, row, record, scheme)
            # A hash takes a tenth of the memory of a long id; 64 bits of it are as good.
            place = file.place(row, file.id or "id")
            known = seen.setdefault(hash(sentence.id), place)
            if known != place:
                raise CorpusError(
                    f"{place}: the id {sentence.id!r} stands in {known} already",
                    "Give each sentence an id of its own, or leave out the column.",
                )
            home = record[file.document] if file.document else None
            yield sentence.id if home is None else str(home), sentence


def _files(path: Path) -> list[_File]:
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not paths:
        raise CorpusError(f"{path}: no .parquet file in the folder", "Name a parquet file.")
    splits = {_SHARD.sub("", one.stem) for one in paths}
    if len(splits) > 1 and splits & SPLITS:
        raise CorpusError(
            f"{path}: the folder holds several splits: {', '.join(sorted(splits))}",
            f"Name one of its files, such as {paths[0]}.",
        )
    files: list[_File] = []
    first = 0
    for one in paths:
        file, rows = _open(one, first)
        files.append(file)
        first += rows
    if first == 0:
        raise CorpusError(f"{path}: the file is empty", "Name a file that holds sentences.")
    return files


def _open(path: Path, first: int) -> tuple[_File, int]:
    """A file whose first row is the corpus's sentence `first`, and its number of rows."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as opened:
            schema, rows = opened.schema_arrow, opened.metadata.num_rows
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CorpusError(f"{path}: no parquet file: {reason}", "Copy the file again.") from error
    columns = set(schema.names)
    if TOKENS not in columns:
        raise CorpusError(
            f"{path}: there is no column {TOKENS}; there are {', '.join(schema.names)}", _HINT
        )
    tags = next((name for name in TAGS if name in columns), None)
    _check_list(path, schema, TOKENS)
    names = None
    if tags is not None and not _check_list(path, schema, tags, numbers=True):
        names = _class_names(path, schema, tags)
    document = next((name for name in DOCUMENT if name in columns), None)
    return _File(path, first, tags, names, "id" if "id" in columns else None, document), rows


def _check_list(path: Path, schema: pa.Schema, column: str, *, numbers: bool = False) -> bool:
    """Whether a column holds lists of strings; lists of integers will do where they may."""
    from pyarrow import types

    kind = schema.field(column).type
    inner = kind.value_type if hasattr(kind, "value_type") else kind
    inner = inner.value_type if types.is_dictionary(inner) else inner
    text = bool(types.is_string(inner) or types.is_large_string(inner))
    if inner is kind or not (text or (numbers and types.is_integer(inner))):
        raise CorpusError(
            f"{path}: column {column} holds {kind}, not lists of {'tags' if numbers else 'words'}",
            _HINT,
        )
    return text


def _class_names(path: Path, schema: pa.Schema, column: str) -> tuple[str, ...]:
    """The names of a column's classes, as the `datasets` library keeps them in the schema."""
    try:
        told = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]
        # `feature` in Sequence and List; the older form is a list of one.
        feature = told[0] if isinstance(told, list) else told["feature"]
        names = feature["names"]
        # An older form keeps the names by their number.
        listed = [names[str(i)] for i in range(len(names))] if isinstance(names, dict) else names
    except (ValueError, LookupError, TypeError) as error:
        raise CorpusError(
            f"{path}: column {column} holds numbers, and the file does not name their classes",
            "Write it with the `datasets` library, whose ClassLabel feature names them, or write "
            "the tags as strings.",
        ) from error
    return tuple(map(str, listed))


def _rows(file: _File, columns: list[str | None]) -> Iterator[tuple[int, dict[str, object]]]:
    from pyarrow import parquet

    wanted = [column for column in columns if column]
    row = 0
    try:
        with parquet.ParquetFile(file.path) as opened:
            for batch in opened.iter_batches(batch_size=BATCH, columns=wanted):
                for record in batch.to_pylist():
                    yield row, record
                    row += 1
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CorpusError(
            f"{file.path}: damaged behind row {row}: {reason}", "Copy the file again."
        ) from error


def _tagged(file: _File) -> Iterator[tuple[tuple[str, ...], Callable[[int], str]]]:
    if file.tags is None:
        return
    for row, record in _rows(file, [file.tags]):
        place = file.place(row, file.tags)
        yield _tags(file, place, record[file.tags]), partial(file.tag_place, row)


def _tags(file: _File, place: str, value: object) -> tuple[str, ...]:
    """The tags of a row; none at all where nobody has labelled it."""
    tags: list[str] = []
    for one in value if isinstance(value, list) else ():
        if file.names is not None:
            if not isinstance(one, int) or not 0 <= one < len(file.names):
                raise CorpusError(
                    f"{place}: {one!r} is none of the {len(file.names)} classes", _HINT
                )
            tags.append(file.names[one])
        else:
            tags.append(str(one))
        try:
            split_tag(tags[-1])
        except ValueError as error:
            raise CorpusError(
                f"{place}: {error}", f"Write IOB1, IOB2 or BIOES tags into {file.tags}."
            ) from error
    return tuple(tags)


def _sentence(file: _File, row: int, record: dict[str, object], scheme: Scheme) -> Sentence:
    tokens = record[TOKENS]
    if not isinstance(tokens, list) or not tokens or not all(tokens):
        raise CorpusError(
            f"{file.place(row, TOKENS)}: no word, or an empty one", "Leave the row out."
        )
    name = str(record[file.id]) if file.id else str(file.first + row)
    if file.tags is None or record[file.tags] is None:
        return Sentence(name, tuple(tokens))
    place = file.place(row, file.tags)
    tags = _tags(file, place, record[file.tags])
    if len(tags) != len(tokens):
        raise CorpusError(
            f"{place}: {len(tags)} tags for {len(tokens)} tokens", "Give each token one tag."
        )
    try:
        return Sentence(name, tuple(tokens), spans=tags_to_spans(tags, scheme))
    except ValueError as error:
        raise CorpusError(
            f"{place}: {error}",
            "Mend the tags: B- I- E- for an entity of several words, S- for one of one word.",
        ) from error

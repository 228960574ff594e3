"""Corpus files in and out, each format a reader and perhaps a writer in FORMATS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from nerdistill import assets
from nerdistill.corpus.formats import conll, jsonl, parquet, text
from nerdistill.corpus.formats.guess import guess_format
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nerdistill.labels import Scheme
    from nerdistill.types import Corpus, Sentence


class Reader(Protocol):
    """Reads a file, or a folder where the format knows folders."""

    def __call__(self, path: Path, *, tag_column: int) -> Corpus:
        """The corpus in `path`; `tag_column` matters to columns only."""


class Writer(Protocol):
    """Writes one file."""

    def __call__(self, corpus: Corpus, path: Path, *, tag_scheme: Scheme) -> None:
        """Write a corpus; `tag_scheme` matters to columns only."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one format is read, and written or streamed where it can be."""

    read: Reader
    write: Writer | None
    stream: Callable[[Path], Iterator[tuple[str, Sentence]]] | None


FORMATS: dict[str, Format] = {
    "conll": Format(conll.read, conll.write, None),
    "jsonl": Format(jsonl.read, jsonl.write, jsonl.stream),
    "parquet": Format(parquet.read, None, parquet.stream),
    "text": Format(text.read, None, text.stream),
}


def read_corpus(path: Path, *, format: str | None = None, tag_column: int = -1) -> Corpus:  # noqa: A002 - the word users know
    """Read a corpus file, or a folder of plain text or of parquet.

    Args:
        path: as given, else below the folder that holds what ships with nerdistill.
        format: a name in FORMATS, or None to tell it from the file's name and first lines.
        tag_column: of CoNLL columns: where the tag stands, from 0, or from the end if negative.

    Raises:
        AssetError: there is no such file.
        ConfigError: no such format, or one that cannot be told.
        CorpusError: the file breaks its format; the message names the line.
    """
    found = assets.find(path, kind="corpus")
    return _named(format or guess_format(found, tag_column)).read(found, tag_column=tag_column)


def stream_corpus(path: Path) -> Callable[[], Iterator[tuple[str, Sentence]]]:
    """A corpus to pass through again and again, each sentence with its document's id.

    JSONL, parquet and plain text are read as they are passed through, so that memory stays flat;
    CoNLL columns are in memory.

    Raises:
        AssetError, ConfigError: as for `read_corpus`.
        CorpusError: the file breaks its format; told when the line is reached.
    """
    found = assets.find(path, kind="corpus")
    way = _named(guess_format(found, -1))
    if way.stream:
        return partial(way.stream, found)
    corpus = way.read(found, tag_column=-1)
    return lambda: ((one.id, sentence) for one in corpus.documents for sentence in one.sentences)


def write_corpus(
    corpus: Corpus,
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word users know
    tag_scheme: Scheme = "IOB2",
) -> None:
    """Write a corpus to one file, aside and then renamed into place.

    Args:
        corpus: what to write.
        path: the file; its folder is made where it is missing.
        format: `jsonl` or `conll`, or None to tell it from the file's name.
        tag_scheme: of CoNLL columns.

    Raises:
        ConfigError: no such format, one that cannot be told, or one that cannot be written.
        CorpusError: the format cannot hold the corpus.
    """
    name = format or {".jsonl": "jsonl", ".conll": "conll", ".iob": "conll", ".bio": "conll"}.get(
        path.suffix.lower()
    )
    if name is None:
        raise ConfigError(
            f"{path}: the name does not tell the format to write",
            "End it in .jsonl or .conll, or name the format (corpus convert: --to).",
        )
    write = _named(name).write
    if write is None:
        raise ConfigError(f"{path}: {name} can only be read", "Write jsonl or conll.")
    write(corpus, path, tag_scheme=tag_scheme)


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise ConfigError(f"there is no corpus format {name!r}", f"Use one of {sorted(FORMATS)}.")
    return FORMATS[name]

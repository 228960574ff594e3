"""Plain text, cut into sentences and words: one document a file, a corpus a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.corpus import segment
from nerdistill.corpus.formats.files import read_text
from nerdistill.errors import CorpusError
from nerdistill.types import Corpus, Document, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read(path: Path, *, tag_column: int) -> Corpus:  # noqa: ARG001 - every reader's signature
    """Read a .txt file, or every one below a folder in the order of their names.

    A document's id is the file's path below the folder without `.txt`, a sentence's `document#n`
    with n from 0. Nobody has labelled it: spans are None.

    Raises:
        CorpusError: a file is empty or not UTF-8, or the folder holds no .txt file.
    """
    return Corpus(tuple(_documents(path)))


def stream(path: Path) -> Iterator[tuple[str, Sentence]]:
    """Each sentence with its document's id, file by file.

    Raises:
        CorpusError: as for `read`, when the file is reached.
    """
    return ((document.id, one) for document in _documents(path) for one in document.sentences)


def _documents(path: Path) -> Iterator[Document]:
    if not path.is_dir():
        yield _document(path, path.stem)
        return
    files = sorted(file for file in path.rglob("*.txt") if file.is_file())
    if not files:
        raise CorpusError(f"{path}: no .txt file in the folder", "Name a folder of plain text.")
    for file in files:
        yield _document(file, file.relative_to(path).with_suffix("").as_posix())


def _document(path: Path, name: str) -> Document:
    text = read_text(path)
    sentences = []
    for number, (start, end) in enumerate(segment.sentences(text)):
        raw = text[start:end]
        tokens = tuple(raw[left:right] for left, right in segment.words(raw))
        sentences.append(Sentence(f"{name}#{number}", tokens, raw=raw))
    return Document(name, tuple(sentences))

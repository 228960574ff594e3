"""Whole text files, in and out: strict UTF-8 in, written aside and renamed into place out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from nerdistill.errors import CorpusError
from nerdistill.files import write_whole
from nerdistill.sharing import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_text(path: Path) -> str:
    r"""A file's text, with line ends as they stand (`\r` may belong to a token).

    Raises:
        CorpusError: the file is empty, a folder, unreadable or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Line by line, so that the line is told.
        for _ in read_lines(path):
            pass
        raise
    if not text.strip(" \t\r\n"):
        raise CorpusError(f"{path}: the file is empty", "Name a file that holds sentences.")
    return text


def read_lines(path: Path) -> Iterator[str]:
    r"""A file's lines without the `\n` that ends them, one at a time.

    Raises:
        CorpusError: as for `read_text`; of a line that is not UTF-8 when it is reached.
    """
    empty = True
    try:
        with path.open("rb") as stream:
            for number, data in enumerate(stream, start=1):
                try:
                    line = data.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise _not_utf8(path, number, data, error) from error
                empty = empty and not line.strip(" \t\r\n")
                yield line.removesuffix("\n")
    except OSError as error:
        raise _unreadable(path, error) from error
    if empty:
        raise CorpusError(f"{path}: the file is empty", "Name a file that holds sentences.")


def _unreadable(path: Path, error: OSError) -> CorpusError:
    return CorpusError(
        f"{path}: cannot be read: {error.strerror}", "Name an existing, readable file."
    )


def _not_utf8(path: Path, line: int, data: bytes, error: UnicodeDecodeError) -> CorpusError:
    """Of a line's bytes."""
    return CorpusError(
        f"{path}:{line}: byte {error.start + 1} of the line (0x{data[error.start]:02x}) is not "
        "UTF-8",
        f"If the file is Latin-1, convert it: iconv -f latin1 -t utf-8 "
        f"{shlex.quote(str(path))} > utf8.txt",
    )


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the whole new one, never a part.

    Raises:
        CorpusError: the text holds a lone surrogate, which UTF-8 cannot express.
        OSError: the folder is not writable, or the disk is full.
    """
    try:
        # The reader takes a leading byte order mark away: a word that begins with one gets another.
        data = text.encode("utf-8-sig" if text.startswith("\ufeff") else "utf-8")
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"{path}: the text holds {text[error.start]!r}, which UTF-8 cannot express",
            "Write it as JSONL, which can.",
        ) from error
    make_folder(path.parent)
    write_whole(path, data)

"""Which format a file is in, from its name and its first lines."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from nerdistill.corpus.formats.conll import DOCUMENT_MARK, columns
from nerdistill.corpus.formats.files import read_text
from nerdistill.errors import ConfigError
from nerdistill.labels import split_tag

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES: dict[str, str] = {
    ".jsonl": "jsonl",
    ".conll": "conll",
    ".iob": "conll",
    ".bio": "conll",
    ".parquet": "parquet",
}
"""The names that tell the format; `.txt` is columns or prose."""

LINES_LOOKED_AT = 200
MOSTLY, HARDLY = 0.5, 0.1
"""Shares of lines that end in a tag: from the first on it is columns, up to the second prose."""


def guess_format(path: Path, tag_column: int) -> str:
    """`jsonl`, `conll`, `parquet` or `text`.

    Raises:
        ConfigError: the name is unknown, a .txt file might be columns as well as prose, or a
            folder holds parquet and prose.
        CorpusError: a .txt file cannot be read.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _of_folder(path)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix != ".txt":
        raise _unclear(path, "the name does not tell the format")
    lines = (line.rstrip("\r") for line in read_text(path).split("\n"))
    return _columns_or_prose(
        path, list(islice(filter(str.strip, lines), LINES_LOOKED_AT)), tag_column
    )


def _of_folder(path: Path) -> str:
    if not any(path.glob("*.parquet")):
        return "text"
    if any(path.glob("*.txt")):
        raise _unclear(path, "the folder holds .parquet and .txt files")
    return "parquet"


def _columns_or_prose(path: Path, lines: list[str], tag_column: int) -> str:
    if any(line.startswith(DOCUMENT_MARK) for line in lines):
        return "conll"
    tagged = sum(_ends_in_tag(line, tag_column) for line in lines)
    if tagged > 1 and tagged >= MOSTLY * len(lines):
        return "conll"
    if tagged > HARDLY * len(lines):
        raise _unclear(path, "some lines look like CoNLL columns, others like prose")
    if len(lines) > 1 and all(len(line.split()) == 1 for line in lines):
        raise _unclear(path, "one word a line: CoNLL columns without tags, or prose?")
    return "text"


def _ends_in_tag(line: str, tag_column: int) -> bool:
    cells = columns(line)
    try:
        split_tag(cells[tag_column])
    except (ValueError, IndexError):
        return False
    return len(cells) > 1


def _unclear(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path}: {why}", "Name it with --format: conll (columns), jsonl, parquet or text (prose)."
    )

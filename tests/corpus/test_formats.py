"""Which format a file is in, plain text, and files that are no corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.corpus.formats import read_corpus, write_corpus
from nerdistill.errors import AssetError, ConfigError, CorpusError
from nerdistill.types import Corpus, Document, Sentence

if TYPE_CHECKING:
    from pathlib import Path

TINY = Corpus((Document("d", (Sentence("d#0", ("Oslo",), spans=()),)),))


def put(path: Path, text: str) -> Path:
    """Write a file and name it."""
    path.write_text(text, encoding="utf-8")
    return path


def test_txt_columns_are_columns(tmp_path: Path) -> None:
    """A .txt file whose lines end in tags is read as columns."""
    corpus = read_corpus(put(tmp_path / "a.txt", "Oslo NNP B-LOC\nfell VBD O\n"))
    assert next(corpus.sentences).tokens == ("Oslo", "fell")


def test_txt_prose_is_prose(tmp_path: Path) -> None:
    """Other .txt files are prose: one document, sentences with raw text, no labels."""
    corpus = read_corpus(put(tmp_path / "news.txt", "Oslo fell\n\nAda won. She's\nhappy.\n"))
    (document,) = corpus.documents
    assert document.id == "news"
    assert [(s.id, s.raw, s.spans) for s in document.sentences] == [
        ("news#0", "Oslo fell", None),
        ("news#1", "Ada won.", None),
        ("news#2", "She's\nhappy.", None),
    ]
    assert document.sentences[2].tokens == ("She", "'s", "happy", ".")


def test_a_folder_of_texts(tmp_path: Path) -> None:
    """A folder is a corpus with a document for each .txt file in or below it."""
    (tmp_path / "sport").mkdir()
    put(tmp_path / "sport" / "002.txt", "Ada won.")
    put(tmp_path / "sport" / "001.txt", "Oslo fell.")
    put(tmp_path / "README.md", "no text")
    assert [document.id for document in read_corpus(tmp_path).documents] == [
        "sport/001",
        "sport/002",
    ]


def test_an_empty_folder(tmp_path: Path) -> None:
    """A folder without text is no corpus."""
    with pytest.raises(CorpusError, match=r"no \.txt file"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Oslo,B-LOC\n"),
        ("a.txt", "Oslo\nfell\n"),
        ("a.txt", "He flew a B-52"),
        ("a.txt", "Oslo B-LOC\nThis is prose.\nAnd this too.\n"),
    ],
)
def test_unclear_formats_ask_for_one(tmp_path: Path, name: str, text: str) -> None:
    """Where the format cannot be told, the error names the flag that tells it."""
    with pytest.raises(ConfigError, match="--format"):
        read_corpus(put(tmp_path / name, text))


def test_a_told_format_is_not_guessed(tmp_path: Path) -> None:
    """A told format holds whatever the name says."""
    corpus = read_corpus(put(tmp_path / "a.csv", "Oslo\nfell\n"), format="conll")
    assert next(corpus.sentences).tokens == ("Oslo", "fell")


def test_unknown_format(tmp_path: Path) -> None:
    """An unknown format is told, with those that exist."""
    with pytest.raises(ConfigError, match="jsonl"):
        read_corpus(put(tmp_path / "a.txt", "x"), format="xml")


@pytest.mark.parametrize(("name", "form"), [("a.txt", None), ("a.jsonl", "text")])
def test_unwritable_formats(tmp_path: Path, name: str, form: str | None) -> None:
    """Plain text cannot be written, and .txt does not tell what should be."""
    with pytest.raises(ConfigError):
        write_corpus(TINY, tmp_path / name, format=form)


def test_a_missing_file(tmp_path: Path) -> None:
    """A missing file is told by its name."""
    with pytest.raises(AssetError, match=r"gone\.jsonl"):
        read_corpus(tmp_path / "gone.jsonl")


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    """A folder cannot be read as JSONL."""
    with pytest.raises(CorpusError, match="cannot be read"):
        read_corpus(tmp_path, format="jsonl")


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff\r\n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    """A file without text is told as empty."""
    with pytest.raises(CorpusError, match="is empty"):
        read_corpus(put(tmp_path / "a.jsonl", text))


def test_not_utf8(tmp_path: Path) -> None:
    """A byte that is not UTF-8 is told with its line and place, and how to convert the file."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"Fine.\nCaf\xe9 au lait\n")
    with pytest.raises(CorpusError) as caught:
        read_corpus(path)
    assert f"{path}:2: byte 4 of the line (0xe9) is not UTF-8" in caught.value.message
    assert "iconv -f latin1 -t utf-8" in caught.value.hint


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Where writing fails, the old file stands and nothing lies beside it."""
    path = put(tmp_path / "a.conll", "old")
    bad = Corpus((Document("d", (Sentence("d#0", ("\ud800",), spans=()),)),))
    with pytest.raises(CorpusError, match="UTF-8"):
        write_corpus(bad, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["a.conll"]

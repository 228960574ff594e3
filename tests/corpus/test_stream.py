"""Corpora as streams: the same sentences and the same complaints as when they are read whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.corpus.formats import read_corpus, stream_corpus
from nerdistill.errors import CorpusError
from nerdistill.files import writing_whole

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.types import Sentence

LINES = [
    {"id": "a#0", "tokens": ["Ada", "won"], "entities": [{"start": 0, "end": 1, "label": "PER"}]},
    {"id": "b#0", "text": "Bo met Cy."},
    {"id": "a#1", "tokens": ["Rain"], "document": "c"},
]


def whole(path: Path) -> list[tuple[str, Sentence]]:
    """A corpus that was read whole, as a stream gives it."""
    return [(one.id, sentence) for one in read_corpus(path).documents for sentence in one.sentences]


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("last", [True, False])
def test_jsonl(tmp_path: Path, start: str, end: str, *, last: bool) -> None:
    """Line ends, blank lines, byte order marks and a missing last end change nothing."""
    path = tmp_path / "c.jsonl"
    text = start + end.join(map(json.dumps, LINES)) + end * last
    path.write_bytes(text.encode())
    stream = stream_corpus(path)
    assert list(stream()) == list(stream()) == whole(path)
    assert len(whole(path)) == 3


def test_columns_and_prose(tmp_path: Path) -> None:
    """Every format can be passed through twice."""
    (tmp_path / "c.conll").write_text("Ada B-PER\nwon O\n\nRain O\n")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "b.txt").write_text("Bo met Cy. They left.")
    (tmp_path / "texts" / "a.txt").write_text("Rain.")
    for path in (tmp_path / "c.conll", tmp_path / "texts"):
        stream = stream_corpus(path)
        assert list(stream()) == list(stream()) == whole(path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"id": "a#0", "tokens": ["x"]}', r"c\.jsonl:4: the id 'a#0' stands on line 1 already"),
        (b"{", r"c\.jsonl:4: not JSON"),
        (b'{"text": "\xff"}', r"c\.jsonl:4: byte 11 of the line \(0xff\) is not UTF-8"),
        (b"{}", r"c\.jsonl:4: neither `tokens` nor `text`"),
    ],
)
def test_a_wrong_line_is_told_when_it_is_reached(tmp_path: Path, line: bytes, told: str) -> None:
    """The sentences before it are given out; reading whole complains in the same words."""
    path = tmp_path / "c.jsonl"
    path.write_bytes("\n".join(map(json.dumps, LINES)).encode() + b"\n" + line + b"\n")
    stream = stream_corpus(path)()
    assert [next(stream)[1].id for _ in LINES] == ["a#0", "b#0", "a#1"]
    with pytest.raises(CorpusError, match=told):
        next(stream)
    with pytest.raises(CorpusError, match=told):
        read_corpus(path)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    """Blank lines are no corpus."""
    path = tmp_path / "c.jsonl"
    path.write_text("\n \n")
    with pytest.raises(CorpusError, match="the file is empty"):
        list(stream_corpus(path)())


def test_a_file_that_was_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    """What fails half way takes nobody's place and leaves nothing behind."""
    path = tmp_path / "out"
    path.write_text("old")

    def fail() -> None:
        with writing_whole(path) as stream:
            stream.write(b"half of the new")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert (path.read_text(), [one.name for one in tmp_path.iterdir()]) == ("old", ["out"])
    with writing_whole(path) as stream:
        stream.write(b"new")
    assert path.read_text() == "new"

"""`nerdistill corpus`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.cli.main import main
from nerdistill.corpus.formats import read_corpus

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "Ada B-PER\nwon O\n\nOslo B-LOC\n"


def run(*words: object) -> int:
    """Run the command line, as its exit code."""
    with pytest.raises(SystemExit) as left:
        main(["corpus", *map(str, words)])
    return int(left.value.code or 0)


def put(path: Path, text: str | bytes) -> Path:
    """Write a file and name it."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_stats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts come as a table or as JSON."""
    path = put(tmp_path / "a.conll", GOOD)
    assert run("stats", path, "--json") == 0
    counted = json.loads(capsys.readouterr().out)
    assert (counted["sentences"], counted["entities"]) == (2, {"LOC": 1, "PER": 1})
    assert run("stats", path) == 0
    assert "longest sentence    2 words (id 0.0)" in capsys.readouterr().out


def test_stats_of_the_demo_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ships with nerdistill is found from any folder: the help's example works."""
    monkeypatch.chdir(tmp_path)
    assert run("stats", "offline_assets/demo/test.jsonl") == 0
    assert "321" in capsys.readouterr().out


def test_convert_there_and_back(tmp_path: Path) -> None:
    """Columns survive the way through JSONL and another scheme."""
    source = put(tmp_path / "a.txt", GOOD)
    assert run("convert", source, tmp_path / "b.jsonl") == 0
    scheme = ("--tag-scheme", "BIOES")
    assert run("convert", tmp_path / "b.jsonl", tmp_path / "c", "--to", "conll", *scheme) == 0
    assert "Ada\tS-PER\n" in (tmp_path / "c").read_text(encoding="utf-8")
    assert read_corpus(tmp_path / "c", format="conll") == read_corpus(source)


def test_split(tmp_path: Path) -> None:
    """Each part is a file, and together they are the corpus."""
    source = put(tmp_path / "a.conll", "Ada B-PER\nwon O\n\n" * 40)
    shares = ("--share", "train=0.75", "--share", "test=0.25")
    assert run("split", source, "--out", tmp_path / "parts", *shares, "--seed", 3) == 0
    train, test = (read_corpus(tmp_path / "parts" / f"{n}.jsonl") for n in ("train", "test"))
    assert (len(train), len(test)) == (30, 10)


def test_audit_drops_from_training_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Duplicates are told, and dropped where asked."""
    train = put(tmp_path / "train.conll", GOOD)
    test = put(tmp_path / "test.conll", "OSLO B-LOC\n")
    assert run("audit", train, test, "--drop-duplicates", tmp_path / "rest.jsonl") == 0
    assert "1 of 2 training sentences" in capsys.readouterr().out
    assert [s.tokens for s in read_corpus(tmp_path / "rest.jsonl").sentences] == [("Ada", "won")]
    assert run("audit", train, test, "--json") == 0
    assert json.loads(capsys.readouterr().out)["duplicates"][0]["held_out"] == "0.0"


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "column count": ("a.conll", "Ada NNP B-PER\nwon O\n", "a.conll:2: 2 columns"),
    "invalid tag": ("a.conll", "Ada B-PER\nwon Q\n", "a.conll:2: 'Q' is not a tag"),
    "sequence": ("a.conll", "x O\n\nAda B-PER\nwon S-X\n", "a.conll:3: in the sentence"),
    "mixed schemes": ("a.conll", "Ada B-PER\nof O\nOslo I-LOC\n", "a.conll:3: I-LOC opens"),
    "bad UTF-8": ("a.jsonl", b'{"text": "x"}\n{"text": "\xff"}\n', "a.jsonl:2: byte 11"),
    "empty": ("a.jsonl", "", "a.jsonl: the file is empty"),
    "duplicate id": ("a.jsonl", '{"id":1,"text":"x"}\n' * 2, "a.jsonl:2: the id '1'"),
    "overlap": (
        "a.jsonl",
        (
            '{"tokens":["a","b"],"entities":[{"start":0,"end":2,"label":"X"},'
            '{"start":1,"end":2,"label":"Y"}]}'
        ),
        "a.jsonl:1: the entities [0, 2) X and [1, 2) Y overlap",
    ),
    "outside": (
        "a.jsonl",
        '{"text":"ab","entities":[{"start":0,"end":9,"label":"X"}]}',
        "a.jsonl:1: the entity [0, 9) X ends outside",
    ),
    "not JSON": ("a.jsonl", "Ada won.\n", "a.jsonl:1: not JSON"),
    "unclear": ("a.csv", "Ada,B-PER\n", "--format"),
}


@pytest.mark.parametrize(("name", "text", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str | bytes,
    words: str,
) -> None:
    """Bad input ends with exit code 2 and one line that names the place."""
    assert run("stats", put(tmp_path / name, text)) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert words in told.err


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file ends with exit code 2 and one line that names it."""
    assert run("stats", tmp_path / "gone.jsonl") == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "gone.jsonl" in told.err


@pytest.mark.parametrize("share", ["train", "train=x", "=1", "../x=1", "a=nan"])
def test_bad_shares_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], share: str
) -> None:
    """A share that is none ends with exit code 2 and one line."""
    source = put(tmp_path / "a.conll", GOOD)
    assert run("split", source, "--out", tmp_path / "parts", "--share", share) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "parts").exists()


def test_dropping_everything_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pool that is wholly held out leaves nothing to write."""
    path = put(tmp_path / "a.conll", GOOD)
    assert run("audit", path, path, "--drop-duplicates", tmp_path / "b.jsonl") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "b.jsonl").exists()

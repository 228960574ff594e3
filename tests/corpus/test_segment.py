"""Sentences and words."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerdistill.corpus import segment

if TYPE_CHECKING:
    from pathlib import Path


def words(text: str) -> list[str]:
    """The words themselves."""
    return [text[start:end] for start, end in segment.words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He didn't, she can't.", "He did n't , she ca n't ."),
        ("It\u2019s the teams' day", "It \u2019s the teams ' day"),
        ("U.S.-led talks in the U.S. today", "U.S.-led talks in the U.S. today"),
        ("the U.S.'s J.P. Dorn", "the U.S. 's J.P. Dorn"),
        ("He left the U.S.", "He left the U.S ."),
        ('"Plan B."', '" Plan B . "'),
        ("a 30-year-old paid $1.5bn, US$3 or 50%", "a 30-year-old paid $ 1.5bn , US$ 3 or 50 %"),
        ("S&P rose -- to 47,600 at 9:30", "S&P rose -- to 47,600 at 9:30"),
        ("Acme Corp. and Mr. Dorn", "Acme Corp. and Mr. Dorn"),
        ("Made by Acme Corp.", "Made by Acme Corp ."),
        ("(AFD), [x]; no/yes 3/8", "( AFD ) , [ x ] ; no / yes 3/8"),
        ("O'Dowd ate at 5 o'clock...", "O'Dowd ate at 5 o'clock ..."),
        ("'Quoted' in '96", "' Quoted ' in ' 96"),
        ("beat 1-Dorn 6-4", "beat 1 - Dorn 6-4"),
        ("it ended.The next", "it ended . The next"),
        ("see http://a.example/b?c=d, please", "see http://a.example/b?c=d , please"),
        ("Kpodà̀'s", "Kpodà̀ 's"),
    ],
)
def test_words(text: str, expected: str) -> None:
    """Punctuation and clitics stand alone, as in CoNLL-2003."""
    assert " ".join(words(text)) == expected


def test_sentences() -> None:
    """Full stops and blank lines end sentences; abbreviations and semicolons do not."""
    text = "A Headline\n\nMr. Dorn left at 5 p.m. on Monday; it rained.\nHe sang. \n \nThe end"
    assert [text[start:end] for start, end in segment.sentences(text)] == [
        "A Headline",
        "Mr. Dorn left at 5 p.m. on Monday; it rained.",
        "He sang.",
        "The end",
    ]


TEXTS = st.text() | st.text(alphabet="aZ1 .,'\u2019-$\n\t\"()é\u0300")


@settings(deadline=None)
@given(TEXTS)
def test_no_character_is_lost(text: str) -> None:
    """Words and sentences are in order, apart, and cover all that is not white space."""
    for ranges in (segment.words(text), segment.sentences(text)):
        ends = [0, *(end for _, end in ranges)]
        assert all(end <= start for end, (start, _) in zip(ends, ranges, strict=False))
        assert all(start < end for start, end in ranges)
        covered = "".join(text[start:end] for start, end in ranges)
        assert "".join(covered.split()) == "".join(text.split())
    assert not any(letter.isspace() for word in words(text) for letter in word)


@pytest.mark.parametrize("unit", ["x", "!", "a'", "1-X", "a.b-", "http://", "ab.Cd", "\n \t"])
def test_long_runs_take_no_longer_a_character(unit: str) -> None:
    """Text made to be slow is cut like any other: a quadratic step here would take hours."""
    text = unit * (300_000 // len(unit))
    assert "".join(words(text)) == "".join(text.split())


def test_recorded_mentions_lie_on_words(measurement_data: Path) -> None:
    """In real news, names that a language model found start and end where words do."""
    whole = total = 0
    path = measurement_data / "llm_replies" / "strong_bbc_2006.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        ranges = segment.words(record["text"])
        starts, ends = {start for start, _ in ranges}, {end for _, end in ranges}
        for entity in json.loads(record["reply"])["entities"]:
            at, mention = -1, entity["text"]
            fits = False
            while (at := record["text"].find(mention, at + 1)) >= 0 and not fits:
                fits = at in starts and at + len(mention) in ends
            total += 1
            whole += fits
    assert total == 3187
    assert whole / total > 0.998


def test_bbc_articles_survive(measurement_data: Path) -> None:
    """Cutting real articles loses nothing."""
    with tarfile.open(measurement_data / "bbc_news" / "bbc.tar.gz") as archive:
        texts = [
            stream.read().decode("latin-1")
            for member in archive.getmembers()[1::40]
            if (stream := archive.extractfile(member))
        ]
    assert len(texts) > 40
    for text in texts:
        cut = "".join(text[start:end] for start, end in segment.sentences(text))
        assert "".join(cut.split()) == "".join(text.split())

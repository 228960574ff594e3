"""Choosing examples from a labelled pool."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.bm25 import K1, B, Bm25
from nerdistill.annotate.examples import best_first, load_chooser, same_text
from nerdistill.errors import AssetError, ConfigError
from nerdistill.types import Corpus, Document, Sentence, Span
from tests.student_factory import one_thread, save_tiny_student

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["one_thread"]


def made(text: str, labels: str = "") -> Sentence:
    """A sentence whose first words are entities of these types."""
    spans = tuple(Span(at, at + 1, label) for at, label in enumerate(labels.split()))
    return Sentence(text, tuple(text.split()), spans=spans)


POOL = [
    made("It rained in Borsk all day ."),
    made("Ada left Ulm yesterday", "PER"),
    made("Ada Ulm Rovers met", "PER LOC ORG"),
    made("ADA  ulm rovers MET", "PER LOC"),
    made("Borsk Cup Borsk Vase Ulm Cup Ulm", "MISC MISC MISC MISC MISC MISC MISC"),
    made("Kofi Mensah", "PER PER"),
    made("Ulm sold cocoa to Rovers", "LOC"),
    made("Borsk sold tea", "LOC"),
]
WORDS = [word for sentence in POOL for word in sentence.tokens]


def corpus(*sentences: Sentence) -> Corpus:
    """One document."""
    return Corpus((Document("d", sentences),))


def test_fixed_examples_are_rich_and_cover_all_types() -> None:
    """All types come first, then the next richest; a second round starts once all were shown."""
    choose = load_chooser("fixed", corpus(*POOL), 4)
    chosen = choose(made("Anything"))
    assert [one.tokens[0] for one in chosen] == ["Ada", "Borsk", "Kofi", "Borsk"]
    assert {span.label for one in chosen[:2] for span in one.spans or ()} == {
        "PER",
        "LOC",
        "ORG",
        "MISC",
    }
    assert choose(made("Other")) == chosen


@pytest.fixture(params=["fixed", "bm25", "encoder"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each way to choose; the encoder is a tiny one in a folder."""
    if request.param == "encoder":
        return str(save_tiny_student(tmp_path / "encoder", WORDS))
    return str(request.param)


def test_every_chooser_keeps_the_rules(kind: str) -> None:
    """Exactly k examples with entities, of different texts, never the question, always the same."""
    choose, again = (load_chooser(kind, corpus(*POOL), 4) for _ in range(2))
    for question in [*POOL, made("never seen before"), replace(POOL[2], id="x", spans=None)]:
        chosen = choose(question)
        assert len({same_text(one) for one in chosen} - {same_text(question)}) == 4
        assert all(one.spans for one in chosen)
        assert again(question) == chosen


@pytest.mark.parametrize("kind", ["bm25", "encoder"], indirect=True)
def test_the_likest_comes_last(kind: str) -> None:
    """What shares most with the question stands next to it."""
    choose = load_chooser(kind, corpus(*POOL), 2)
    assert choose(made("Borsk sold teas"))[-1].tokens == ("Borsk", "sold", "tea")


def test_richer_of_the_likest_are_shown() -> None:
    """Of twice as many as are wanted, those with more entities are taken."""
    choose = load_chooser("bm25", corpus(*POOL), 1)
    # The single Ada of one sentence and the three names of the other are alike enough.
    assert choose(made("Ada left Ulm"))[0].tokens == ("Ada", "Ulm", "Rovers", "met")


@given(
    st.lists(st.lists(st.sampled_from("abcdeF"), min_size=1, max_size=6), min_size=1, max_size=6),
    st.lists(st.sampled_from("abcdefg"), max_size=4),
)
def test_bm25_is_its_formula(texts: list[list[str]], question: list[str]) -> None:
    """The index gives what the formula, written out sentence by sentence, gives."""
    lower = [[word.casefold() for word in words] for words in texts]
    mean = sum(map(len, texts)) / len(texts)

    def weight(word: str, words: list[str]) -> float:
        known = sum(word in others for others in lower)
        rarity = math.log(1 + (len(texts) - known + 0.5) / (known + 0.5))
        times = words.count(word)
        return rarity * times * (K1 + 1) / (times + K1 * (1 - B + B * len(words) / mean))

    expected = [sum(weight(word, words) for word in set(question)) for words in lower]
    assert Bm25(texts).scores(question) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_padding_does_not_count(tmp_path: Path) -> None:
    """A short sentence that was padded beside long ones has the vector that it has alone."""
    from nerdistill.annotate.embedding import Nearest

    texts = [one.tokens for one in POOL]
    nearest = Nearest(save_tiny_student(tmp_path / "encoder", WORDS), texts)
    assert [nearest.scores(words)[at] for at, words in enumerate(texts)] == pytest.approx(
        [1.0] * len(texts), abs=1e-5
    )
    assert nearest.scores(texts[0])[5] < 0.99


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=12),
    st.integers(1, 12),
)
def test_best_first_breaks_ties_by_place(scores: list[int], count: int) -> None:
    """The highest scores, and of equal ones the first, as a full sort would have them."""
    expected = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:count]
    assert best_first(np.array(scores, dtype=np.float32), count) == expected


@pytest.mark.parametrize(
    ("pool", "k", "complaint"),
    [
        ([replace(one, spans=None) for one in POOL], 1, "not labelled"),
        (POOL, 7, "has 6 different sentences with an entity, and 7 are asked for"),
        (POOL[:1], 1, "has 0 different"),
        (POOL, 0, "0 examples"),
    ],
)
def test_a_pool_that_cannot_serve_is_refused(pool: list[Sentence], k: int, complaint: str) -> None:
    """No labels, no entities or too few sentences: told before anything is asked."""
    with pytest.raises(ConfigError, match=complaint):
        load_chooser("fixed", corpus(*pool), k)


def test_a_folder_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    """A mistyped kind or an empty folder is told with what could be named; nothing is fetched."""
    for name in ("bm52", str(tmp_path)):
        with pytest.raises(AssetError, match="Name fixed, bm25, or"):
            load_chooser(name, corpus(*POOL), 1)


def test_choosing_without_an_encoder_needs_no_torch() -> None:
    """BM25 starts at once."""
    code = (
        "import sys\nfrom nerdistill.annotate.examples import load_chooser\n"
        "assert 'numpy' not in sys.modules\n"
        "from nerdistill.annotate.bm25 import Bm25\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""The audit for duplicates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.corpus.audit import drop_duplicates, near_duplicates
from nerdistill.corpus.stats import stats_of
from nerdistill.errors import ConfigError
from nerdistill.types import Corpus, Document, Sentence, Span


def corpus_of(*texts: str, name: str = "d") -> Corpus:
    """One document of these sentences."""
    sentences = tuple(Sentence(f"{name}#{n}", tuple(t.split())) for n, t in enumerate(texts))
    return Corpus((Document(name, sentences),))


LONG = "the quick brown fox of Oslo jumps over the lazy dog of Rio while nobody looks"


def test_case_and_digits_do_not_matter() -> None:
    """Sentences that differ in case and digits are equal, short ones too."""
    train = corpus_of("OSLO 12", "Oslo 123", "fine")
    (found,) = near_duplicates(train, corpus_of("Oslo 34", name="t"))
    assert (found.train, found.held_out, found.similarity) == ("d#0", "t#0", 1.0)


def test_one_changed_word() -> None:
    """A long sentence with another last word is near; the threshold decides."""
    train = corpus_of(LONG.replace("looks", "cares"))
    held_out = corpus_of("something else entirely, that is not like it", LONG, name="t")
    (found,) = near_duplicates(train, held_out, threshold=0.8)
    assert (found.held_out, found.similarity) == ("t#1", 13 / 15)
    assert not near_duplicates(train, held_out, threshold=0.9)


def test_dropping_takes_from_training_only() -> None:
    """The training pool loses what the held-out data repeats."""
    train = corpus_of("a b", LONG, "c d")
    rest, found = drop_duplicates(train, corpus_of(LONG, name="t"))
    assert [sentence.id for sentence in rest.sentences] == ["d#0", "d#2"]
    assert [one.train for one in found] == ["d#1"]


@pytest.mark.parametrize("threshold", [0, 1.1])
def test_threshold_is_a_share(threshold: float) -> None:
    """A threshold that finds everything or nothing is refused."""
    with pytest.raises(ConfigError, match="threshold"):
        near_duplicates(corpus_of("a"), corpus_of("a"), threshold=threshold)


TEXTS = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12).map(" ".join), max_size=6
)


def brute(left: str, right: str) -> float:
    """The similarity as the docstring defines it, without an index."""
    one, two = left.split(), right.split()
    if one == two:
        return 1.0
    if min(len(one), len(two)) < 5:
        return 0.0
    grams = [set(zip(words, words[1:], words[2:], strict=False)) for words in (one, two)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


@given(TEXTS, TEXTS, st.sampled_from([0.3, 0.5, 0.9, 1.0]))
def test_the_index_finds_all_that_comparing_all_finds(
    left: list[str], right: list[str], threshold: float
) -> None:
    """Looking up the rarest trigrams loses no pair, and finds the most similar one."""
    found = near_duplicates(corpus_of(*left), corpus_of(*right, name="t"), threshold=threshold)
    best = [max((brute(one, two) for two in right), default=0.0) for one in left]
    assert {one.train: one.similarity for one in found} == {
        f"d#{n}": value for n, value in enumerate(best) if value >= threshold
    }


def test_stats() -> None:
    """Counts are those of the corpus."""
    sentences = (
        Sentence("d#0", ("Ada", "Byron", "won"), spans=(Span(0, 2, "PER"),)),
        Sentence("d#1", ("so", "what"), spans=()),
        Sentence("d#2", ("Oslo",)),
    )
    counted = stats_of(Corpus((Document("d", sentences),)))
    assert (counted.documents, counted.sentences, counted.labelled, counted.empty) == (1, 3, 2, 1)
    assert (counted.tokens, counted.longest, counted.longest_id) == (6, 3, "d#0")
    assert counted.entities == {"PER": 1}
    assert stats_of(Corpus(())).longest == 0

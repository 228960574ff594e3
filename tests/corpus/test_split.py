"""Splits, samples and filters."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.corpus.split import Unit, sample, split, take, without_documents
from nerdistill.errors import ConfigError
from nerdistill.types import Corpus, Document, Sentence


def corpus_of(sizes: list[int]) -> Corpus:
    """Documents of so many sentences each."""
    return Corpus(
        tuple(
            Document(str(d), tuple(Sentence(f"{d}#{n}", ("x",)) for n in range(size)))
            for d, size in enumerate(sizes)
        )
    )


def ids(corpus: Corpus) -> list[str]:
    """The sentences by id."""
    return [sentence.id for sentence in corpus.sentences]


SIZES = st.lists(st.integers(1, 9), min_size=20, max_size=40)


@given(SIZES, st.integers(0, 9))
def test_a_split_deals_out_whole_documents(sizes: list[int], seed: int) -> None:
    """Each document lies in one part, in the corpus's order, and the shares are met."""
    corpus = corpus_of(sizes)
    parts = split(corpus, {"train": 0.5, "test": 0.5}, seed)
    dealt = [document for part in parts.values() for document in part.documents]
    assert sorted(dealt, key=lambda one: int(one.id)) == list(corpus.documents)
    for part in parts.values():
        assert [int(one.id) for one in part.documents] == sorted(
            int(one.id) for one in part.documents
        )
        assert abs(len(part) - len(corpus) / 2) <= max(sizes) / 2


def test_a_split_depends_on_ids_not_on_order() -> None:
    """Shuffled documents are dealt out alike, and another seed deals otherwise."""
    corpus = corpus_of([3] * 30)
    shuffled = list(corpus.documents)
    random.Random(5).shuffle(shuffled)
    shares = {"a": 0.7, "b": 0.3}
    first, again = split(corpus, shares, 1), split(Corpus(tuple(shuffled)), shares, 1)
    assert set(ids(first["a"])) == set(ids(again["a"]))
    assert set(ids(first["a"])) != set(ids(split(corpus, shares, 2)["a"]))


@pytest.mark.parametrize("shares", [{}, {"a": 0.5, "b": 0.4}, {"a": 1.5, "b": -0.5}])
def test_shares_add_up_to_one(shares: dict[str, float]) -> None:
    """Shares that would leave sentences out, or deal them twice, are refused."""
    with pytest.raises(ConfigError, match="add up"):
        split(corpus_of([1, 1]), shares, 1)


def test_no_part_is_empty() -> None:
    """A part without a document is an error, not an empty file."""
    with pytest.raises(ConfigError, match="none of the 2 documents"):
        split(corpus_of([5, 5]), {"a": 0.98, "b": 0.01, "c": 0.01}, 1)


UNITS: tuple[Unit, ...] = ("sentence", "document")


@given(SIZES, st.integers(0, 9), st.data())
def test_samples_are_exact_and_nested(sizes: list[int], seed: int, data: st.DataObject) -> None:
    """A sample has its size and keeps the order; a smaller one lies inside it, in both units."""
    corpus = corpus_of(sizes)
    large = data.draw(st.integers(1, len(corpus)))
    small = data.draw(st.integers(1, large))
    for unit in UNITS:
        outer = sample(corpus, large, seed=seed, unit=unit)
        inner = sample(corpus, small, seed=seed, unit=unit)
        assert (len(outer), len(inner)) == (large, small)
        assert set(ids(inner)) <= set(ids(outer))
        assert ids(outer) == [name for name in ids(corpus) if name in set(ids(outer))]


@given(SIZES, st.integers(0, 9), st.data())
def test_documents_are_drawn_whole(sizes: list[int], seed: int, data: st.DataObject) -> None:
    """Drawn by document, all documents but one are whole."""
    corpus = corpus_of(sizes)
    drawn = sample(corpus, data.draw(st.integers(1, len(corpus))), seed=seed, unit="document")
    assert sum(len(one.sentences) < sizes[int(one.id)] for one in drawn.documents) <= 1


def test_seeds_draw_different_samples() -> None:
    """Another seed, another sample."""
    corpus = corpus_of([2] * 50)
    assert ids(sample(corpus, 20, seed=1)) != ids(sample(corpus, 20, seed=2))


@pytest.mark.parametrize("size", [0, 11])
def test_a_sample_that_cannot_be_drawn(size: int) -> None:
    """Where too few sentences remain, the error says how many there are."""
    with pytest.raises(ConfigError, match=rf"{size} sentences was asked for, and there are 10"):
        sample(corpus_of([5, 5]), size, seed=1)


def test_take_counts_over_the_corpus() -> None:
    """The number runs on across documents, and documents left empty go."""
    kept = take(corpus_of([2, 2, 2]), lambda number, _document, _sentence: number in {1, 4, 5})
    assert ids(kept) == ["0#1", "2#0", "2#1"]
    assert [document.id for document in kept.documents] == ["0", "2"]


def test_without_documents() -> None:
    """Documents are taken out by id."""
    assert ids(without_documents(corpus_of([1, 1, 1]), ["1", "7"])) == ["0#0", "2#0"]

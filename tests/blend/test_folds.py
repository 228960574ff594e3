"""Folds: every document in one, none in two, about equally large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.folds import cut_folds
from nerdistill.errors import ConfigError
from nerdistill.types import Corpus, Document, Sentence


def _corpus(sizes: list[int]) -> Corpus:
    return Corpus(
        tuple(
            Document(f"d{n}", tuple(Sentence(f"d{n}#{i}", ("word",)) for i in range(size)))
            for n, size in enumerate(sizes)
        )
    )


@given(st.lists(st.integers(1, 9), min_size=3, max_size=30), st.integers(1, 3))
def test_each_document_is_in_one_fold(sizes: list[int], count: int) -> None:
    """Nothing is lost, nothing comes twice, and no fold is longer than another by a document."""
    corpus = _corpus(sizes)
    folds = cut_folds(corpus, count)
    names = [document.id for fold in folds for document in fold.documents]
    assert sorted(names) == sorted(document.id for document in corpus.documents)
    lengths = [len(fold) for fold in folds]
    assert len(lengths) == count
    assert max(lengths) - min(lengths) <= max(sizes)


def test_documents_keep_their_order() -> None:
    """What is said of a fold's words, one after another, can be put back into the pool's order."""
    corpus = _corpus([2] * 20)
    place = {document.id: n for n, document in enumerate(corpus.documents)}
    for fold in cut_folds(corpus, 3):
        places = [place[document.id] for document in fold.documents]
        assert places == sorted(places)


def test_fewer_documents_than_folds_is_told() -> None:
    """A pool of one document cannot be judged by who did not learn from it."""
    with pytest.raises(ConfigError, match="1 documents cannot be cut into 2 folds"):
        cut_folds(_corpus([5]), 2)

"""Entities out of probabilities: always spans, and the most probable ones."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.decode import decode
from nerdistill.labels import spans_to_tags, tags_to_spans
from nerdistill.types import Span
from tests.blend.pools import TAGS


def test_sure_words_are_taken_as_they_are() -> None:
    """Where the best classes follow IOB2, they are the entities."""
    classes = [1, 2, 0, 3]
    assert decode(np.eye(5)[classes], TAGS) == (Span(0, 2, "PER"), Span(3, 4, "LOC"))


def test_an_inside_without_a_beginning_is_mended() -> None:
    """Of the sequences that IOB2 allows, the most probable one wins, not the best class."""
    opinion = np.array([[0.5, 0.4, 0.0, 0.1, 0.0], [0.1, 0.0, 0.9, 0.0, 0.0]])
    assert decode(opinion, TAGS) == (Span(0, 2, "PER"),)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_no_allowed_sequence_is_more_probable(seed: int, words: int) -> None:
    """Against all sequences of a few words, one by one."""
    opinion = np.random.default_rng(seed).dirichlet(np.ones(5), words)
    found = [TAGS.index(tag) for tag in spans_to_tags(decode(opinion, TAGS), words)]
    scores = {}
    for classes in product(range(5), repeat=words):
        try:
            tags_to_spans([TAGS[number] for number in classes], "IOB2")
        except ValueError:
            continue
        scores[classes] = opinion[range(words), classes].prod()
    assert scores[tuple(found)] == pytest.approx(max(scores.values()))

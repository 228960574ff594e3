"""Which sentences are labelled: at equal cost, by words and by a student's doubts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.select import at_random, farthest_first, most_uncertain, spend


@given(st.lists(st.integers(1, 30), max_size=30), st.integers(0, 200), st.integers(0, 9))
def test_a_budget_is_spent_and_never_passed(lengths: list[int], budget: int, seed: int) -> None:
    """What was left out is longer than what is left, and the first that fits is in."""
    order = at_random(len(lengths), seed)
    chosen = spend(order, lengths, budget)
    left = budget - sum(lengths[place] for place in chosen)
    assert left >= 0
    assert all(lengths[place] > left for place in range(len(lengths)) if place not in chosen)
    if len(order) and lengths[order[0]] <= budget:
        assert order[0] in chosen


def test_a_seed_draws_its_own_order() -> None:
    """The same one always, and all places once."""
    assert sorted(at_random(50, 1)) == list(range(50))
    assert list(at_random(50, 1)) == list(at_random(50, 1))
    assert list(at_random(50, 1)) != list(at_random(50, 2))


def test_doubt_is_the_mean_over_words() -> None:
    """A long sentence is not more doubtful for its length alone, and sure words count."""
    sure, unsure, torn = [1.0, 0.0], [0.9, 0.1], [0.5, 0.5]
    opinion = np.array([sure, unsure, unsure, unsure, torn, torn, sure], np.float16)
    assert list(most_uncertain(opinion, [1, 3, 1, 2])) == [2, 3, 1, 0]


def test_the_farthest_comes_first() -> None:
    """What was labelled already, and what has just been chosen, is not asked for again."""
    sentences = [
        ["Ada", "left", "Ulm"],
        ["rain", "in", "Wick"],
        ["Rain", "in", "Wick", "again"],
        ["ada", "LEFT", "ulm"],
    ]
    order = farthest_first(sentences, [["Ada", "left", "Ulm"]])
    assert order[0] == 1
    assert order[1:] == [2, 0, 3]
    assert farthest_first(sentences, [])[:2] == [0, 1]
    assert farthest_first([], [["Ada"]]) == []


@pytest.mark.parametrize("known", [0, 5])
def test_each_is_the_farthest_that_is_left(known: int) -> None:
    """The order is the greedy one, computed the slow way."""
    draw = np.random.default_rng(3)
    made = [[f"w{n}" for n in draw.integers(0, 12, draw.integers(1, 7))] for _ in range(25)]
    order = farthest_first(made[known:], made[:known])
    words = sorted({word for one in made for word in one})
    counts = np.array([[one.count(word) for word in words] for one in made], float)
    vectors = counts * np.log1p(len(made) / (counts > 0).sum(0))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    before = list(range(known))
    for place in order:
        left = [at for at in range(len(made)) if at not in before]
        nearest = {at: max((cosines[at, one] for one in before), default=0.0) for at in left}
        assert nearest[place + known] == pytest.approx(min(nearest.values()))
        before.append(place + known)

"""Which sentences a teacher is asked to label, where it is paid for fewer than there are.

Who selects has no labels yet: what is read here are words, and what a student thinks of them.
Each way makes an order, and what the teacher costs is spent along it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

By = Literal["random", "diverse", "uncertain"]
"""What decides: the seed, `farthest_first` or `most_uncertain`."""

LEAST = 1e-6
"""The least probability of a class, so that its logarithm is a number."""


def spend(order: Iterable[int], lengths: Sequence[int], budget: int) -> set[int]:
    """The places of those sentences that a budget of words is enough for, the first first.

    One that is too long for what is left is passed over.

    Args:
        order: places, each once.
        lengths: of each sentence, in words.
        budget: in words.
    """
    chosen: set[int] = set()
    for place in order:
        if lengths[place] <= budget:
            chosen.add(place)
            budget -= lengths[place]
    return chosen


def at_random(count: int, seed: int) -> NDArray[np.int64]:
    """The places of so many sentences, shuffled."""
    return np.random.default_rng(seed).permutation(count)


def most_uncertain(opinion: NDArray[np.floating], lengths: Sequence[int]) -> NDArray[np.int64]:
    """The places of sentences by the mean entropy of their words, the highest first.

    Args:
        opinion: `(words, classes)`: how probable a student thinks each class of each word is,
            sentence after sentence.
        lengths: of each sentence, in words; none is empty.
    """
    sure = np.maximum(opinion.astype(np.float32), LEAST)
    entropy = -(sure * np.log(sure)).sum(1)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    means = np.bincount(owner, entropy, len(lengths)) / np.asarray(lengths)
    return np.argsort(-means, kind="stable")


def farthest_first(sentences: Sequence[Sequence[str]], known: Sequence[Sequence[str]]) -> list[int]:
    """The places of sentences: next comes always the one farthest from all that came before.

    This is the greedy k-center of Sener and Savarese, "Active Learning for Convolutional Neural
    Networks: A Core-Set Approach" (2018), with the cosine of TF-IDF vectors as nearness; the first
    of equals comes first. Case does not matter.

    Args:
        sentences: the words of each.
        known: the words of those that have labels already: they came before all.
    """
    vectors = _vectors([*known, *sentences])
    others = vectors[len(known) :]
    index = _inverted(others)
    nearest = np.zeros(len(others))
    for vector in vectors[: len(known)]:
        np.maximum(nearest, _cosines(vector, index, len(others)), out=nearest)
    order = []
    for _ in others:
        place = int(nearest.argmin())
        order.append(place)
        np.maximum(nearest, _cosines(others[place], index, len(others)), out=nearest)
        nearest[place] = np.inf
    return order


Index = dict[str, tuple["NDArray[np.int64]", "NDArray[np.float64]"]]
"""Of each word, the places of the sentences that have it, and how much it weighs there."""


def _vectors(sentences: Sequence[Sequence[str]]) -> list[dict[str, float]]:
    """The weights of each sentence's words: vectors of length 1."""
    bags = [Counter(map(str.casefold, words)) for words in sentences]
    having = Counter(word for bag in bags for word in bag)
    found = []
    for bag in bags:
        weights = {word: n * math.log1p(len(bags) / having[word]) for word, n in bag.items()}
        length = math.hypot(*weights.values())
        found.append({word: weight / length for word, weight in weights.items()})
    return found


def _inverted(vectors: Sequence[Mapping[str, float]]) -> Index:
    places: dict[str, list[int]] = {}
    weights: dict[str, list[float]] = {}
    for place, vector in enumerate(vectors):
        for word, weight in vector.items():
            places.setdefault(word, []).append(place)
            weights.setdefault(word, []).append(weight)
    return {word: (np.array(places[word]), np.array(weights[word])) for word in places}


def _cosines(vector: Mapping[str, float], index: Index, count: int) -> NDArray[np.float64]:
    """`(sentences,)`: between a vector and each that was indexed."""
    total = np.zeros(count)
    for word, weight in vector.items():
        if word in index:
            places, weights = index[word]
            total[places] += weight * weights
    return total

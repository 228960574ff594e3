"""Okapi BM25 over an inverted index: which sentences share rare words with a question."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

K1 = 1.2
"""How soon a repeated word stops to count more."""
B = 0.75
"""How far long sentences are held back: 0 not at all, 1 by their whole length."""


class Bm25:
    """Scores sentences against a question.

    The weights are those of Robertson and Zaragoza, “The Probabilistic Relevance Framework: BM25
    and Beyond” (2009), equation 3.15, with 1 added inside the logarithm, so that a word of most
    sentences weighs little instead of less than nothing. Case does not matter.

    Args:
        sentences: the words of each.
    """

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        self._count = len(sentences)
        lengths = np.array([len(words) for words in sentences], dtype=np.float32)
        norms = K1 * ((1 - B) + B * lengths / max(1.0, float(lengths.mean())))
        found: dict[str, tuple[list[int], list[int]]] = {}
        for at, words in enumerate(sentences):
            for word, count in Counter(map(str.casefold, words)).items():
                places, counts = found.setdefault(word, ([], []))
                places.append(at)
                counts.append(count)
        self._postings: dict[str, tuple[NDArray[np.int32], NDArray[np.float32]]] = {}
        for word, (places, counts) in found.items():
            where = np.array(places, dtype=np.int32)
            times = np.array(counts, dtype=np.float32)
            rarity = np.log1p((self._count - len(where) + 0.5) / (len(where) + 0.5))
            weights = rarity * times * (K1 + 1) / (times + norms[where])
            self._postings[word] = where, weights.astype(np.float32)

    def scores(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The score of each sentence, 0 where it shares no word: `(sentences,) float32`."""
        total = np.zeros(self._count, dtype=np.float32)
        for word in dict.fromkeys(map(str.casefold, words)):
            if word in self._postings:
                where, weights = self._postings[word]
                total[where] += weights
        return total

"""Sentences of a training pool that occur, nearly or exactly, in held-out data."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.corpus.split import take
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.types import Corpus, Sentence

SHORTEST_NEAR = 5
"""In words: shorter sentences are duplicates only where they are equal."""

GRAM = 3
SIMILAR = 0.7
"""Jaccard similarity of trigrams from which on two sentences count as near duplicates."""
_DIGIT = re.compile(r"\d")

Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A training sentence and the held-out sentence that is most like it.

    Attributes:
        train: id of the training sentence.
        held_out: id of the held-out sentence.
        similarity: of their words, in (0, 1]; 1 for equal ones, whatever their case and digits.
        text: of the training sentence.
    """

    train: str
    held_out: str
    similarity: float
    text: str


def near_duplicates(
    train: Corpus, held_out: Corpus, *, threshold: float = SIMILAR
) -> list[Duplicate]:
    """The training sentences that held-out data repeats, each with its nearest, in order.

    Two sentences are compared by their words without case, each digit as 0. Equal ones are
    duplicates; so are those of five words and more whose sets of word trigrams have a Jaccard
    similarity of at least `threshold`. One changed word costs three trigrams: 0.9 finds one in a
    sentence of some sixty words, 0.7 one in a sentence of twenty.

    Raises:
        ConfigError: the threshold is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"the threshold {threshold:g} is not in (0, 1]", f"Try {SIMILAR:g}.")
    index = _Index(held_out.sentences, threshold)
    found = []
    for sentence in train.sentences:
        match = index.nearest(_normal(sentence))
        if match:
            found.append(Duplicate(sentence.id, *match, sentence.text))
    return found


def drop_duplicates(
    train: Corpus, held_out: Corpus, *, threshold: float = SIMILAR
) -> tuple[Corpus, list[Duplicate]]:
    """The training pool without what held-out data repeats, and what was taken out.

    Raises:
        ConfigError: the threshold is not above 0 and at most 1.
    """
    found = near_duplicates(train, held_out, threshold=threshold)
    gone = {one.train for one in found}
    return take(train, lambda _number, _document, sentence: sentence.id not in gone), found


def _normal(sentence: Sentence) -> tuple[str, ...]:
    """The words as they are compared."""
    # Tokens, not the text: columns and raw text of one sentence then compare equal.
    return tuple(_DIGIT.sub("0", " ".join(sentence.tokens).casefold()).split())


def _grams(words: tuple[str, ...]) -> frozenset[Gram]:
    return frozenset(zip(*(words[at:] for at in range(GRAM)), strict=False))


class _Index:
    """Held-out sentences, found by their words or by their rarest trigrams.

    Two sets of similarity t or more share one of the first `size - ceil(t * size) + 1` members of
    either in any common order (Chaudhuri et al. 2006, prefix filtering): only those are looked up,
    the rarest first, so that few candidates are compared.
    """

    def __init__(self, sentences: Iterable[Sentence], threshold: float) -> None:
        self._threshold = threshold
        self._exact: dict[tuple[str, ...], str] = {}
        for sentence in sentences:
            self._exact.setdefault(_normal(sentence), sentence.id)
        self._grams = {
            name: _grams(words)
            for words, name in self._exact.items()
            if len(words) >= SHORTEST_NEAR
        }
        self._counts = Counter(gram for grams in self._grams.values() for gram in grams)
        self._names: dict[Gram, list[str]] = {}
        for name, grams in self._grams.items():
            for gram in self._rarest(grams):
                self._names.setdefault(gram, []).append(name)

    def _rarest(self, grams: frozenset[Gram]) -> list[Gram]:
        order = sorted(grams, key=lambda gram: (self._counts[gram], gram))
        # The tolerance keeps 0.9 * 10 from rounding up to 10.
        return order[: len(grams) - math.ceil(self._threshold * len(grams) - 1e-9) + 1]

    def nearest(self, words: tuple[str, ...]) -> tuple[str, float] | None:
        """The held-out sentence most like these words and how like, if like enough."""
        if words in self._exact:
            return self._exact[words], 1.0
        if len(words) < SHORTEST_NEAR:
            return None
        grams = _grams(words)
        names = {name for gram in self._rarest(grams) for name in self._names.get(gram, ())}
        scored = [(self._similarity(grams, self._grams[name]), name) for name in names]
        best = max(scored, key=lambda pair: (pair[0], pair[1]), default=(0.0, ""))
        return (best[1], best[0]) if best[0] >= self._threshold else None

    @staticmethod
    def _similarity(left: frozenset[Gram], right: frozenset[Gram]) -> float:
        return len(left & right) / len(left | right)

"""What a corpus holds, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.types import Corpus


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of a corpus.

    Attributes:
        documents: how many.
        sentences: how many.
        labelled: sentences that somebody has labelled, with entities or without.
        empty: labelled sentences without an entity.
        tokens: words in all.
        longest: words of the longest sentence.
        longest_id: the id of that sentence; empty for an empty corpus.
        entities: how many of each type, by the type's name.
    """

    documents: int
    sentences: int
    labelled: int
    empty: int
    tokens: int
    longest: int
    longest_id: str
    entities: dict[str, int]


def stats_of(corpus: Corpus) -> Stats:
    """Count a corpus."""
    sentences = list(corpus.sentences)
    longest = max(sentences, key=lambda sentence: len(sentence.tokens), default=None)
    labels = Counter(span.label for sentence in sentences for span in sentence.spans or ())
    return Stats(
        documents=len(corpus.documents),
        sentences=len(sentences),
        labelled=sum(sentence.spans is not None for sentence in sentences),
        empty=sum(sentence.spans == () for sentence in sentences),
        tokens=sum(len(sentence.tokens) for sentence in sentences),
        longest=len(longest.tokens) if longest else 0,
        longest_id=longest.id if longest else "",
        entities=dict(sorted(labels.items())),
    )

"""The texts that a study is scored on, as what is resampled, and what a model found in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nerdistill.metrics.counts import count_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nerdistill.types import Corpus, Sentence, Span

FEWEST = 2
"""Texts, or trainings, that tell how they differ."""


def units(corpus: Corpus) -> tuple[list[tuple[Sentence, ...]], str]:
    """What is resampled of a test corpus, and what that is called.

    Documents, or sentences where there is but one document.
    """
    if len(corpus.documents) >= FEWEST:
        return [document.sentences for document in corpus.documents], "documents"
    return [(sentence,) for sentence in corpus.sentences], "sentences"


def unit_counts(
    gold: Sequence[tuple[Sentence, ...]], predicted: Iterable[Sequence[Span]]
) -> NDArray[np.int64]:
    """`(units, 3)`: entities right, predicted and in gold.

    Args:
        gold: the units of a corpus.
        predicted: the entities that a model found in each of these sentences, in their order.
    """
    found = iter(predicted)
    rows = [[count_spans(one.spans or (), next(found)) for one in sentences] for sentences in gold]
    return np.array([np.sum(row, axis=0) for row in rows], np.int64)

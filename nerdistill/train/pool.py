"""Encoded training sentences, end to end in flat arrays, which may be mapped from a file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from nerdistill.errors import CorpusError, LabelError
from nerdistill.labels import spans_to_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from nerdistill.student.encode import Encoder
    from nerdistill.types import Sentence


@dataclass(frozen=True, slots=True)
class Pool:
    """Labelled sentences, ready for the model.

    A sentence has one window or several; each of its words is scored in one of them. The words of
    a window follow each other in `heads`, `classes` and `weights`.

    Attributes:
        windows: `(sentences + 1,) int64`: the first window of each sentence, then their number.
        starts: `(windows + 1,) int64`: where each window's pieces start, then their number.
        words: `(windows + 1,) int64`: where each window's scored words start, then their number.
        pieces: `(pieces,) int32`: ids of the word pieces, special tokens included.
        heads: `(words,) int32`: where in its window a word's first piece stands.
        classes: `(words,) int32`: index of its tag.
        weights: `(words,) float32`: its weight in the loss.
    """

    windows: NDArray[np.int64]
    starts: NDArray[np.int64]
    words: NDArray[np.int64]
    pieces: NDArray[np.int32]
    heads: NDArray[np.int32]
    classes: NDArray[np.int32]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        """How many sentences there are."""
        return len(self.windows) - 1

    @property
    def lengths(self) -> list[int]:
        """The word pieces of each sentence, which is what the model's time depends on."""
        return [int(length) for length in np.diff(self.starts[self.windows])]


_START, _NONE = np.zeros(1, np.int64), np.zeros(0, np.int32)
EMPTY = Pool(_START, _START, _START, _NONE, _NONE, _NONE, np.zeros(0, np.float32))


def prepare(sentences: Sequence[Sentence], encoder: Encoder, tags: Sequence[str]) -> Pool:
    """Encode labelled sentences.

    Raises:
        CorpusError: a sentence has no labels.
        LabelError: a sentence has a label that no tag is for.
    """
    index = {tag: i for i, tag in enumerate(tags)}
    classes = [index[tag] for sentence in sentences for tag in _tags(sentence, index)]
    coded = encoder.encode([sentence.tokens for sentence in sentences])
    windows = [window for found in coded for window in found]
    weights = [w for s in sentences for w in (s.weights or (1.0,) * len(s.tokens))]
    return Pool(
        windows=_edges(len(found) for found in coded),
        starts=_edges(len(window.pieces) for window in windows),
        words=_edges(len(window.heads) for window in windows),
        pieces=np.array([piece for window in windows for piece in window.pieces], np.int32),
        heads=np.array([head for window in windows for head in window.heads], np.int32),
        classes=np.array(classes, np.int32),
        weights=np.array(weights, np.float32),
    )


def save_pool(pool: Pool, folder: Path) -> None:
    """Write a pool as one file an array."""
    for field in fields(Pool):
        np.save(folder / f"{field.name}.npy", getattr(pool, field.name), allow_pickle=False)


def load_pool(folder: Path) -> Pool:
    """A pool whose arrays are mapped from their files, hence read once for all that train on it."""
    names = [field.name for field in fields(Pool)]
    return Pool(
        **{name: np.load(folder / f"{name}.npy", "r", allow_pickle=False) for name in names}
    )


def _edges(sizes: Iterable[int]) -> NDArray[np.int64]:
    return np.array([0, *accumulate(sizes)], np.int64)


def _tags(sentence: Sentence, known: dict[str, int]) -> list[str]:
    if sentence.spans is None:
        raise CorpusError(
            f"sentence {sentence.id!r} is unlabelled and cannot be trained on",
            "Train on sentences that humans or a teacher have labelled.",
        )
    for span in sentence.spans:
        if f"B-{span.label}" not in known:
            raise LabelError(
                f"sentence {sentence.id!r}: type {span.label!r} is not in the label schema",
                "Name a schema that holds it.",
            )
    return spans_to_tags(sentence.spans, len(sentence.tokens))

"""How probable each class is for each word, as a tagger sees it; in memory and on disk."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from nerdistill.evaluate.predict import read_windows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from nerdistill.progress import Task
    from nerdistill.student.tagger import Tagger
    from nerdistill.types import Sentence

FILE = "probabilities.npy"


def predict_probabilities(
    tagger: Tagger, sentences: Sequence[Sentence], *, task: Task
) -> NDArray[np.float16]:
    """`(words, classes)`: the sentences' words end to end, the classes in the tagger's order.

    Args:
        tagger: left in evaluation mode.
        sentences: to read; long ones in windows, each word where it stands further from a cut.
        task: advanced by one a sentence.
    """
    starts = [0, *accumulate(len(sentence.tokens) for sentence in sentences)]
    found = np.zeros((starts[-1], len(tagger.tags)), np.float16)
    for number, window, row in read_windows(tagger, sentences, _probabilities, task=task):
        first = starts[number] + window.first_word
        found[first : first + len(window.heads)] = row.numpy()[list(window.heads)]
    return found


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.float().softmax(-1).half()


def save_probabilities(found: NDArray[np.float16], folder: Path) -> None:
    """Write them into a folder."""
    np.save(folder / FILE, found, allow_pickle=False)


def load_probabilities(folder: Path) -> NDArray[np.float16]:
    """Those that a folder holds, mapped from their file."""
    found: NDArray[np.float16] = np.load(folder / FILE, "r", allow_pickle=False)
    return found

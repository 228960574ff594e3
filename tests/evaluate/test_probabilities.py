"""Probabilities of every word's classes, as a tagger gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nerdistill.evaluate.probabilities import (
    load_probabilities,
    predict_probabilities,
    save_probabilities,
)
from nerdistill.progress import Silent
from tests.evaluate.test_predict import SENTENCES, TAGS, tagger, tags_of

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.student.tagger import Tagger

__all__ = ["tagger"]


def test_the_best_class_is_the_predicted_tag(tagger: Tagger, tmp_path: Path) -> None:
    """Word after word, long sentences too, before and after a journey through a file."""
    with Silent().task("t", total=None, unit="u") as task:
        found = predict_probabilities(tagger, SENTENCES, task=task)
    save_probabilities(found, tmp_path)
    assert np.array_equal(load_probabilities(tmp_path), found)
    assert found.sum(1) == pytest.approx(np.ones(len(found)), abs=1e-2)
    tags = [tag for sentence in tags_of(tagger, SENTENCES) for tag in sentence]
    # Half precision has ties.
    best = found[range(len(found)), [TAGS.index(tag) for tag in tags]]
    assert np.array_equal(best, found.max(1))


def test_no_sentence_has_no_words(tagger: Tagger) -> None:
    """An empty corpus is no crash."""
    with Silent().task("t", total=None, unit="u") as task:
        assert predict_probabilities(tagger, [], task=task).shape == (0, len(TAGS))

"""Students' probabilities and a teacher's tags, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nerdistill.blend.second_opinion import combine, confusion

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_confusion_counts_what_was_said_of_what() -> None:
    """With sure students and many words it is the table of shares."""
    true = np.repeat([0, 1], 1000)
    given = np.where(np.arange(2000) % 4 == 0, 1 - true, true)
    found = confusion(np.eye(2)[true], given)
    assert found == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]), abs=1e-3)


def test_the_rule_of_bayes() -> None:
    """A word of which students know nothing follows the teacher by its likelihoods."""
    true = np.repeat([0, 1], 1000)
    given = np.where(np.arange(2000) % 4 == 0, 1 - true, true)
    opinion = np.concatenate([np.eye(2)[true], [[0.5, 0.5]]])
    after = combine(opinion, np.append(given, 1))
    assert after[-1, 1] == pytest.approx(0.75, abs=1e-2)


def test_a_teacher_that_takes_one_class_for_another_is_set_right() -> None:
    """A tag that nearly always means something else speaks for that."""
    true = np.repeat([0, 1, 2], 500)
    given = np.where(true == 1, 2, true)
    opinion = np.concatenate([np.eye(3)[true], [[0.4, 0.35, 0.25]]])
    assert combine(opinion, np.append(given, 2))[-1].argmax() == 1


def test_what_no_student_believes_stays_possible() -> None:
    """Probabilities of 0 in half precision neither divide by zero nor rule a class out."""
    opinion = np.array([[1, 0], [0, 1], [1, 0]], np.float16)
    found = combine(opinion, np.array([0, 1, 1]))
    assert np.isfinite(found).all()
    assert found.sum(1) == pytest.approx(np.ones(3))
    assert found.min() > 0


def test_a_good_teacher_makes_students_better() -> None:
    """Together they are right more often than either, or where too sure, than students alone."""
    draw = np.random.default_rng(2)
    for temperature in (1.0, 2.0):
        true, opinion = _made(temperature)
        given = np.where(draw.random(len(true)) < 0.9, true, draw.integers(0, 3, len(true)))
        alone, teacher = (opinion.argmax(1) == true).mean(), (given == true).mean()
        bar = max(alone, teacher) if temperature == 1.0 else alone
        assert bar < (combine(opinion, given).argmax(1) == true).mean()


def test_a_teacher_that_knows_nothing_changes_nothing() -> None:
    """Tags that are drawn at random do not move what students think."""
    true, opinion = _made(temperature=1.0)
    given = np.random.default_rng(3).integers(0, 3, len(true))
    after = combine(opinion, given)
    assert (after.argmax(1) == opinion.argmax(1)).mean() > 0.98


def _made(temperature: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes, and students who are as sure as they should be to the power of a temperature."""
    draw = np.random.default_rng(1)
    honest = draw.dirichlet(np.full(3, 0.5), 20_000)
    true = (honest.cumsum(1) < draw.random((len(honest), 1))).sum(1).clip(0, 2)
    sharp = honest**temperature
    return true, sharp / sharp.sum(1, keepdims=True)

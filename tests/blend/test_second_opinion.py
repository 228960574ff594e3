"""Students' probabilities and a teacher's tags, put together."""

from __future__ import annotations

import numpy as np
import pytest

from nerdistill.blend.second_opinion import combine, confusion


def test_confusion_counts_what_was_said_of_what() -> None:
    """With sure students and many words it is the table of shares."""
    true = np.repeat([0, 1], 1000)
    given = np.where(np.arange(2000) % 4 == 0, 1 - true, true)
    found = confusion(np.eye(2)[true], given)
    assert found == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]), abs=1e-3)


def test_the_rule_of_bayes() -> None:
    """An unsure word follows the teacher by its likelihoods; without trust it does not hear it."""
    sure = np.eye(2)[np.repeat([0, 1], 1000)]
    opinion = np.concatenate([sure, [[0.5, 0.5]]])
    given = np.where(np.arange(2001) % 4 == 0, 1 - opinion.argmax(1), opinion.argmax(1))
    given[-1] = 1
    assert combine(opinion, given, 1.0)[-1, 1] == pytest.approx(0.75, abs=1e-2)
    assert combine(opinion, given, 0.0)[-1] == pytest.approx([0.5, 0.5])
    assert 0.5 < combine(opinion, given, 0.5)[-1, 1] < 0.75


def test_a_teacher_that_takes_one_class_for_another_is_set_right() -> None:
    """A tag that nearly always means something else speaks for that."""
    true = np.repeat([0, 1, 2], 500)
    given = np.where(true == 1, 2, true)
    opinion = np.concatenate([np.eye(3)[true], [[0.4, 0.35, 0.25]]])
    after = combine(opinion, np.append(given, 2), 1.0)[-1]
    assert after.argmax() == 1


def test_what_no_student_believes_stays_possible() -> None:
    """Probabilities of 0 in half precision neither divide by zero nor rule a class out."""
    opinion = np.array([[1, 0], [0, 1], [1, 0]], np.float16)
    found = combine(opinion, np.array([0, 1, 1]), 1.0)
    assert np.isfinite(found).all()
    assert found.sum(1) == pytest.approx(np.ones(3))
    assert found.min() > 0

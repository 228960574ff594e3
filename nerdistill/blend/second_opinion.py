"""What a teacher's tags add to what students think: the rule of Bayes over a confusion matrix.

Students say how probable each class of a word is. The teacher says one class; how often it says
which class for words of which true class is estimated by expectation maximisation, as Dawid and
Skene did in "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm" (1979),
with the students in the place of the other observers. No gold is needed, and a teacher that takes
one type for another is set right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = 1e-6
"""The least probability of a class: students are never that sure."""
PRIOR = 0.5
"""Words that are added to each cell of a confusion matrix, so that nothing is impossible."""
ROUNDS = 10
"""Of expectation maximisation; after five, labels hardly change."""


def combine(opinion: NDArray[np.floating], given: NDArray[np.integer]) -> NDArray[np.float64]:
    """`(words, classes)`: the opinion after the teacher has been heard.

    Args:
        opinion: `(words, classes)`: of students, best of such as did not learn these words' tags:
            others repeat the teacher, and an echo passes for a witness.
        given: `(words,)`: the class that the teacher gave.
    """
    before = np.maximum(opinion.astype(np.float64), LEAST)
    before /= before.sum(1, keepdims=True)
    after = before
    for _ in range(ROUNDS):
        after = _heard(before, given, confusion(after, given))
    return _heard(before, given, confusion(after, given))


def confusion(opinion: NDArray[np.floating], given: NDArray[np.integer]) -> NDArray[np.float64]:
    """`(true, given)`: the probability of each given class for words of each true class.

    Args:
        opinion: `(words, classes)`: how probable each class is.
        given: `(words,)`: the class that the teacher gave.
    """
    classes = opinion.shape[1]
    counts = np.full((classes, classes), PRIOR)
    for number in range(classes):
        counts[:, number] += opinion[given == number].sum(0, dtype=np.float64)
    counts /= counts.sum(1, keepdims=True)
    return counts


def _heard(
    before: NDArray[np.float64], given: NDArray[np.integer], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The rule of Bayes, with the teacher's errors as its likelihoods."""
    after: NDArray[np.float64] = before * errors[:, given].T
    after /= after.sum(1, keepdims=True)
    return after

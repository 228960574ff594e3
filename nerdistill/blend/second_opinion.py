"""What a teacher's tags add to what students think: the rule of Bayes over a confusion matrix.

Students say how probable each class of a word is. The teacher says one class; how often it says
which class for words of which true class is estimated from the students themselves, as in the first
step of Dawid and Skene's "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm" (1979): no gold is needed, and a teacher that takes one type for another is set right.
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


def confusion(opinion: NDArray[np.floating], given: NDArray[np.integer]) -> NDArray[np.float64]:
    """`(true, given)`: the probability of each given class for words of each true class.

    Args:
        opinion: `(words, classes)`: how probable each class is, as others see it.
        given: `(words,)`: the class that the teacher gave.
    """
    classes = opinion.shape[1]
    counts = np.full((classes, classes), PRIOR)
    for number in range(classes):
        counts[:, number] += opinion[given == number].sum(0, dtype=np.float64)
    counts /= counts.sum(1, keepdims=True)
    return counts


def combine(
    opinion: NDArray[np.floating], given: NDArray[np.integer], trust: float
) -> NDArray[np.float64]:
    """`(words, classes)`: the opinion after the teacher has been heard.

    Args:
        opinion: `(words, classes)`: of those who did not read the teacher's tag of the word.
        given: `(words,)`: the class that the teacher gave.
        trust: the exponent of the teacher's likelihood. 0: it is not heard; 1: as a witness whose
            errors have nothing to do with the students'; between: its errors are partly theirs.
    """
    before = np.maximum(opinion.astype(np.float64), LEAST)
    before /= before.sum(1, keepdims=True)
    after: NDArray[np.float64] = before * confusion(before, given)[:, given].T ** trust
    after /= after.sum(1, keepdims=True)
    return after

"""What a teacher's tags add to what students think: the rule of Bayes over a confusion matrix.

Students say how probable each class of a word is. The teacher says one class; how often it says
which class for words of which true class is estimated by expectation maximisation, as Dawid and
Skene did in "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm" (1979),
with the students in the place of the other observers. No gold is needed, and a teacher that takes
one type for another is set right.

Students are surer than they should be, and then a good teacher is not believed. The temperature
that softens them (Guo et al., "On Calibration of Modern Neural Networks", 2017) is the one under
which the teacher's tags are most likely. That holds for students who did not learn from this
teacher: others repeat its errors, and each echo would pass for a witness.
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
TEMPERATURES = tuple(1 + step / 10 for step in range(16))
"""Those that are tried."""


def combine(
    opinion: NDArray[np.floating], given: NDArray[np.integer], *, independent: bool
) -> NDArray[np.float64]:
    """`(words, classes)`: the opinion after the teacher has been heard.

    Args:
        opinion: `(words, classes)`: of students who did not learn these words' tags.
        given: `(words,)`: the class that the teacher gave.
        independent: the students learnt nothing from the teacher: then they are softened, too.
    """
    best, most = np.zeros(opinion.shape), -np.inf
    for temperature in TEMPERATURES if independent else (1.0,):
        after, likelihood = _heard(_softened(opinion, temperature), given)
        if likelihood > most:
            best, most = after, likelihood
    return best


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
    before: NDArray[np.float64], given: NDArray[np.integer]
) -> tuple[NDArray[np.float64], float]:
    """The opinion afterwards, and the mean log-likelihood of the teacher's tags."""
    after, likelihood = before, np.ones((len(before), 1))
    for _ in range(ROUNDS):
        after = before * confusion(after, given)[:, given].T
        likelihood = after.sum(1, keepdims=True)
        after /= likelihood
    return after, float(np.log(likelihood).mean())


def _softened(opinion: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.maximum(opinion.astype(np.float64), LEAST) ** (1 / temperature)
    found /= found.sum(1, keepdims=True)
    return found

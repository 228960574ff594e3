"""How sure a score is, and whether one score beats another: the bootstrap and a paired test.

Both draw whole sentences, since errors within a sentence depend on one another. Sentences with
equal counts are interchangeable, so the draws are made over groups of them: the distribution is
the same, and ten thousand draws of any number of sentences cost little time and memory.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Table = Ints | Sequence[Sequence[int]]

CELLS = 1_000_000
"""Drawn weights that are held at once: 8 MB."""
FEW = 200
"""With more sentences that differ, the ways to exchange them are drawn, not counted."""
_EQUAL = 1e-9
"""Differences in points closer than this are ties; sums in another order differ by less."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the interval around it, in per cent or points."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreIntervals:
    """Micro-averaged scores in per cent, each with its interval.

    Attributes:
        level: the share of draws that an interval covers, such as 0.95.
        sentences: how many were drawn from.
    """

    precision: Interval
    recall: Interval
    f1: Interval
    level: float
    sentences: int

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Whether a second labelling of the same sentences scores better than a first.

    Attributes:
        difference: micro F1 of the second less that of the first, in points.
        p: probability of a difference at least as large, either way, were the two exchangeable.
        exact: whether every exchange was counted; else `samples` of them were drawn.
        samples: how many exchanges `p` rests on.
        level: the share of draws that the interval covers.
        sentences: how many were compared.
        differing: of those, how many count differently in the two.
    """

    difference: Interval
    p: float
    exact: bool
    samples: int
    level: float
    sentences: int
    differing: int

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


def f1_interval(
    counts_per_sentence: Table,
    *,
    times: Sequence[int] | None = None,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int,
) -> ScoreIntervals:
    """Percentile bootstrap over sentences of micro precision, recall and F1.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Args:
        counts_per_sentence: (sentences, 3) integers: entities right, predicted, in gold.
        times: (sentences,) how many sentences each row stands for; one where absent.
        level: of the interval, between 0 and 1.
        samples: how many times to draw.
        seed: of the draws.

    Raises:
        ValueError: there is no sentence, or an argument is out of range.
    """
    rows, sizes = _groups(_table(counts_per_sentence, 3), times)
    _check_settings(level, samples)
    drawn = np.concatenate(
        [_scores(weights @ rows) for weights in _resamples(sizes, samples, seed)]
    )
    values = _scores((sizes @ rows)[None])[0]
    precision, recall, f1 = (
        _interval(value, column, level) for value, column in zip(values, drawn.T, strict=True)
    )
    return ScoreIntervals(precision, recall, f1, level, int(sizes.sum()))


def paired_permutation(
    first_counts: Table,
    second_counts: Table,
    *,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int,
) -> PairedTest:
    """Approximate randomisation test on the difference in micro F1, and its bootstrap interval.

    Each sentence's two labellings are exchanged with probability one half. The test is two-sided,
    with p = (draws at least as extreme + 1) / (draws + 1); where few sentences differ and no more
    than `samples` exchanges can be told apart, all are counted and p is exact.
    Noreen, Computer-Intensive Methods for Testing Hypotheses, 1989; Yeh, More accurate tests for
    the statistical significance of result differences, COLING 2000.

    The interval is a percentile bootstrap over sentences, paired: Berg-Kirkpatrick, Burkett and
    Klein, An Empirical Investigation of Statistical Significance in NLP, EMNLP 2012.

    Args:
        first_counts: (sentences, 3) integers: entities right, predicted, in gold.
        second_counts: the same sentences in the same order.
        level: of the interval, between 0 and 1.
        samples: how many times to draw.
        seed: of the draws.

    Raises:
        ValueError: there is no sentence, the two do not have the same sentences or the same gold,
            or an argument is out of range.
    """
    first, second = _table(first_counts, 3), _table(second_counts, 3)
    if first.shape != second.shape or (first[:, 2] != second[:, 2]).any():
        raise ValueError("the two labellings do not have the same sentences with the same gold")
    _check_settings(level, samples)
    rows, times = _groups(np.concatenate([first, second], axis=1))
    observed = float(_differences((times @ rows)[None])[0])
    drawn = np.concatenate(
        [_differences(weights @ rows) for weights in _resamples(times, samples, seed)]
    )
    changed = (rows[:, :3] != rows[:, 3:]).any(axis=1)
    ways = math.prod(int(count) + 1 for count in times[changed])
    exact = ways <= samples and int(times[changed].sum()) <= FEW
    p = (_exact_p if exact else _drawn_p)(rows, times, changed, observed, samples, seed)
    return PairedTest(
        _interval(observed, drawn, level),
        p,
        exact,
        ways if exact else samples,
        level,
        int(times.sum()),
        int(times[changed].sum()),
    )


def _exact_p(
    rows: Ints, times: Ints, changed: NDArray[np.bool_], observed: float, _: int, __: int
) -> float:
    """The probability over all exchanges, each group's weighted by how many ways lead to it."""
    sizes = [int(count) for count in times[changed]]
    extreme = 0
    choices = itertools.product(*(range(size + 1) for size in sizes))
    while chunk := list(itertools.islice(choices, 10_000)):
        swapped = np.array(chunk, dtype=np.int64).reshape(len(chunk), len(sizes))
        hits = _extreme(rows, times, changed, swapped, observed)
        extreme += sum(
            math.prod(map(math.comb, sizes, chunk[at])) for at in np.flatnonzero(hits).tolist()
        )
    # Whole numbers to the end: no rounding, however many ways there are.
    return extreme / (1 << sum(sizes))


def _drawn_p(
    rows: Ints, times: Ints, changed: NDArray[np.bool_], observed: float, samples: int, seed: int
) -> float:
    random = np.random.default_rng([seed, 1])
    sizes = times[changed]
    extreme = 0
    for size in _chunk_sizes(samples, len(sizes)):
        swapped = random.binomial(sizes, 0.5, size=(size, len(sizes)))
        extreme += int(_extreme(rows, times, changed, swapped, observed).sum())
    return (extreme + 1) / (samples + 1)


def _extreme(
    rows: Ints, times: Ints, changed: NDArray[np.bool_], swapped: Ints, observed: float
) -> NDArray[np.bool_]:
    """Which exchanges, (draws, groups that differ) of sentences swapped, are as extreme."""
    turn = rows[changed][:, [3, 4, 5, 0, 1, 2]] - rows[changed]
    found = _differences(times @ rows + swapped @ turn)
    return np.asarray(np.abs(found) >= abs(observed) - _EQUAL)


def _resamples(times: Ints, samples: int, seed: int) -> Iterator[Ints]:
    """Bootstrap weights of the groups, (draws, groups), in chunks of bounded memory."""
    random = np.random.default_rng([seed, 0])
    total = int(times.sum())
    for size in _chunk_sizes(samples, len(times)):
        yield random.multinomial(total, times / total, size=size)


def _chunk_sizes(samples: int, width: int) -> Iterator[int]:
    size = max(1, CELLS // max(width, 1))
    for start in range(0, samples, size):
        yield min(size, samples - start)


def _scores(sums: Ints) -> Floats:
    """Precision, recall and F1 in per cent, (draws, 3), of summed counts (draws, 3)."""
    correct, predicted, gold = sums.T
    pairs = ((correct, predicted), (correct, gold), (2 * correct, predicted + gold))
    return np.stack([100 * part / np.maximum(whole, 1) for part, whole in pairs], axis=1)


def _differences(sums: Ints) -> Floats:
    """F1 of the second less that of the first, in points, of summed counts (draws, 6)."""
    return _scores(sums[:, 3:])[:, 2] - _scores(sums[:, :3])[:, 2]


def _interval(value: float, drawn: Floats, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(*(round(float(number), 4) for number in (value, low, high)))


def _groups(table: Ints, times: Sequence[int] | None = None) -> tuple[Ints, Ints]:
    """The different rows of a table, and how many sentences each stands for."""
    rows, places = np.unique(table, axis=0, return_inverse=True)
    each = np.ones(len(table)) if times is None else np.asarray(times, dtype=np.float64)
    if each.shape != (len(table),) or (each < 0).any() or not each.any():
        raise ValueError("times of another shape than the counts, negative, or all 0")
    return rows, np.bincount(places.reshape(-1), weights=each).astype(np.int64)


def _table(counts: Table, columns: int) -> Ints:
    table = np.asarray(counts, dtype=np.int64)
    if table.ndim != 2 or table.shape[1:] != (columns,) or not len(table):  # noqa: PLR2004 - a table
        raise ValueError(f"counts of shape {table.shape}: one row of {columns} a sentence, please")
    if (table < 0).any():
        raise ValueError("a count is negative")
    return table


def _check_settings(level: float, samples: int) -> None:
    if not 0 < level < 1 or samples < 1:
        raise ValueError(f"level {level} is not between 0 and 1, or {samples} samples are none")

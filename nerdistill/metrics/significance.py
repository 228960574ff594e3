"""Tests on a few paired values: Student's t and its power, exchanged signs, many tests at once."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_SEEDS = 8
"""With fewer, exchanged signs cannot go below p = 0.0156, nor below 0.0625 with 5."""
_ALL_SIGNS = 16
"""With more seeds, signs are drawn: 2 ** 16 ways of 16 signs are 8 MB."""
_FEWEST_PAIRS = 2
"""One difference has no standard deviation."""
_POINTS = 400
"""Of the integral: its error is below 1e-8 from 1 degree of freedom to 1e5."""
_NEGLIGIBLE = 39.0
"""Minus the logarithm of what is left out of the integral: exp(-39) is 1e-17."""
_EQUAL = 1e-9
"""Means closer than this are ties; sums in another order differ by less."""


@dataclass(frozen=True, slots=True)
class SeedsNeeded:
    """How many seeds would show a difference.

    Attributes:
        seeds: that many; the cap, where the cap is not enough.
        capped: whether more than `seeds` are needed.
    """

    seeds: int
    capped: bool


def t_tail(t: float, degrees: float, shift: float = 0.0) -> float:
    """P(T > t) for Student's t with `degrees` of freedom, noncentral by `shift`.

    T = (Z + shift) / S with Z normal and degrees * S ** 2 chi-squared: the normal tail beyond
    t * S - shift, averaged over log S by the trapezoidal rule. Johnson, Kotz and Balakrishnan,
    Continuous Univariate Distributions 2, 1995, chapter 31.

    Raises:
        ValueError: degrees are below 1.
    """
    if not degrees >= 1:
        raise ValueError(f"{degrees} degrees of freedom: 1 or more, please")
    start = -_NEGLIGIBLE / degrees - min(0.5, 9 / math.sqrt(degrees))
    logarithm = np.linspace(start, math.sqrt(_NEGLIGIBLE / degrees), _POINTS)
    density = np.exp(degrees * (logarithm - np.expm1(2 * logarithm) / 2))
    beyond = (t * np.exp(logarithm) - shift) / math.sqrt(2)
    tail = np.array([math.erfc(at) / 2 for at in beyond.tolist()])
    return float(density @ tail / density.sum())


def t_quantile(tail: float, degrees: float) -> float:
    """The t that Student's t with `degrees` of freedom exceeds with probability `tail`.

    Raises:
        ValueError: degrees are below 1, or tail is not between 0 and 0.5.
    """
    if not 0 < tail <= 0.5:  # noqa: PLR2004 - the upper half
        raise ValueError(f"tail {tail} is not between 0 and 0.5")
    low, high = 0.0, 2.0
    while t_tail(high, degrees) > tail:
        low, high = high, 2 * high
    while high - low > _EQUAL * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, degrees) > tail else (low, middle)
    return (low + high) / 2


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values of one family of tests, in the order given.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6, 1979: the chance of any false rejection stays below the level.

    Args:
        p_values: (tests,) probabilities.

    Raises:
        ValueError: they are no row of numbers between 0 and 1.
    """
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError("p values: one row of numbers between 0 and 1, please")
    order = np.argsort(given, kind="stable")
    steps = np.minimum(given[order] * np.arange(len(given), 0, -1), 1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.maximum.accumulate(steps)
    return tuple(adjusted.tolist())


def effect_size(differences: Sequence[float]) -> float | None:
    """Cohen's d of paired values: mean over standard deviation (n - 1) of their differences.

    Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section 2.3.5. None with
    one difference, or where all are the same.

    Args:
        differences: (seeds,) points.

    Raises:
        ValueError: they are no row of finite numbers.
    """
    values = _row(differences)
    if len(values) < _FEWEST_PAIRS or np.ptp(values) < _EQUAL:
        return None
    return float(values.mean() / values.std(ddof=1))


def sign_flip(
    differences: Sequence[float], *, samples: int = 10_000, seed: int = 0
) -> float | None:
    """Two-sided p of the mean difference when each seed's two regimens may be exchanged.

    Of seeds alone: it tells of these documents, not of others. None below `FEWEST_SEEDS`. All
    signs are counted up to 16 seeds; of more, `samples` are drawn, and
    p = (draws at least as extreme + 1) / (draws + 1).
    Fisher, The Design of Experiments, 1935, section 21; Good, Permutation, Parametric, and
    Bootstrap Tests of Hypotheses, 2005, chapter 3.

    Args:
        differences: (seeds,) points.
        samples: how many times to draw.
        seed: of the draws.

    Raises:
        ValueError: differences are no row of finite numbers, or samples are none.
    """
    values = _row(differences)
    if samples < 1:
        raise ValueError(f"{samples} samples are none")
    if len(values) < FEWEST_SEEDS:
        return None
    observed = abs(float(values.sum())) - _EQUAL
    if len(values) <= _ALL_SIGNS:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(values))))
        return float((np.abs(signs @ values) >= observed).mean())
    drawn = np.random.default_rng(seed).choice((-1.0, 1.0), size=(samples, len(values)))
    return float(((np.abs(drawn @ values) >= observed).sum() + 1) / (samples + 1))


def paired_t_power(seeds: int, effect: float, *, alpha: float = 0.05) -> float:
    """The probability that a two-sided paired t test over `seeds` shows an effect (Cohen's d).

    Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section 2.3: noncentral t.

    Raises:
        ValueError: there are fewer than two seeds, or alpha is not between 0 and 1.
    """
    if seeds < _FEWEST_PAIRS or not 0 < alpha < 1:
        raise ValueError(f"{seeds} seeds are fewer than 2, or alpha {alpha} is not in (0, 1)")
    critical = t_quantile(alpha / 2, seeds - 1)
    shift = effect * math.sqrt(seeds)
    return t_tail(critical, seeds - 1, shift) + t_tail(critical, seeds - 1, -shift)


def seeds_needed(
    differences: Sequence[float], *, alpha: float = 0.05, power: float = 0.8, cap: int = 1000
) -> SeedsNeeded | None:
    """How many seeds a paired t test needs to show a mean difference as large as this one.

    The smallest number with that power if the mean and the standard deviation observed were the
    true ones. They are not: with 3 to 5 seeds read it as an order of magnitude. More seeds take
    nothing from what the documents leave open. None where the mean is 0 or there is one seed:
    no number can be told.

    Args:
        differences: (seeds,) points.
        alpha: the level of the test.
        power: the probability that the test shows it.
        cap: no more than that many.

    Raises:
        ValueError: differences are no row of finite numbers, or a setting is out of range.
    """
    values = _row(differences)
    if not (0 < alpha < 1 and alpha < power < 1) or cap < _FEWEST_PAIRS:
        raise ValueError(f"alpha {alpha}, power {power} or cap {cap} is out of range")
    if len(values) < _FEWEST_PAIRS or abs(values.mean()) < _EQUAL:
        return None
    effect = effect_size(differences)
    if effect is None:  # every seed shows the same
        return SeedsNeeded(_FEWEST_PAIRS, capped=False)
    low, high = _FEWEST_PAIRS - 1, _FEWEST_PAIRS
    while paired_t_power(high, effect, alpha=alpha) < power:
        if high == cap:
            return SeedsNeeded(cap, capped=True)
        low, high = high, min(2 * high, cap)
    while high - low > 1:
        middle = (low + high) // 2
        enough = paired_t_power(middle, effect, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return SeedsNeeded(high, capped=False)


def _row(differences: Sequence[float]) -> Floats:
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"differences of shape {values.shape}: one row of finite numbers, one a seed, please"
        )
    return values

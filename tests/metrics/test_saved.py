"""Labels that original data alone would need."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from nerdistill.metrics.saved import labels_for_same_f1, monotone

LADDER = (100.0, 200.0, 400.0, 800.0)


def test_monotone_by_hand() -> None:
    """Neighbours that fall share their mean, block by block."""
    given_values = np.array([[1, 3, 2, 4], [4, 3, 2, 1], [1, 2, 3, 4], [5, 1, 9, 6]], dtype=float)
    wanted = [[1, 2.5, 2.5, 4], [2.5] * 4, [1, 2, 3, 4], [3, 3, 7.5, 7.5]]
    assert monotone(given_values).tolist() == wanted


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9))
def test_monotone_is_isotonic_regression(values: list[float]) -> None:
    """The fit is that of scipy's."""
    fitted = monotone(np.array([values]))[0]
    assert fitted == pytest.approx(isotonic_regression(values).x, abs=1e-9)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_no_rising_curve_of_block_means_is_closer(values: list[int]) -> None:
    """Of all cuts into blocks whose means rise, the fit is the closest: brute force."""
    best = math.inf
    for cuts in itertools.product((False, True), repeat=len(values) - 1):
        ends = [0, *(at + 1 for at, cut in enumerate(cuts) if cut), len(values)]
        blocks = [values[a:b] for a, b in itertools.pairwise(ends)]
        means = [sum(block) / len(block) for block in blocks]
        if means == sorted(means):
            loss = sum((x - m) ** 2 for block, m in zip(blocks, means, strict=True) for x in block)
            best = min(best, loss)
    fitted = monotone(np.array([values], dtype=float))[0]
    assert ((fitted - values) ** 2).sum() == pytest.approx(best)


def test_interpolates_in_the_logarithm() -> None:
    """Half way between two scores lies the geometric mean of their budgets."""
    curve = [[60.0, 70.0, 80.0, 90.0]]
    found = labels_for_same_f1(LADDER, curve, 75.0, seed=0)
    assert found.value == pytest.approx(math.sqrt(200 * 400))
    assert (found.low, found.high) == (None, None)
    assert (found.smallest, found.largest, found.draws) == (100, 800, 1)
    for at, f1 in zip(LADDER, curve[0], strict=True):
        assert labels_for_same_f1(LADDER, curve, f1, seed=0).value == pytest.approx(at)


def test_ends_of_the_ladder() -> None:
    """Below its start the smallest budget is 'at most', above its end there is no such budget."""
    curves = [[60.0, 70.0, 80.0, 90.0], [61.0, 69.0, 81.0, 89.0]]
    low = labels_for_same_f1(LADDER, curves, 20.0, seed=0)
    assert (low.value, low.low) == (100, 100)
    high = labels_for_same_f1(LADDER, curves, 99.9, samples=200, seed=0)
    assert (high.value, high.high) == (math.inf, math.inf)


def test_interval_may_run_out_of_the_pool() -> None:
    """Near the end of the ladder the value is a number and the upper end of its interval none."""
    curves = [[60.0, 70.0, 80.0, 83.0], [60.0, 71.0, 79.0, 87.0], [60.5, 70.0, 80.0, 84.0]]
    found = labels_for_same_f1(LADDER, curves, 84.0, seed=0)
    assert found.low is not None
    assert 400 < found.low < found.value < 800
    assert found.high == math.inf


def test_flat_curve_is_reached_at_its_start() -> None:
    """Where a curve stands still or falls, the smallest budget with that score counts."""
    assert labels_for_same_f1(LADDER, [[60, 72, 68, 90]], 70.0, seed=0).value == 200
    third = 200 / 3
    flat = [[60.0, third, third, third]]
    assert labels_for_same_f1(LADDER, flat, third, seed=0).value == pytest.approx(200)


@given(st.lists(st.floats(30, 99), min_size=4, max_size=4), st.floats(30, 99), st.floats(0, 20))
def test_more_f1_needs_no_fewer_labels(curve: list[float], f1: float, more: float) -> None:
    """The budget never falls with the score that is wanted."""
    less, most = (labels_for_same_f1(LADDER, [curve], x, seed=0).value for x in (f1, f1 + more))
    assert less <= most * (1 + 1e-12)


def test_spread_of_the_reference_widens_the_interval() -> None:
    """A reference of several draws brings its own spread along, and pairs with the curves."""
    curves = np.array([[60.0, 70.0, 80.0, 90.0]]) + np.array([[-1.0], [0.0], [1.0]])

    def width(reference: float | list[float]) -> float:
        found = labels_for_same_f1(LADDER, curves, reference, samples=2_000, seed=0)
        assert found.low is not None
        assert found.high is not None
        return math.log(found.high / found.low)

    assert width([76.0, 75.0, 74.0]) > width(75.0) > 0.1
    # Where each draw's reference moves with its curve, all draws need the same labels.
    assert width([74.0, 75.0, 76.0]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("draws", [3, 5])
def test_interval_covers_the_truth(draws: int) -> None:
    """In about 95 of 100 studies, the interval holds the budget that the true curve needs."""
    random = np.random.default_rng(draws)
    true = np.array([62.0, 70.0, 76.0, 80.0])
    wanted = math.exp(np.interp(73, true, np.log(LADDER)))
    hits = 0
    for seed in range(300):
        curves = true + random.normal(0, 1, (draws, 1)) + random.normal(0, 1, (draws, 4))
        reference = 73 + random.normal(0, 0.5, draws)
        found = labels_for_same_f1(LADDER, curves, reference, samples=400, seed=seed)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= wanted <= found.high
    assert 270 <= hits <= 297


def test_seeds_repeat() -> None:
    """The same seed gives the same interval, another one another."""
    curves = [[60.0, 70.0, 80.0, 90.0], [62.0, 69.0, 81.0, 88.0]]
    found = [labels_for_same_f1(LADDER, curves, 75, samples=50, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("budgets", "curves", "reference", "names"),
    [
        ([100], [[1.0]], 1.0, "budgets"),
        ([100, 100], [[1.0, 2.0]], 1.0, "budgets"),
        ([0, 100], [[1.0, 2.0]], 1.0, "budgets"),
        ([1, 2], [1.0, 2.0], 1.0, "original F1 of shape"),
        ([1, 2], [[1.0]], 1.0, "original F1 of shape"),
        ([1, 2], [[1.0, 2.0]], [1.0, 2.0], "reference F1 of shape"),
        ([1, 2], [[1.0, math.nan]], 1.0, "finite"),
        ([1, 2], [[1.0, 2.0]], math.inf, "finite"),
    ],
)
def test_bad_shapes_are_named(
    budgets: list[float], curves: list[list[float]], reference: float, names: str
) -> None:
    """What does not fit is told by its name."""
    with pytest.raises(ValueError, match=names):
        labels_for_same_f1(budgets, curves, reference, seed=0)


def test_settings_out_of_range_are_refused() -> None:
    """A level outside (0, 1), no draw and what is no table are errors."""
    for settings in ({"level": 1.0}, {"samples": 0}):
        with pytest.raises(ValueError, match="level"):
            labels_for_same_f1([1, 2], [[1.0, 2.0]], 1.0, seed=0, **settings)
    with pytest.raises(ValueError, match="shape"):
        monotone(np.zeros(3))

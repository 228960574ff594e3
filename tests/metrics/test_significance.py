"""Student's t, Holm's correction, exchanged signs and the number of seeds, against scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nerdistill.metrics.significance import (
    SeedsNeeded,
    effect_size,
    holm,
    paired_t_power,
    seeds_needed,
    sign_flip,
    t_quantile,
    t_tail,
)


@pytest.mark.parametrize("degrees", [1, 1.5, 2, 7, 22.7, 230, 1e4, 1e5])
def test_tail_is_that_of_the_noncentral_t(degrees: float) -> None:
    """Tails are those of scipy, central and shifted, for whole and broken degrees of freedom."""
    for t, shift in itertools.product((0, 0.5, 2, 5, 40), (0, -1, 0.5, 3, 8)):
        wanted = stats.nct.sf(t, degrees, shift) if shift else stats.t.sf(t, degrees)
        assert t_tail(t, degrees, shift) == pytest.approx(wanted, abs=1e-8)


def test_closed_forms_of_the_tail() -> None:
    """With one degree of freedom it is Cauchy's, with two there is a formula too."""
    for t in (0.0, 1.0, 3.0, 12.7):
        assert t_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi)
        assert t_tail(t, 2) == pytest.approx(0.5 - t / (2 * math.sqrt(2 + t * t)))


@pytest.mark.parametrize("degrees", [1, 2.5, 9, 1e4])
def test_quantile_turns_the_tail_round(degrees: float) -> None:
    """The quantile of a tail has that tail, as scipy's does."""
    for tail in (0.5, 0.4, 0.025, 1e-4):
        wanted = stats.t.isf(tail, degrees)
        assert t_quantile(tail, degrees) == pytest.approx(wanted, rel=1e-7, abs=1e-7)


def test_t_out_of_range_is_refused() -> None:
    """Less than one degree of freedom and tails beyond one half are errors."""
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_tail(1, 0.5)
    for tail in (0, 0.6, math.nan):
        with pytest.raises(ValueError, match="tail"):
            t_quantile(tail, 3)


def test_holm_by_hand() -> None:
    """Values are multiplied by the tests left, never fall, end at 1, and keep their places."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.5, 0.9, 0.001]) == pytest.approx((1, 1, 0.003))
    assert holm([0.2]) == (0.2,)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_stepping_down_does(p_values: list[float], level: float) -> None:
    """An adjusted value is at most the level where Holm's steps reject the hypothesis."""
    rejected = set()
    for left, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[at] * (len(p_values) - left) > level:
            break
        rejected.add(at)
    adjusted = holm(p_values)
    assert {at for at, p in enumerate(adjusted) if p <= level} == rejected


@pytest.mark.parametrize("wrong", [[0.5, 1.1], [-0.1], [math.nan], [[0.5]]])
def test_what_is_no_p_value_is_refused(wrong: list[float]) -> None:
    """Numbers outside 0 to 1 and tables are errors."""
    with pytest.raises(ValueError, match="p values"):
        holm(wrong)


def test_effect_size_by_hand() -> None:
    """Mean over standard deviation, with n - 1; none without spread."""
    assert effect_size([1.0, 2.0, 3.0]) == pytest.approx(2)
    assert effect_size([1.0]) is None
    assert effect_size([0.5, 0.5, 0.5]) is None


@pytest.mark.parametrize("seeds", [8, 10])
def test_sign_flip_counts_what_scipy_does(seeds: int) -> None:
    """The exact p is that of scipy's permutation test of pairs."""
    random = np.random.default_rng(seeds)
    for shift in (0.0, 0.4, 1.5):
        one, other = random.normal(size=seeds), random.normal(shift, size=seeds)
        wanted = stats.permutation_test(
            (other, one),
            lambda first, second, axis: np.mean(first - second, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
        ).pvalue
        assert sign_flip((other - one).tolist()) == pytest.approx(wanted)


def test_sign_flip_starts_at_eight_seeds() -> None:
    """Five seeds cannot go below 0.0625, and eight that agree reach 2 / 2 ** 8."""
    assert sign_flip([1.0] * 7) is None
    assert sign_flip([1.0] * 8) == 2 / 2**8


def test_drawn_signs_are_near_all_signs() -> None:
    """Beyond 16 seeds signs are drawn: near scipy's, never 0, the same for the same seed."""
    values = np.random.default_rng(3).normal(0.3, size=20)
    drawn = sign_flip(values.tolist(), samples=4_000, seed=1)
    wanted = stats.ttest_1samp(values, 0).pvalue
    assert drawn == pytest.approx(wanted, abs=0.03)
    assert drawn == sign_flip(values.tolist(), samples=4_000, seed=1)
    assert sign_flip([1.0] * 30, samples=99) == 0.01


@pytest.mark.parametrize(("seeds", "effect"), [(2, 0.5), (5, 1.0), (12, -0.8), (100, 0.2)])
def test_power_is_that_of_the_noncentral_t(seeds: int, effect: float) -> None:
    """Both tails beyond the critical value, by scipy."""
    critical, shift = stats.t.isf(0.025, seeds - 1), effect * math.sqrt(seeds)
    wanted = stats.nct.sf(critical, seeds - 1, shift) + stats.nct.cdf(-critical, seeds - 1, shift)
    assert paired_t_power(seeds, effect) == pytest.approx(wanted, abs=1e-7)


def test_seeds_needed_are_the_fewest_with_that_power() -> None:
    """The number has the power, one less has not; and Cohen's table has 34 pairs for d = 0.5."""
    for d, wanted in ((0.5, 34), (0.8, 15), (0.2, 199)):
        spread = np.array([-1.0, 0.0, 1.0])
        found = seeds_needed((spread + d).tolist())
        assert found == SeedsNeeded(wanted, capped=False)
        assert paired_t_power(wanted, d) >= 0.8 > paired_t_power(wanted - 1, d)
    assert seeds_needed([-1.5, -0.5, 0.5]) == SeedsNeeded(34, capped=False)


def test_seeds_needed_at_the_edges() -> None:
    """No difference or one seed tell none; more than the cap says so; no spread needs two."""
    assert seeds_needed([1.0, -1.0]) is None
    assert seeds_needed([0.7]) is None
    assert seeds_needed([1.0, -0.98], cap=50) == SeedsNeeded(50, capped=True)
    assert seeds_needed([-0.5, 0.5, 1.5], cap=34) == SeedsNeeded(34, capped=False)
    assert seeds_needed([-0.5, 0.5, 1.5], cap=33) == SeedsNeeded(33, capped=True)
    assert seeds_needed([0.3, 0.3, 0.3]) == SeedsNeeded(2, capped=False)


@pytest.mark.parametrize("wrong", [[], [math.nan, 1.0], [[1.0, 2.0]]])
def test_what_is_no_row_of_differences_is_refused(wrong: list[float]) -> None:
    """Nothing, numbers that are none and tables are errors."""
    for function in (effect_size, sign_flip, seeds_needed):
        with pytest.raises(ValueError, match="differences of shape"):
            function(wrong)


def test_settings_out_of_range_are_refused() -> None:
    """No draw, a power below the level and too few seeds are errors."""
    with pytest.raises(ValueError, match="samples"):
        sign_flip([1.0], samples=0)
    for settings in ({"alpha": 0.0}, {"power": 1.0}, {"power": 0.01}, {"cap": 1}):
        with pytest.raises(ValueError, match="out of range"):
            seeds_needed([1.0, 2.0], **settings)
    for seeds, alpha in ((1, 0.05), (5, 1.0)):
        with pytest.raises(ValueError, match="seeds"):
            paired_t_power(seeds, 0.5, alpha=alpha)

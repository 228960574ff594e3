"""Blending curves: shape, mean and refusal."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerdistill.blend.curve import (
    CURVES,
    Constant,
    Cosine,
    Curve,
    Exponential,
    Linear,
    Power,
    Sigmoid,
    Step,
    describe,
    make_curve,
    mean_share,
    normalise,
)
from nerdistill.blend.plan import distilled_counts
from nerdistill.errors import ConfigError
from nerdistill.report.figures.curves import rebuild

FALLING = ["linear", "cosine", "sigmoid", "power", "exponential"]
KINDS = st.sampled_from([*FALLING, "step"])
SHAPES: st.SearchStrategy[Curve] = st.one_of(
    st.sampled_from([Linear(), Cosine(), Step()]),
    st.floats(6, 60).map(Sigmoid),
    st.floats(0.5, 5).map(Power),
    st.floats(4, 9).map(Exponential),
)


@given(st.sampled_from(sorted(set(CURVES) - {"constant"})), st.floats(0, 1))
def test_shares_are_shares(kind: str, t: float) -> None:
    """At every moment a share lies in [0, 1]."""
    assert 0.0 <= make_curve(kind).distilled_share(t) <= 1.0


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (Power(2.0), 1 / 3),
        (Power(0.5), 2 / 3),
        (Exponential(5.0), (1 - math.exp(-5)) / 5),
        (Sigmoid(12.0), 0.5),
        (Step(0.3), 0.3),
        (Constant(0.2), 0.2),
    ],
)
def test_means_have_closed_forms(curve: Curve, expected: float) -> None:
    """The midpoint rule gives what calculus gives."""
    assert mean_share(curve) == pytest.approx(expected, abs=2e-4)


@settings(max_examples=25)
@given(SHAPES, st.floats(0.2, 0.8))
def test_normalised_curves_have_the_mean(shape: Curve, mean: float) -> None:
    """Every shape can be brought to one mean share, and still falls from its start to its end."""
    curve = normalise(shape, mean)
    assert mean_share(curve) == pytest.approx(mean, abs=1e-3)
    shares = [curve.distilled_share(i / 200) for i in range(201)]
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(shares))
    assert shares[0] == pytest.approx(shape.distilled_share(0.0))
    assert shares[-1] == pytest.approx(shape.distilled_share(1.0))


@pytest.mark.parametrize("mean", [0.0, 0.4, 1.0])
def test_steps_and_constants_reach_any_mean(mean: float) -> None:
    """What is normalised exactly reaches even the ends."""
    for curve in (Constant(0.5), Step(0.5), Step(0.5, 0.0, 1.0)):
        assert mean_share(normalise(curve, mean)) == pytest.approx(mean, abs=2e-4)


@pytest.mark.parametrize("mean", [-0.1, 1.1, math.nan])
def test_impossible_means_are_refused(mean: float) -> None:
    """A mean share is a share."""
    with pytest.raises(ConfigError, match="mean_share"):
        normalise(Linear(), mean)


def test_a_normalised_curve_shows_its_share() -> None:
    """The mean that a curve was brought to is the share of distilled examples really shown."""
    for shape in (Power(2.0), Power(0.5), Exponential(5.0), Sigmoid(12.0)):
        counts = distilled_counts(normalise(shape, 0.3), steps=400, batch_size=16)
        assert sum(counts) == pytest.approx(0.3 * 400 * 16, abs=1.5)


def test_a_mean_out_of_reach_of_any_warp_is_refused() -> None:
    """A curve that falls only in its last moments cannot be warped to a small mean."""
    with pytest.raises(ConfigError, match="cannot have the mean share"):
        normalise(Power(0.01), 0.1)


def test_powers_stay_different_after_normalising() -> None:
    """Normalising moves curves, it does not make one out of two."""
    early, late = normalise(Power(2.0), 0.5), normalise(Power(0.5), 0.5)
    assert abs(early.distilled_share(0.2) - late.distilled_share(0.2)) > 0.1


def test_reverse_steps_can_be_normalised() -> None:
    """Original then distilled switches where its mean asks."""
    curve = normalise(Step(0.5, 0.0, 1.0), 0.3)
    assert isinstance(curve, Step)
    assert (round(curve.at, 9), curve.first, curve.then) == (0.7, 0.0, 1.0)


@settings(max_examples=20)
@given(KINDS, st.floats(0.2, 0.8))
def test_a_described_curve_can_be_rebuilt(kind: str, mean: float) -> None:
    """What a record says of a curve is enough to draw it."""
    curve = normalise(make_curve(kind), mean)
    again = rebuild(describe(curve))
    for i in range(11):
        assert again.distilled_share(i / 10) == pytest.approx(curve.distilled_share(i / 10))


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        ("parabola", {}, "there is no curve 'parabola'"),
        ("power", {"rate": 2.0}, "does not take"),
        ("power", {"exponent": -1.0}, "exponent is -1.0"),
        ("constant", {"share": 1.5}, "share is 1.5"),
        ("step", {"at": 2.0}, "at is 2.0"),
    ],
)
def test_wrong_curves_are_refused(kind: str, parameters: dict[str, float], words: str) -> None:
    """A mistake in a curve is named."""
    with pytest.raises(ConfigError, match=words):
        make_curve(kind, parameters)


def test_an_unreachable_mean_is_refused() -> None:
    """A step between 0.4 and 0.6 never has the mean 0.9."""
    with pytest.raises(ConfigError, match="cannot have the mean share"):
        normalise(Step(0.5, 0.4, 0.6), 0.9)

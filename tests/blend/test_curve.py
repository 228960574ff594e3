"""Blending curves: shape, mean and refusal."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.curve import (
    CURVES,
    Constant,
    Curve,
    Exponential,
    Power,
    Sigmoid,
    Step,
    describe,
    make_curve,
    mean_share,
    normalise,
)
from nerdistill.errors import ConfigError
from nerdistill.report.figures import rebuild

FALLING = ["linear", "cosine", "sigmoid", "power", "exponential"]
KINDS = st.sampled_from([*FALLING, "step"])


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


@given(KINDS, st.floats(0.1, 0.9))
def test_normalised_curves_have_the_mean(kind: str, mean: float) -> None:
    """Every kind can be brought to one mean share, and still falls from its start to its end."""
    shape = make_curve(kind)
    curve = normalise(shape, mean)
    assert mean_share(curve) == pytest.approx(mean, abs=1e-3)
    shares = [curve.distilled_share(i / 200) for i in range(201)]
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(shares))
    assert shares[0] == pytest.approx(shape.distilled_share(0.0))
    assert shares[-1] == pytest.approx(shape.distilled_share(1.0))


def test_powers_stay_different_after_normalising() -> None:
    """Normalising moves curves, it does not make one out of two."""
    early, late = normalise(Power(2.0), 0.5), normalise(Power(0.5), 0.5)
    assert abs(early.distilled_share(0.2) - late.distilled_share(0.2)) > 0.1


def test_reverse_steps_can_be_normalised() -> None:
    """Original then distilled switches where its mean asks."""
    curve = normalise(Step(0.5, 0.0, 1.0), 0.3)
    assert isinstance(curve, Step)
    assert (round(curve.at, 9), curve.first, curve.then) == (0.7, 0.0, 1.0)


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

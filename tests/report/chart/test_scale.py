"""Scales and their ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.report.chart.scale import Scale, around, told


@given(low=st.floats(-1e4, 1e4), length=st.floats(1e-3, 1e4), count=st.integers(1, 10))
def test_ticks_lie_within_and_are_few(low: float, length: float, count: int) -> None:
    """All ticks are on the axis, in order, and not many more than asked for."""
    scale = Scale(low, low + length, 0, 100)
    ticks = scale.ticks(count)
    assert len(ticks) <= count + 1
    assert ticks == sorted(ticks)
    assert all(low - 1e-6 * length <= tick <= low + length * (1 + 1e-6) for tick in ticks)


@given(low=st.floats(1, 1e4), ratio=st.floats(1.2, 1e4), count=st.integers(1, 10))
def test_ticks_of_a_logarithmic_axis_lie_within(low: float, ratio: float, count: int) -> None:
    """The same for equal ratios."""
    ticks = Scale(low, low * ratio, 0, 100, log=True).ticks(count)
    assert len(ticks) <= count
    assert all(low <= tick <= low * ratio for tick in ticks)


def test_places() -> None:
    """Ends are ends, the middle is the middle, and nothing leaves the axis."""
    assert [Scale(0, 10, 100, 0)(value) for value in (0, 5, 10, 99)] == [100, 50, 0, 0]
    assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)
    assert Scale(1, 100, 0, 10, log=True)(0) == 0


def test_a_scale_around_values_has_air_and_a_least_length() -> None:
    """One value is not an axis without length."""
    assert (around([5.0]).low, around([5.0]).high) == (4.5, 5.5)
    assert around([0.0, 10.0], share=0.1).high == 11.0
    assert [told(value) for value in (1000.0, 0.30000000000000004, -5.0)] == ["1,000", "0.3", "-5"]

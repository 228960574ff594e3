"""Schedules are pure functions of the step."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.curve import Constant, Step
from nerdistill.errors import ConfigError
from nerdistill.train.recipe import Recipe, Schedule, rate_at, stage_starts


def test_one_climb_and_one_decay() -> None:
    """The rate climbs to its peak over the warm-up and then falls in a line, never to 0."""
    recipe = Recipe(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [rate_at(step, (0,), recipe) for step in range(100)]
    assert rates[9] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0 < rates[-1] < 0.02


@given(
    st.integers(1, 300),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["single", "restart"]),
)
def test_rates_climb_once_and_fall_in_every_stage(
    steps: int, warmup: float, at: float, schedule: Schedule
) -> None:
    """Whatever the settings, no rate is 0 or above the peak, and each stage reaches the peak."""
    recipe = Recipe(steps=steps, learning_rate=0.5, warmup=warmup, schedule=schedule)
    starts = stage_starts(Step(at), recipe)
    rates = [rate_at(step, starts, recipe) for step in range(steps)]
    for start, end in itertools.pairwise((*starts, steps)):
        stage = rates[start:end]
        peak = stage.index(max(stage))
        assert stage[: peak + 1] == sorted(stage[: peak + 1])
        assert stage[peak:] == sorted(stage[peak:], reverse=True)
        assert stage[peak] == pytest.approx(0.5)
        assert min(stage) > 0


def test_a_restart_climbs_again() -> None:
    """Where the pools change, a second training starts: its rates are those of the first."""
    recipe = Recipe(steps=100, learning_rate=1.0, schedule="restart")
    starts = stage_starts(Step(0.5), recipe)
    assert starts == (0, 50)
    rates = [rate_at(step, starts, recipe) for step in range(100)]
    assert rates[:50] == rates[50:]


def test_a_single_schedule_ignores_the_switch() -> None:
    """One schedule over the whole budget has one start."""
    assert stage_starts(Step(0.5), Recipe()) == (0,)


@pytest.mark.parametrize("at", [0.0, 1.0])
def test_a_switch_at_an_end_is_none(at: float) -> None:
    """A step curve that never switches has one stage."""
    assert stage_starts(Step(at), Recipe(schedule="restart")) == (0,)


def test_restart_needs_a_switch() -> None:
    """A curve without a switch cannot restart."""
    with pytest.raises(ConfigError, match="restart"):
        stage_starts(Constant(0.5), Recipe(schedule="restart"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("warmup", 1.5),
        ("weight_decay", -1.0),
        ("clip", math.nan),
        ("window_steps", 0),
    ],
)
def test_numbers_that_train_nothing_are_refused(name: str, value: float) -> None:
    """A setting out of its range is named before anything is loaded."""
    with pytest.raises(ConfigError, match=name):
        Recipe(**{name: value})  # type: ignore[arg-type]

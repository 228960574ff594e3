"""Batch plans: exact, fair, paired."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.curve import (
    Constant,
    Cosine,
    Curve,
    Exponential,
    Linear,
    Power,
    Sigmoid,
    Step,
    make_curve,
    mean_share,
    normalise,
)
from nerdistill.blend.plan import Pick, PoolName, distilled_counts, plan_batches
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)
CURVES = st.one_of(
    st.floats(0, 1).map(Constant),
    st.tuples(st.floats(0, 1), st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.7, 0.1)])).map(
        lambda pair: Step(pair[0], *pair[1])
    ),
    st.sampled_from(
        [
            normalise(make_curve(kind), mean)
            for kind in ("linear", "cosine", "sigmoid", "power", "exponential")
            for mean in (0.15, 0.5, 0.8)
        ]
    ),
)
PLANS = st.fixed_dictionaries(
    {
        "steps": st.integers(1, 60),
        "batch_size": st.integers(1, 9),
        "original": LENGTHS,
        "distilled": LENGTHS,
        "seed": st.integers(0, 5),
        "window_steps": st.integers(1, 40),
    }
)


def drawn(plan: list[list[Pick]], pool: PoolName) -> list[int]:
    """The examples of one pool, step by step."""
    return [pick.index for batch in plan for pick in batch if pick.pool == pool]


@given(CURVES, PLANS)
def test_every_step_has_exactly_its_examples(curve: Curve, settings: dict[str, object]) -> None:
    """The budget is exact, and the same settings give the same plan."""
    plan = plan_batches(curve, **settings)  # type: ignore[arg-type]
    assert len(plan) == settings["steps"]
    assert {len(batch) for batch in plan} == {settings["batch_size"]}
    assert plan == plan_batches(curve, **settings)  # type: ignore[arg-type]


@given(CURVES, PLANS)
def test_no_example_repeats_before_all_have_come(curve: Curve, settings: dict[str, object]) -> None:
    """Each round through a pool shows every example once."""
    plan = plan_batches(curve, **settings)  # type: ignore[arg-type]
    for pool in ("original", "distilled"):
        size = len(settings[pool])  # type: ignore[arg-type]
        order = drawn(plan, pool)
        for start in range(0, len(order), size):
            once = order[start : start + size]
            assert len(set(once)) == len(once)


@given(CURVES, PLANS)
def test_shown_examples_follow_the_integral(curve: Curve, settings: dict[str, object]) -> None:
    """After every step the distilled examples shown are the curve's integral, to one example."""
    steps, size = settings["steps"], settings["batch_size"]
    assert isinstance(steps, int)
    assert isinstance(size, int)
    shown = 0
    for step, count in enumerate(distilled_counts(curve, steps=steps, batch_size=size), start=1):
        assert 0 <= count <= size
        shown += count
        due = size * step * mean_share(curve, 0.0, step / steps, 2_000)
        assert abs(shown - due) <= 1 + size / 2_000


def drawn_by_window(plan: list[list[Pick]], pool: PoolName, window: int) -> list[Counter[int]]:
    """What has been drawn from a pool by the end of each window."""
    return [Counter(drawn(plan[:end], pool)) for end in range(0, len(plan) + window, window)]


@given(CURVES, CURVES, PLANS)
def test_two_regimens_of_one_seed_are_paired(
    one: Curve, other: Curve, settings: dict[str, object]
) -> None:
    """At the ends of windows, the smaller draw is a part of the larger: both follow one order."""
    window = settings["window_steps"]
    assert isinstance(window, int)
    plans = [plan_batches(curve, **settings) for curve in (one, other)]  # type: ignore[arg-type]
    for pool in ("original", "distilled"):
        stands = [stand for plan in plans for stand in drawn_by_window(plan, pool, window)]
        stands.sort(key=Counter.total)
        assert all(less <= more for less, more in itertools.pairwise(stands))


@given(CURVES, PLANS, LENGTHS)
def test_a_pool_does_not_know_the_other(
    curve: Curve, settings: dict[str, object], others: list[int]
) -> None:
    """Another distilled pool leaves the original examples of every step as they are."""
    plans = [
        plan_batches(curve, **{**settings, "distilled": pool})  # type: ignore[arg-type]
        for pool in (settings["distilled"], others)
    ]
    ours = [[[pick for pick in batch if pick.pool == "original"] for batch in p] for p in plans]
    assert ours[0] == ours[1]


@pytest.mark.parametrize(
    ("curve", "integral"),
    [
        (Constant(0.3), lambda t: 0.3 * t),
        (Step(0.37), lambda t: min(t, 0.37)),
        (Step(0.37, 0.0, 1.0), lambda t: max(0.0, t - 0.37)),
        (Linear(), lambda t: t - t * t / 2),
        (Cosine(), lambda t: t / 2 + math.sin(math.pi * t) / (2 * math.pi)),
        (Power(2.0), lambda t: (1 - (1 - t) ** 3) / 3),
        (Power(0.5), lambda t: (1 - (1 - t) ** 1.5) / 1.5),
        (Exponential(5.0), lambda t: (1 - math.exp(-5 * t)) / 5),
        (
            Sigmoid(12.0),
            lambda t: t - (math.log1p(math.exp(12 * t - 6)) - math.log1p(math.exp(-6))) / 12,
        ),
    ],
)
@pytest.mark.parametrize(("steps", "batch_size"), [(400, 16), (7, 3), (1, 1), (13, 64)])
def test_counts_follow_closed_forms(
    curve: Curve, integral: Callable[[float], float], steps: int, batch_size: int
) -> None:
    """After every step the distilled examples are what calculus says, to within one."""
    counts = distilled_counts(curve, steps=steps, batch_size=batch_size)
    for step, shown in enumerate(itertools.accumulate(counts), start=1):
        assert abs(shown - steps * batch_size * integral(step / steps)) <= 1


def test_an_order_depends_on_the_seed_alone() -> None:
    """The examples that a curve draws first are those that any curve draws first."""
    sizes = [1] * 50
    few = plan_batches(
        Constant(0.0), steps=2, batch_size=5, original=sizes, distilled=[], seed=1, window_steps=1
    )
    mixed = plan_batches(
        Constant(0.5),
        steps=4,
        batch_size=5,
        original=sizes,
        distilled=sizes,
        seed=1,
        window_steps=1,
    )
    assert set(drawn(few, "original")) == set(drawn(mixed, "original")[:10])
    again = plan_batches(
        Constant(0.0), steps=2, batch_size=5, original=sizes, distilled=[], seed=2, window_steps=1
    )
    assert set(drawn(again, "original")) != set(drawn(few, "original"))


def test_batches_hold_similar_lengths() -> None:
    """Windows spare padding: far fewer padded units than random batches need."""
    lengths = [1 + (37 * i) % 50 for i in range(640)]

    def padded(window_steps: int) -> int:
        plan = plan_batches(
            Constant(0.5),
            steps=64,
            batch_size=16,
            original=lengths,
            distilled=lengths,
            seed=1,
            window_steps=window_steps,
        )
        return sum(16 * max(lengths[pick.index] for pick in batch) for batch in plan)

    assert padded(32) < 0.65 * padded(1)


def test_length_is_not_tied_to_time() -> None:
    """Inside a window the short batches do not come first."""
    lengths = list(range(1, 161))
    plan = plan_batches(
        Constant(0.0),
        steps=10,
        batch_size=16,
        original=lengths,
        distilled=[],
        seed=1,
        window_steps=10,
    )
    longest = [max(lengths[pick.index] for pick in batch) for batch in plan]
    assert sorted(longest) != longest
    assert sorted(longest, reverse=True) != longest


def test_a_switch_inside_a_step_is_placed() -> None:
    """A step curve that switches in mid-step splits that batch."""
    assert distilled_counts(Step(0.25), steps=2, batch_size=8) == [4, 0]
    assert sum(distilled_counts(Step(1 / 3), steps=5, batch_size=7)) == math.floor(35 / 3 + 0.5)


@pytest.mark.parametrize(("share", "missing"), [(0.5, "distilled"), (0.0, "original")])
def test_an_empty_pool_is_refused(share: float, missing: str) -> None:
    """A curve that needs a pool without examples is told so."""
    pools = {"original": [1, 2], "distilled": [1, 2], missing: []}
    with pytest.raises(ConfigError, match=f"{missing} examples, but there are none"):
        plan_batches(Constant(share), steps=2, batch_size=2, seed=1, **pools)  # type: ignore[arg-type]


def test_no_steps_are_refused() -> None:
    """A plan of nothing is a mistake."""
    with pytest.raises(ConfigError, match="train nothing"):
        plan_batches(Constant(0.0), steps=0, batch_size=2, original=[1], distilled=[], seed=1)

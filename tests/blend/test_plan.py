"""Batch plans: exact, fair, paired."""

from __future__ import annotations

from collections import Counter
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.blend.curve import Constant, Curve, Step, make_curve, mean_share, normalise
from nerdistill.blend.plan import Pick, PoolName, distilled_counts, plan_batches
from nerdistill.errors import ConfigError

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)
CURVES = st.one_of(
    st.floats(0, 1).map(Constant),
    st.tuples(st.floats(0, 1), st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.7, 0.1)])).map(
        lambda pair: Step(pair[0], *pair[1])
    ),
    st.tuples(
        st.sampled_from(["linear", "cosine", "sigmoid", "power", "exponential"]),
        st.floats(0.1, 0.9),
    ).map(lambda pair: normalise(make_curve(pair[0]), pair[1])),
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


@given(CURVES, CURVES, PLANS)
def test_two_regimens_of_one_seed_are_paired(
    one: Curve, other: Curve, settings: dict[str, object]
) -> None:
    """Regimens that have drawn equally often from a pool have drawn the same examples."""
    plans = [plan_batches(curve, **settings) for curve in (one, other)]  # type: ignore[arg-type]
    for pool in ("original", "distilled"):
        size = len(settings[pool])  # type: ignore[arg-type]
        orders = [drawn(plan, pool) for plan in plans]
        for start in range(0, min(map(len, orders)) - size + 1, size):
            # A finished round holds everything; what is paired is the round in progress.
            rounds = [Counter(order[start : start + size]) for order in orders]
            assert rounds[0] == rounds[1]


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
    assert sum(distilled_counts(Step(1 / 3), steps=5, batch_size=7)) == floor(35 / 3 + 0.5)


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

"""Regimens compared over seeds and documents."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from nerdistill.metrics.regimens import f1_per_seed, paired, summary
from nerdistill.metrics.significance import effect_size, sign_flip

Ints = NDArray[np.int64]

SPREAD = {
    "noise": (0.0, 0.0, 0.0),
    "seeds": (0.1, 0.0, 0.0),
    "documents": (0.0, 0.5, 0.2),
    "both": (0.1, 0.5, 0.2),
}
"""Standard deviations in logits: of a regimen's seeds, of its documents, of both together."""


def made_up(
    random: np.random.Generator,
    seeds: int,
    documents: int,
    spread: tuple[float, float, float] = SPREAD["both"],
    effect: float = 0.0,
) -> tuple[Ints, Ints]:
    """Counts of two regimens on the same documents, of which the second is better by `effect`."""
    of_seeds, of_documents, of_both = spread
    gold = 1 + random.negative_binomial(3, 1 / 6, size=documents)
    hardness = random.normal(1.8, 0.5, documents)
    tables = []
    for better in (0.0, effect):
        logit = hardness + better + random.normal(0, of_documents, documents)
        logit = logit + random.normal(0, of_seeds, (seeds, 1))
        logit = logit + random.normal(0, of_both, (seeds, documents))
        correct = random.binomial(gold, 1 / (1 + np.exp(-logit)))
        wrong = random.binomial(np.broadcast_to(gold, correct.shape), 0.12)
        every = np.broadcast_to(gold, correct.shape)
        tables.append(np.stack([correct, correct + wrong, every], axis=2))
    return tables[0], tables[1]


def two(seed: int, seeds: int, effect: float = 0.3) -> tuple[Ints, Ints]:
    """Two regimens on 60 documents, by a seed."""
    return made_up(np.random.default_rng(seed), seeds, 60, effect=effect)


def test_f1_by_hand() -> None:
    """F1 of a seed is over the sums of its documents; no entity at all scores 0."""
    counts = [[[1, 2, 2], [3, 4, 4]], [[0, 0, 2], [4, 4, 4]]]
    assert f1_per_seed(counts) == pytest.approx([200 * 4 / 12, 200 * 4 / 10])
    assert f1_per_seed([[[0, 0, 0]]]).tolist() == [0.0]


def test_summary_by_hand() -> None:
    """Mean and standard deviation are those of the seeds; the interval holds the mean."""
    counts, _ = two(1, 5)
    values = f1_per_seed(counts)
    found = summary(counts, seed=0)
    assert found.f1.value == pytest.approx(values.mean(), abs=1e-4)
    assert found.standard_deviation == pytest.approx(values.std(ddof=1), abs=1e-4)
    assert found.f1.low < found.f1.value < found.f1.high
    assert (found.seeds, found.documents, found.level, found.samples) == (5, 60, 0.95, 10_000)
    assert json.loads(json.dumps(found.to_json()))["seeds"] == 5


def test_equal_documents_leave_the_t_test_over_seeds() -> None:
    """Where every document is alike, p and the interval are those of the paired t test."""
    correct = np.array([[70, 72, 69, 75], [74, 73, 75, 76]])
    one, other = (
        np.repeat(np.stack([row, np.full(4, 90), np.full(4, 90)], axis=1)[:, None], 30, axis=1)
        for row in correct
    )
    found = paired(one, other, samples=40_000, seed=0)
    test = stats.ttest_rel(correct[1] / 0.9, correct[0] / 0.9)
    wanted = test.confidence_interval()
    assert found.degrees_of_freedom == pytest.approx(3, rel=0.05)
    assert found.p == pytest.approx(test.pvalue, rel=0.05)
    assert found.difference.low == pytest.approx(wanted.low, abs=0.1)
    assert found.difference.high == pytest.approx(wanted.high, abs=0.1)


def test_equal_seeds_leave_the_t_test_over_documents() -> None:
    """Where every seed is alike and documents weigh the same, p is that of their paired t test."""
    random = np.random.default_rng(4)
    correct = random.binomial(20, [[0.8], [0.85]], size=(2, 40))
    one, other = (
        np.repeat(np.stack([row, np.full(40, 20), np.full(40, 20)], axis=1)[None], 3, axis=0)
        for row in correct
    )
    found = paired(one, other, seed=0)
    test = stats.ttest_rel(correct[1], correct[0])
    assert found.degrees_of_freedom == pytest.approx(39, rel=0.05)
    assert found.p == pytest.approx(test.pvalue, rel=0.1)
    assert found.difference.low == pytest.approx(5 * test.confidence_interval().low, abs=0.1)


@pytest.mark.parametrize("kind", SPREAD)
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_no_difference_is_rarely_found(seeds: int, kind: str) -> None:
    """Regimens of one quality differ at the 5 per cent level in no more than about 5 of 100."""
    random = np.random.default_rng(seeds)
    p_values = [
        paired(*made_up(random, seeds, 50, SPREAD[kind]), samples=300, seed=i).p for i in range(250)
    ]
    found = sum(p is not None and p <= 0.05 for p in p_values)
    # Binomial: 20 or fewer of 250 in 98 of 100 runs, at 5 %. Noise alone is told more rarely.
    assert found <= 20
    if kind == "both":
        assert found >= 5


def test_interval_of_the_mean_covers_the_truth() -> None:
    """In about 95 of 100 studies, the interval holds the F1 of all seeds and documents."""
    random = np.random.default_rng(0)
    truth = f1_per_seed(made_up(random, 40, 20_000)[0]).mean()
    hits = 0
    for seed in range(250):
        found = summary(made_up(random, 4, 50)[0], samples=300, seed=seed).f1
        hits += found.low <= truth <= found.high
    assert 226 <= hits <= 249


def test_power_grows_with_the_effect_and_with_seeds() -> None:
    """Larger effects are found more often, and more seeds find one more often."""

    def power(effect: float, seeds: int) -> int:
        random = np.random.default_rng(1)
        tables = (made_up(random, seeds, 100, effect=effect) for _ in range(60))
        values = [paired(*pair, samples=300, seed=0).p for pair in tables]
        return sum(p is not None and p <= 0.05 for p in values)

    none, some, much = (power(effect, 4) for effect in (0.0, 0.3, 0.7))
    assert none < some < much
    assert power(0.3, 10) > some
    assert much > 50


@pytest.mark.parametrize("seeds", [1, 3, 8])
def test_turned_round(seeds: int) -> None:
    """The difference is the second less the first; turned round, all signs change and p stays."""
    one, other = two(5, seeds)
    found, turned = paired(one, other, seed=0), paired(other, one, seed=0)
    wanted = f1_per_seed(other) - f1_per_seed(one)
    assert found.per_seed == pytest.approx(wanted)
    assert found.difference.value == pytest.approx(wanted.mean(), abs=1e-4)
    assert turned.difference.value == -found.difference.value
    assert turned.difference.low == pytest.approx(-found.difference.high, abs=1e-3)
    assert (turned.p, turned.sign_flip_p) == (found.p, found.sign_flip_p)
    assert found.effect_size == (
        None if turned.effect_size is None else pytest.approx(-turned.effect_size)
    )


def test_order_of_documents_and_seeds_is_irrelevant() -> None:
    """Documents and seeds in another order change nothing but which draws were made."""
    one, other = two(6, 5)
    found = paired(one, other, samples=40_000, seed=0)
    random = np.random.default_rng(0)
    documents, seeds = random.permutation(60), random.permutation(5)
    moved = paired(one[seeds][:, documents], other[seeds][:, documents], samples=40_000, seed=0)
    assert moved.difference.value == found.difference.value
    assert moved.difference.low == pytest.approx(found.difference.low, abs=0.05)
    assert moved.p == pytest.approx(found.p, rel=0.2)


def test_p_and_interval_agree() -> None:
    """The interval leaves out 0 where p is below 1 - level, and only there."""
    for seed in range(40):
        found = paired(*two(seed, 3), samples=300, level=0.9, seed=0)
        assert found.p is not None
        inside = found.difference.low <= 0 <= found.difference.high
        assert inside == (found.p > 0.1)


def test_parts_are_those_of_the_seeds() -> None:
    """Effect size and exchanged signs are of the differences per seed."""
    found = paired(*two(7, 8), seed=0)
    assert found.effect_size == effect_size(found.per_seed)
    assert found.sign_flip_p == sign_flip(found.per_seed)
    assert paired(*two(7, 7), seed=0).sign_flip_p is None
    assert json.loads(json.dumps(found.to_json()))["p"] == found.p


def test_one_seed_tells_of_two_models_only() -> None:
    """With one seed there are an interval over documents, and neither p nor effect size."""
    found = paired(*two(8, 1), seed=0)
    assert (found.p, found.effect_size, found.sign_flip_p) == (None, None, None)
    assert found.difference.low < found.difference.value < found.difference.high
    alone = summary(two(8, 1)[0], seed=0)
    assert alone.standard_deviation is None
    assert alone.f1.low < alone.f1.value < alone.f1.high


def test_no_spread_at_all() -> None:
    """The same labels twice are no difference; the same better ones everywhere are a sure one."""
    one = np.tile(np.array([1, 2, 2]), (3, 5, 1))
    other = np.tile(np.array([2, 2, 2]), (3, 5, 1))
    same, sure = paired(one, one, samples=50, seed=0), paired(one, other, samples=50, seed=0)
    assert (same.p, same.difference.low, same.difference.high) == (1.0, 0.0, 0.0)
    assert (sure.p, sure.difference.low, sure.difference.high) == (0.0, 50.0, 50.0)
    assert summary(other, samples=50, seed=0).f1.high == 100.0


def test_intervals_stay_in_range_and_widen_with_the_level() -> None:
    """No F1 lies outside 0 to 100; a higher level is wider."""
    counts = np.array([[[9, 9, 10], [10, 10, 10]], [[2, 3, 10], [10, 10, 10]]])
    wide, narrow = (summary(counts, level=level, seed=0).f1 for level in (0.99, 0.5))
    assert (wide.low, wide.high) == (0.0, 100.0)
    assert wide.low < narrow.low


def test_draws_repeat_and_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same numbers, another one others, in chunks of any size."""
    tables = two(9, 3)
    found = [paired(*tables, samples=200, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    monkeypatch.setattr("nerdistill.metrics.regimens.CELLS", 700)
    assert paired(*tables, samples=200, seed=1).p == pytest.approx(found[0].p)


@pytest.mark.parametrize(
    ("counts", "names"),
    [
        ([[1, 2, 3]], "shape"),
        ([[[1, 2]]], "shape"),
        (np.zeros((0, 2, 3), dtype=int), "shape"),
        ([[[1.0, 2.0, 2.0]] * 2], "whole numbers"),
        ([[[-1, 2, 2]] * 2], "negative"),
        ([[[3, 2, 5]] * 2], "more entities are right"),
        ([[[1, 2, 2]] * 2, [[1, 2, 3]] * 2], "gold of a document"),
        ([[[1, 2, 2]]], "one document"),
    ],
)
def test_bad_counts_are_named(counts: list[list[list[int]]], names: str) -> None:
    """What is no table of counts is told by its name."""
    with pytest.raises(ValueError, match=names):
        summary(counts, seed=0)
    with pytest.raises(ValueError, match=names):
        paired(counts, counts, seed=0)


def test_what_does_not_pair_is_refused() -> None:
    """Other seeds, other documents and other gold cannot be paired."""
    one, other = two(10, 3)
    gold = other.copy()
    gold[..., 1:] += 1
    for wrong in (other[:2], other[:, :50], gold):
        with pytest.raises(ValueError, match="same seeds, documents and gold"):
            paired(one, wrong, seed=0)


@pytest.mark.parametrize("settings", [{"level": 1.0}, {"level": math.nan}, {"samples": 1}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    """A level outside (0, 1) and too few draws are errors."""
    one, other = two(11, 3)
    with pytest.raises(ValueError, match="level"):
        summary(one, seed=0, **settings)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="level"):
        paired(one, other, seed=0, **settings)  # type: ignore[arg-type]

"""Intervals and paired tests."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.metrics.statistics import CELLS, f1_interval, paired_permutation

Rows = list[tuple[int, int, int]]


def made_up(sentences: int, seed: int, right: float) -> Rows:
    """Counts of sentences with some entities, of which a share is right."""
    random = np.random.default_rng(seed)
    gold = np.random.default_rng(0).integers(0, 5, sentences)
    correct = random.binomial(gold, right)
    return list(zip(*(x.tolist() for x in (correct, gold + (gold > correct), gold)), strict=True))


def f1(rows: Rows) -> float:
    """Micro F1 in per cent, by its definition."""
    correct, predicted, gold = (sum(column) for column in zip(*rows, strict=True))
    return float(200 * correct / max(predicted + gold, 1))


@pytest.mark.parametrize("samples", [1, 999])
def test_point_values_and_order(samples: int) -> None:
    """Values are those of the sentences themselves; they lie inside their intervals."""
    found = f1_interval([(1, 2, 2), (1, 1, 1), (0, 1, 0)] * 30, samples=samples, seed=0)
    assert (found.precision.value, found.recall.value, found.f1.value) == (50.0, 66.6667, 57.1429)
    assert (found.sentences, found.level) == (90, 0.95)
    for one in (found.precision, found.recall, found.f1):
        assert 0 <= one.low <= one.high <= 100
        if samples > 1:
            assert one.low < one.value < one.high


def test_interval_is_that_of_a_plain_bootstrap() -> None:
    """Drawing groups of equal sentences gives what drawing sentences one by one does."""
    rows = np.array(made_up(300, 1, 0.8))
    random = np.random.default_rng(5)
    draws = [rows[random.integers(0, 300, 300)].sum(axis=0) for _ in range(4_000)]
    scores = [200 * c / (p + g) for c, p, g in draws]
    found = f1_interval(rows, samples=4_000, seed=3)
    assert found.f1.low == pytest.approx(np.quantile(scores, 0.025), abs=0.25)
    assert found.f1.high == pytest.approx(np.quantile(scores, 0.975), abs=0.25)


def test_interval_covers_the_truth() -> None:
    """In about 95 of 100 corpora, the interval holds the score that all of them are drawn from."""
    random = np.random.default_rng(2)
    hits = 0
    for seed in range(200):
        gold = np.full(200, 2)
        correct = random.binomial(gold, 0.7)
        found = f1_interval(np.stack([correct, gold, gold], axis=1), samples=500, seed=seed)
        hits += found.f1.low <= 70 <= found.f1.high
    assert 180 <= hits <= 199


def test_rows_may_stand_for_many_sentences() -> None:
    """A row with a number of times is that many rows."""
    long = [(1, 2, 2)] * 30 + [(0, 0, 1)] * 4 + [(1, 2, 2)] * 2
    short = f1_interval([(1, 2, 2), (0, 0, 1), (1, 2, 2)], times=[30, 4, 2], seed=0)
    assert short == f1_interval(long, seed=0)
    assert short.sentences == 36
    for wrong in ([1], [0, 0], [-1, 1]):
        with pytest.raises(ValueError, match="times"):
            f1_interval([(1, 1, 1)] * 2, times=wrong, seed=0)


def test_wider_with_level_and_narrower_with_sentences() -> None:
    """Intervals widen with the level and narrow with the number of sentences."""

    def width(sentences: int, level: float) -> float:
        found = f1_interval(made_up(sentences, 1, 0.8), level=level, samples=2_000, seed=0).f1
        return found.high - found.low

    assert width(100, 0.9) < width(100, 0.99)
    assert width(1_000, 0.95) < width(100, 0.95)


def test_seeds_repeat() -> None:
    """The same seed gives the same numbers, another one others."""
    rows, other = made_up(200, 1, 0.8), made_up(200, 2, 0.8)
    assert f1_interval(rows, samples=500, seed=1) == f1_interval(rows, samples=500, seed=1)
    assert f1_interval(rows, samples=500, seed=1) != f1_interval(rows, samples=500, seed=2)
    tests = [paired_permutation(rows, other, samples=500, seed=seed) for seed in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]


def test_chunks_bound_the_memory() -> None:
    """Where every sentence differs from every other, the draws come in several chunks."""
    rows = [(0, i % 300, i // 300) for i in range(5_000)]
    assert len(rows) * 1_000 > CELLS
    found = f1_interval(rows, samples=1_000, seed=0)
    assert (found.f1.low, found.f1.high, found.sentences) == (0.0, 0.0, 5_000)


def test_no_entity_at_all() -> None:
    """Sentences without entities score 0, as seqeval has it, and two such labellings are alike."""
    assert f1_interval([(0, 0, 0)] * 5, samples=10, seed=0).f1.high == 0.0
    assert paired_permutation([(0, 0, 0)] * 5, [(0, 0, 0)] * 5, samples=10, seed=0).p == 1.0


SMALL = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2), st.integers(0, 1)),
    min_size=1,
    max_size=7,
)


@given(SMALL)
def test_exact_test_counts_every_exchange(drawn: list[tuple[int, int, int, int]]) -> None:
    """With few sentences that differ, p is the share of all exchanges, enumerated one by one."""
    first = [(c, c + extra, 3) for c, extra, _, _ in drawn]
    second = [(c, c + extra, 3) for _, _, c, extra in drawn]
    observed = abs(f1(second) - f1(first))
    extreme = 0
    for swaps in itertools.product((False, True), repeat=len(drawn)):
        sides = [
            (b, a) if swap else (a, b) for a, b, swap in zip(first, second, swaps, strict=True)
        ]
        one, other = ([side[at] for side in sides] for at in (0, 1))
        extreme += abs(f1(other) - f1(one)) >= observed - 1e-9
    found = paired_permutation(first, second, samples=2_500, seed=0)
    assert found.exact
    assert found.p == pytest.approx(extreme / 2 ** len(drawn))
    assert found.differing == sum(a != b for a, b in zip(first, second, strict=True))


def test_drawn_test_is_near_the_exact_one() -> None:
    """The drawn p approaches the exact one."""
    first, second = [(1, 2, 2)] * 9 + [(2, 2, 2)] * 4, [(2, 2, 2)] * 9 + [(1, 2, 2)] * 4
    exact = paired_permutation(first, second, samples=10_000, seed=0)
    drawn = paired_permutation(first, second, samples=40, seed=0)
    assert (exact.exact, drawn.exact) == (True, False)
    assert exact.samples == 50
    assert drawn.p == pytest.approx(exact.p, abs=0.2)


def test_drawn_p_is_never_zero() -> None:
    """Where no draw is as extreme, p is one in the draws and the observation."""
    clear = paired_permutation([(0, 1, 1)] * 300, [(1, 1, 1)] * 300, samples=99, seed=0)
    assert (clear.p, clear.exact) == (0.01, False)


def test_direction_and_symmetry() -> None:
    """The difference is second less first; turned round, it changes its sign and p stays."""
    worse, better = made_up(400, 1, 0.7), made_up(400, 2, 0.85)
    found = paired_permutation(worse, better, seed=0)
    turned = paired_permutation(better, worse, seed=0)
    assert found.difference.value == pytest.approx(f1(better) - f1(worse), abs=1e-3)
    assert 0 < found.difference.low < found.difference.value < found.difference.high
    assert turned.difference.value == -found.difference.value
    assert found.p < 0.01
    assert turned.p < 0.01


def test_no_difference_is_rarely_found() -> None:
    """Labellings of one quality differ at the 5 per cent level in about 5 of 100 cases."""
    found = [
        paired_permutation(
            made_up(100, 2 * i, 0.8), made_up(100, 2 * i + 1, 0.8), samples=300, seed=i
        ).p
        for i in range(200)
    ]
    assert sum(p <= 0.05 for p in found) <= 20
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("wrong", [[], [(1, 2)], [1, 2, 3], [(-1, 2, 2)]])
def test_what_is_no_table_is_refused(wrong: Rows) -> None:
    """Nothing, other columns and negative counts are errors."""
    with pytest.raises(ValueError, match=r"shape|negative"):
        f1_interval(wrong, seed=0)


@pytest.mark.parametrize("settings", [{"level": 1.0}, {"level": 0.0}, {"samples": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    """A level outside (0, 1) and no draw at all are errors."""
    with pytest.raises(ValueError, match="level"):
        f1_interval([(1, 1, 1)], seed=0, **settings)  # type: ignore[arg-type]


def test_other_gold_is_refused() -> None:
    """Labellings of other sentences cannot be paired."""
    for other in ([(1, 1, 2)], [(1, 1, 1), (1, 1, 1)]):
        with pytest.raises(ValueError, match="same gold"):
            paired_permutation([(1, 1, 1)], other, seed=0)

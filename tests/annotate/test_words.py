"""What commands say in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nerdistill.annotate.calibrate import calibration
from nerdistill.annotate.plan import Plan
from nerdistill.annotate.words import calibration_lines, plan_lines, run_lines, verdict
from nerdistill.metrics.statistics import Interval, PairedTest
from tests.annotate.test_calibrate import FAILURE, labels, made_up, names

PLAN = Plan(
    model="gpt-x",
    sentences=1_000,
    requests=3_000,
    stored=400,
    repeated=100,
    to_ask=2_500,
    prompt_tokens=1_234_567,
    counted=2_600,
    longest=900,
    max_tokens=1_024,
    shared_prefix=2_100,
    prefix_share=77.8,
    reply_tokens=75_000,
    reply_basis="stored",
    replies_seen=400,
    local=False,
    cost=12.345,
    cost_cached=8.1,
    currency="EUR",
    prices_date="2031-02",
    batch=False,
    seconds=5_400.0,
)


def test_a_plan_in_words() -> None:
    """Every number of the plan, where it comes from, and how far to trust it."""
    assert list(plan_lines(PLAN)) == [
        "sentences: 1,000 · requests: 3,000 · from the store: 400 · repeated: 100 · to ask: 2,500",
        "prompts: 1,234,567 tokens (counted by the model's tokenizer)",
        "  the longest: 900, and up to 1,024 for its reply: the model's context must hold 1,924",
        "  identical at the start of all: 78 % of their bytes (2,100 of each)",
        "replies: about 75,000 tokens (the mean of 400 stored replies to this prompt)",
        (
            "cost: about 12.35 EUR, 8.10 where the server caches the identical start "
            "(list prices of 2031-02: check them)"
        ),
        "time: about 1.5 h at the given throughput",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"counted": 0}, "(estimated from their bytes)"),
        ({"counted": 500}, "(500 counted by the model's tokenizer, the rest by their ratio)"),
        ({"reply_basis": "given"}, "replies: about 75,000 tokens (as given)"),
        ({"reply_basis": "estimated"}, "estimated from the sentences"),
        ({"cost": None}, "cost: unknown: the price table has no 'gpt-x'"),
        ({"cost_cached": 12.345}, "cost: about 12.35 EUR (list"),
        ({"batch": True}, "cost: about 12.35 EUR as a batch"),
        ({"local": True, "cost": 0.0}, "cost: none: the model is your own"),
        ({"local": True, "cost": 3.0, "currency": ""}, "cost: 3.00 of GPU hours"),
        ({"local": True, "cost": 3.0}, "cost: 3.00 EUR of GPU hours"),
        ({"local": True, "cost": None}, "cost: unknown: GPU hours need a throughput"),
        ({"seconds": None}, "time: unknown without a throughput"),
        ({"seconds": 42.0}, "time: about 42 s"),
        ({"seconds": 600.0}, "time: about 10 min"),
    ],
)
def test_plans_tell_what_they_rest_on(changes: dict[str, object], line: str) -> None:
    """An estimate says that it is one, and an unknown is never a 0."""
    assert line in "\n".join(plan_lines(replace(PLAN, **changes)))  # type: ignore[arg-type]


def test_a_plan_that_asks_nothing() -> None:
    """Where every reply is stored, there is nothing to reckon."""
    lines = list(plan_lines(replace(PLAN, to_ask=0)))
    assert lines[1:] == ["nothing to ask: every reply is in the store"]


def outcome(value: float, low: float, high: float, p: float, differing: int = 9) -> PairedTest:
    """A test on 812 sentences."""
    return PairedTest(Interval(value, low, high), p, False, 10_000, 0.95, 812, differing)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (
            outcome(1.94, 0.4, 3.4, 0.0123),
            "B is better by 1.9 points (95 % interval 0.4 to 3.4, p = 0.012) on 812 sentences",
        ),
        (
            outcome(-1.94, -3.4, -0.4, 0.0001),
            "A is better by 1.9 points (95 % interval 0.4 to 3.4, p < 0.001) on 812 sentences",
        ),
        (
            outcome(0.3, -0.52, 1.1, 0.42),
            (
                "B scores higher than A by 0.3 points (95 % interval −0.5 to 1.1, p = 0.42) on 812 "  # noqa: RUF001 - a minus sign
                "sentences: that may be chance"
            ),
        ),
        (
            outcome(-0.3, -1.1, 0.04, 0.42),
            (
                "A scores higher than B by 0.3 points (95 % interval 0.0 to 1.1, p = 0.42) on 812 "
                "sentences: that may be chance"
            ),
        ),
        (outcome(0, 0, 0, 1, differing=0), "A and B are right and wrong alike on 812 sentences"),
    ],
)
def test_which_is_better(test: PairedTest, words: str) -> None:
    """The better one by name, the interval on its side, and doubt where there is some."""
    assert verdict(test) == words


def test_a_calibration_in_words() -> None:
    """F1 with its interval, the failures, and whether the bar is met and how surely."""
    corpus = made_up(30, 10)
    made = labels(corpus, 15)
    found = calibration(made[:38], corpus, [(name, FAILURE) for name in names(corpus)[38:]])
    assert found.audit.intervals
    f1 = found.audit.intervals.overall.f1
    told = list(calibration_lines(found, 65))
    assert told == [
        "failed, and not scored: 2 (timeout: 2)",
        (
            f"F1 66.7 (95 % interval {f1.low:.1f} to {f1.high:.1f}) on 38 sentences; of the 40 "
            "that were asked, 30 have entities"
        ),
        "not below the F1 of 65 that --min-f1 asks for",
        "  the bar lies inside the interval: a larger --calibrate makes it surer",
    ]
    assert list(calibration_lines(found, 99))[2:] == ["below the F1 of 99 that --min-f1 asks for"]
    assert list(calibration_lines(found)) == told[:2]


def test_a_calibration_without_labels() -> None:
    """Where every sentence failed there is no F1, and the bar is not met."""
    corpus = made_up(1, 1)
    found = calibration([], corpus, [(name, FAILURE) for name in names(corpus)])
    assert list(calibration_lines(found, 10))[1:] == [
        "no sentence got labels: there is no F1",
        "below the F1 of 10 that --min-f1 asks for",
    ]


def test_a_run_tells_how_sentences_failed() -> None:
    """Failures by kind, and the gold entities that nobody scored."""
    corpus = made_up(3, 1)
    found = calibration(labels(corpus, 4)[:2], corpus, [(n, FAILURE) for n in names(corpus)[2:]])
    keys = ("sentences", "asked", "stored", "repeated", "conflicts", "out", "failures", "store")
    told: dict[str, object] = dict.fromkeys(keys, 0)
    lines = list(run_lines({**told, "simulated": False, "audit": found.audit.to_json()}))
    assert lines[1] == "failed: timeout: 2 · their gold entities, not scored: 1"

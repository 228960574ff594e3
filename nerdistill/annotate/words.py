"""What `nerdistill annotate` says in words: of a run, a plan, a calibration, a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.annotate.calibrate import Calibration
    from nerdistill.annotate.compare import Comparison
    from nerdistill.annotate.plan import Plan
    from nerdistill.metrics.statistics import PairedTest

SIMULATED = "SIMULATED: no language model was asked"
SURE = 0.05
"""A difference with a larger p may be chance."""
_MINUTE, _HOUR = 60, 3600

Json = dict[str, object]


def run_lines(told: Json) -> Iterator[str]:
    """What a run did, in words."""
    audit = cast("Json", told["audit"])
    outcomes = cast("dict[str, int]", audit["outcomes"])
    if told["simulated"]:
        yield SIMULATED
    yield (
        f"sentences: {told['sentences']} · failed: {audit['failed']} · asked: {told['asked']} · "
        f"from the store: {told['stored']} · repeated: {told['repeated']}"
    )
    if kinds := cast("dict[str, int]", audit["failures"]):
        lost = f" · their gold entities, not scored: {audit['lost']}" if audit["lost"] else ""
        yield f"failed: {_counted(kinds)}{lost}"
    yield f"mentions: {sum(outcomes.values())} · {_counted(outcomes)}"
    if told["conflicts"]:
        yield f"replies to a text that has another already: {told['conflicts']} (the first stands)"
    yield f"labels: {told['out']}"
    yield f"failures: {told['failures']}"
    yield f"raw replies: {told['store']}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """What a run would ask and cost, in words."""
    yield (
        f"sentences: {plan.sentences:,} · requests: {plan.requests:,} · "
        f"from the store: {plan.stored:,} · repeated: {plan.repeated:,} · to ask: {plan.to_ask:,}"
    )
    if not plan.to_ask:
        yield "nothing to ask: every reply is in the store"
        return
    yield f"prompts: {plan.prompt_tokens:,} tokens ({_counting(plan)})"
    yield (
        f"  the longest: {plan.longest:,}, and up to {plan.max_tokens:,} for its reply: the "
        f"model's context must hold {plan.longest + plan.max_tokens:,}"
    )
    yield (
        f"  identical at the start of all: {plan.prefix_share:.0f} % of their bytes "
        f"({plan.shared_prefix:,} of each)"
    )
    yield f"replies: about {plan.reply_tokens:,} tokens ({_expectation(plan)})"
    yield f"cost: {_cost(plan)}"
    if plan.seconds is None:
        yield "time: unknown without a throughput"
    else:
        yield f"time: about {duration(plan.seconds)} at the given throughput"


def calibration_lines(found: Calibration, min_f1: float | None = None) -> Iterator[str]:
    """How a teacher did, and whether the run may go on."""
    audit = found.audit
    if audit.failed:
        yield f"failed, and not scored: {audit.failed} ({_counted(audit.failures)})"
    f1 = audit.intervals.overall.f1 if audit.intervals else None
    if f1 is None:
        yield "no sentence got labels: there is no F1"
    else:
        yield (
            f"F1 {f1.value:.1f} (95 % interval {f1.low:.1f} to {f1.high:.1f}) on "
            f"{audit.scored} sentences; of the {found.sentences} that were asked, {found.bearing} "
            "have entities"
        )
    if min_f1 is None:
        return
    if found.below(min_f1):
        yield f"below the F1 of {min_f1:g} that --min-f1 asks for"
    else:
        yield f"not below the F1 of {min_f1:g} that --min-f1 asks for"
    if f1 and f1.low < min_f1 < f1.high:
        yield "  the bar lies inside the interval: a larger --calibrate makes it surer"


def comparison_lines(found: Comparison, simulated: Sequence[str]) -> Iterator[str]:
    """How far two teachers agree, and which is better; `simulated` are those files that are."""
    if simulated:
        yield f"{SIMULATED} for {' and '.join(simulated)}"
    yield f"sentences that both have labelled: {found.sentences}"
    yield f"  only in A: {found.only_first} · only in B: {found.only_second}"
    yield f"  with identical entities: {found.identical:.1f} %"
    yield f"agreement (F1 of one against the other): {found.agreement:.1f}"
    if found.test is not None:
        yield verdict(found.test)


def verdict(test: PairedTest, first: str = "A", second: str = "B") -> str:
    """Which of two is better, by how much and how surely."""
    around, on = test.difference, f"on {test.sentences:,} sentences"
    if not test.differing:
        return f"{first} and {second} are right and wrong alike {on}"
    turned = around.value < 0
    better, worse = (first, second) if turned else (second, first)
    low, high = (-around.high, -around.low) if turned else (around.low, around.high)
    p = f"p = {test.p:.2g}" if test.p >= 0.001 else "p < 0.001"  # noqa: PLR2004 - as papers do
    sure = f"(95 % interval {_points(low)} to {_points(high)}, {p}) {on}"
    by = f"{_points(abs(around.value))} points {sure}"
    if test.p <= SURE:
        return f"{better} is better by {by}"
    return f"{better} scores higher than {worse} by {by}: that may be chance"


def _points(value: float) -> str:
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def _counted(numbers: dict[str, int]) -> str:
    return " · ".join(f"{name.replace('_', ' ')}: {n}" for name, n in numbers.items())


def _counting(plan: Plan) -> str:
    if not plan.counted:
        return "estimated from their bytes"
    if plan.counted < plan.requests - plan.stored:
        return f"{plan.counted:,} counted by the model's tokenizer, the rest by their ratio"
    return "counted by the model's tokenizer"


def _expectation(plan: Plan) -> str:
    if plan.reply_basis == "stored":
        return f"the mean of {plan.replies_seen:,} stored replies to this prompt"
    if plan.reply_basis == "given":
        return "as given"
    return "estimated from the sentences; prompts that ask for reasons need several times more"


def _cost(plan: Plan) -> str:
    if plan.cost is None:
        if plan.local:
            return "unknown: GPU hours need a throughput"
        return f"unknown: the price table has no {plan.model!r}; name a table that has it"
    if plan.local:
        amount = f"{plan.cost:,.2f} {plan.currency}".strip()
        own = "none: the model is your own, and GPU hours were given no price"
        return f"{amount} of GPU hours" if plan.cost else own
    batch = " as a batch" if plan.batch else ""
    cached = ""
    if plan.cost_cached is not None and plan.cost_cached < plan.cost:
        cached = f", {plan.cost_cached:,.2f} where the server caches the identical start"
    return (
        f"about {plan.cost:,.2f} {plan.currency}{batch}{cached} "
        f"(list prices of {plan.prices_date}: check them)"
    )


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as one says it."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:,.1f} h"

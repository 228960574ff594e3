"""What a run would ask and cost."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate import survey
from nerdistill.annotate.plan import Plan, Terms, plan_run
from nerdistill.annotate.prices import Prices
from nerdistill.annotate.prompt import build_requests, load_prompt
from nerdistill.annotate.protocol import Reply, Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.tokens import ESTIMATE, TokenCounter
from nerdistill.types import Sentence
from tests.annotate.samples import ADA, CONLL, RAIN, TWICE, requests_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nerdistill.annotate.protocol import Request

PRICES = Prices.model_validate(
    {
        "currency": "EUR",
        "date": "2031-02",
        "batch": 0.5,
        "cache_from": 100,
        "models": {"m": {"prompt": 2.0, "cached": 1.0, "reply": 10.0}},
    }
)


def plan(requests: Sequence[Request], terms: Terms | None = None, **settings: object) -> Plan:
    """The plan of some requests to the model `m`."""
    return plan_run(iter(requests), model="m", terms=terms or Terms(), **settings)  # type: ignore[arg-type]


def test_new_stored_and_repeated(tmp_path: Path) -> None:
    """Each request is in one place: in the store, identical to an earlier one, or to be asked."""
    again = replace(RAIN, id="z")
    requests = requests_for(ADA, RAIN, TWICE, again, replace(ADA, id="y"))
    with ReplyStore(tmp_path / "s.sqlite") as store:
        store.add(Reply(requests[0].key, "{}", "stop"))
        found = plan(requests, store=store)
    assert (found.sentences, found.requests) == (5, 5)
    assert (found.stored, found.repeated, found.to_ask) == (2, 1, 2)
    assert found.prompt_tokens == sum(ESTIMATE.count([requests[1], requests[2]]))


def test_a_run_that_asks_nothing(tmp_path: Path) -> None:
    """Everything stored, or no sentence at all: nothing to ask and nothing to pay."""
    requests = requests_for(ADA)
    with ReplyStore(tmp_path / "s.sqlite") as store:
        store.add(Reply(requests[0].key, "{}", "stop"))
        terms = Terms(PRICES, requests_per_second=5)
        for found in (plan(requests, terms, store=store), plan([], terms)):
            assert (found.to_ask, found.prompt_tokens, found.reply_tokens) == (0, 0, 0)
            assert (found.cost, found.cost_cached, found.seconds) == (0.0, 0.0, 0.0)
            assert (found.prefix_share, found.longest) == (0.0, 0)


def test_votes_are_requests_of_one_sentence() -> None:
    """Several samples of a sentence are several requests, none of them repeated."""
    requests = list(
        build_requests(
            [ADA, RAIN],
            prompt=load_prompt("standard"),
            schema=CONLL,
            model="m",
            sampling=Sampling(temperature=1),
            samples=3,
        )
    )
    found = plan(requests)
    assert (found.sentences, found.requests, found.to_ask, found.repeated) == (2, 6, 6, 0)


def test_identical_start_of_the_prompts() -> None:
    """The system message is shared to the byte, and then what the sentences begin with alike."""
    requests = requests_for(ADA, RAIN, TWICE)
    system = requests[0].messages[0].content
    texts = ["".join(f"{m.role}\n{m.content}\n" for m in one.messages) for one in requests]
    found = plan(requests)
    assert found.shared_prefix == len(f"system\n{system}\nuser\n".encode())
    total = sum(len(text.encode()) for text in texts)
    assert found.prefix_share == pytest.approx(100 * found.shared_prefix * 3 / total, abs=0.01)
    assert plan(requests[:1]).prefix_share == 0.0


def test_replies_of_this_prompt_beat_the_estimate(tmp_path: Path) -> None:
    """Where the store has replies to this prompt, their mean is expected; a user knows best."""
    requests = requests_for(ADA, RAIN, TWICE)
    guessed = plan(requests)
    assert (guessed.reply_basis, guessed.replies_seen) == ("estimated", 0)
    by_hand = sum(7 + 0.115 * len(one.text) for one in (ADA, RAIN, TWICE))
    assert guessed.reply_tokens == round(by_hand)
    with ReplyStore(tmp_path / "s.sqlite") as store:
        store.add(Reply(requests[0].key, "{}", "stop", tokens_in=5, tokens_out=40))
        store.add(Reply(requests[1].key, "x" * 80, "stop"))
        found = plan(requests, store=store)
        assert (found.reply_basis, found.replies_seen, found.reply_tokens) == ("stored", 2, 30)
        given = plan(requests, Terms(reply_tokens=500), store=store)
    assert (given.reply_basis, given.reply_tokens) == ("given", 500)


def test_no_reply_is_expected_longer_than_it_may_be() -> None:
    """A page of text does not make the reply longer than its limit."""
    (request,) = requests_for(Sentence("x", ("word",) * 5_000))
    assert plan([request]).reply_tokens == plan([request]).max_tokens == 1024


def test_cost_with_and_without_the_cache() -> None:
    """The identical start of all prompts but the first is at the cached price; a batch has none."""
    requests = requests_for(ADA, RAIN, TWICE)
    found = plan(requests, Terms(PRICES, reply_tokens=10))
    full = (found.prompt_tokens * 2 + 30 * 10) / 1e6
    assert found.cost == pytest.approx(full)
    start = found.prompt_tokens * found.prefix_share / 100 / 3
    assert found.cost_cached == pytest.approx(full - 2 * start / 1e6, rel=1e-3)
    assert (found.currency, found.prices_date, found.local) == ("EUR", "2031-02", False)
    batch = plan(requests, Terms(PRICES, batch=True, reply_tokens=10))
    assert batch.cost == batch.cost_cached == pytest.approx(full / 2)


def test_short_starts_are_not_cached() -> None:
    """Below the size from which the server caches, both costs are one."""
    requests = requests_for(ADA, RAIN, prompt="bare")
    found = plan(requests, Terms(PRICES))
    assert found.prefix_share > 50
    assert found.cost == found.cost_cached


def test_unknown_price_is_none() -> None:
    """A model that the table does not know has no cost, which is not 0."""
    found = plan_run(requests_for(ADA), model="other", terms=Terms(PRICES))
    assert (found.cost, found.cost_cached, found.local) == (None, None, False)


@pytest.mark.parametrize(
    ("terms", "seconds", "cost"),
    [
        (Terms(), None, 0.0),
        (Terms(requests_per_second=0.5), 6.0, 0.0),
        (Terms(reply_tokens=12, tokens_per_second=9), 4.0, 0.0),
        (Terms(reply_tokens=12, tokens_per_second=9, requests_per_second=0.5), 6.0, 0.0),
        (Terms(gpu_hour=60.0), None, None),
        (Terms(gpu_hour=60.0, gpus=2, requests_per_second=0.5), 6.0, 0.2),
    ],
)
def test_time_and_cost_of_ones_own_server(
    terms: Terms, seconds: float | None, cost: float | None
) -> None:
    """A local model costs GPU hours where they have a price, and its time needs a throughput."""
    found = plan(requests_for(ADA, RAIN, TWICE), terms)
    assert found.local
    assert found.seconds == (None if seconds is None else pytest.approx(seconds))
    assert found.cost == (None if cost is None else pytest.approx(cost))


def test_tokenizer_counts_the_first_and_its_ratio_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A million prompts need no million calls of the tokenizer; how many it counted is told."""
    monkeypatch.setattr(survey, "COUNTED", 4)
    monkeypatch.setattr(survey, "CHUNK", 4)
    requests = requests_for(*(Sentence(str(i), ("word", f"{i:04}")) for i in range(20)))
    seen: list[int] = []

    def count(chunk: Sequence[Request]) -> list[int]:
        seen.append(len(chunk))
        return [7] * len(chunk)

    found = plan(requests, counter=TokenCounter(exact=True, count=count))
    assert seen == [4]
    assert (found.counted, found.prompt_tokens, found.longest) == (4, 140, 7)


def test_plain_data() -> None:
    """A plan is plain data under the names of its attributes."""
    told = plan(requests_for(ADA)).to_json()
    assert (told["to_ask"], told["cost"], told["reply_basis"]) == (1, 0.0, "estimated")


def test_requests_stream() -> None:
    """Five thousand requests are never held at once."""
    (request,) = requests_for(ADA)

    def many() -> Iterator[Request]:
        for sample in range(5_000):
            yield replace(request, sample=sample)

    tracemalloc.start()
    try:
        found = plan_run(many(), model="m", terms=Terms())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.to_ask == 5_000
    assert peak < 5_000 * 400

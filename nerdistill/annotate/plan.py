"""What an annotation run would ask, and what it would cost, before anything is asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from nerdistill.annotate.prices import gpu_cost
from nerdistill.annotate.survey import Survey
from nerdistill.annotate.tokens import ESTIMATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.annotate.prices import Prices
    from nerdistill.annotate.protocol import Request
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.tokens import TokenCounter

ReplyBasis = Literal["stored", "estimated", "given"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would ask.

    Attributes:
        model: its name.
        sentences: that the requests are about.
        requests: in all.
        stored: of those, answered by the store already.
        repeated: of those, identical to an earlier one that is to be asked.
        to_ask: the rest.
        prompt_tokens: of the requests to ask.
        counted: how many prompts the model's tokenizer counted; 0 where all is estimated.
        longest: tokens of the longest prompt.
        max_tokens: what a reply may have at most.
        shared_prefix: bytes at the start of every prompt that are identical in all.
        prefix_share: of all bytes to ask, those, in per cent.
        reply_tokens: expected of all replies together.
        reply_basis: from `stored` replies to this prompt, `estimated`, or `given` by the user.
        replies_seen: how many stored replies that rests on.
        local: whether the model runs on a machine of the user's own.
        cost: with nothing cached; None where no price is known.
        cost_cached: with the identical start cached wherever the price table says it is.
        currency: of both; "" where there is no price table.
        prices_date: when these were the prices.
        batch: whether the price is that of a batch.
        seconds: at the given throughput; None where none was given.
    """

    model: str
    sentences: int
    requests: int
    stored: int
    repeated: int
    to_ask: int
    prompt_tokens: int
    counted: int
    longest: int
    max_tokens: int
    shared_prefix: int
    prefix_share: float
    reply_tokens: int
    reply_basis: ReplyBasis
    replies_seen: int
    local: bool
    cost: float | None
    cost_cached: float | None
    currency: str
    prices_date: str
    batch: bool
    seconds: float | None

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is reckoned with.

    Attributes:
        prices: of the model's tokens; None for a model on a machine of the user's own.
        batch: whether requests go out as a batch.
        requests_per_second: that the server answers.
        tokens_per_second: of replies, that the server writes in all.
        reply_tokens: of one reply, where the user knows better than the estimate.
        gpu_hour: what one GPU costs an hour, where that is known.
        gpus: that the model runs on.
        currency: of `gpu_hour`.
    """

    prices: Prices | None = None
    batch: bool = False
    requests_per_second: float | None = None
    tokens_per_second: float | None = None
    reply_tokens: float | None = None
    gpu_hour: float | None = None
    gpus: int = 1
    currency: str = ""


def plan_run(
    requests: Iterable[Request],
    *,
    model: str,
    terms: Terms,
    store: ReplyStore | None = None,
    counter: TokenCounter = ESTIMATE,
) -> Plan:
    """Count what a run would ask, and reckon tokens, cost and time.

    The requests are streamed: some 30 bytes are kept of each.

    Args:
        requests: all that the run needs, in order.
        model: its name, as the price table knows it.
        terms: prices and speed.
        store: where replies are kept already, if there is one.
        counter: of the prompts' tokens.

    Raises:
        StoreError: the reply store cannot be used.
        ConfigError: the model's chat template refuses the prompt.
    """
    survey = Survey(counter)
    survey.look(requests, store)
    return _plan(survey, model, terms)


def _plan(survey: Survey, model: str, terms: Terms) -> Plan:
    new = survey.new()
    basis, each = _reply_size(survey, terms)
    reply_tokens = round(new.reply_tokens if each is None else each * new.requests)
    seconds = _seconds(terms, new.requests, reply_tokens)
    share = new.prefix * new.requests / max(new.size, 1)
    amounts = (new.prompt_tokens, share, reply_tokens)
    cost, cached = _costs(terms, model, new.requests, amounts, seconds)
    return Plan(
        model=model,
        sentences=survey.sentences,
        requests=survey.requests,
        stored=survey.stored,
        repeated=survey.requests - survey.stored - new.requests,
        to_ask=new.requests,
        prompt_tokens=new.prompt_tokens,
        counted=survey.counted,
        longest=new.longest,
        max_tokens=survey.max_tokens,
        shared_prefix=new.prefix,
        prefix_share=round(100 * share, 2),
        reply_tokens=reply_tokens,
        reply_basis=basis,
        replies_seen=survey.stored if basis == "stored" else 0,
        local=terms.prices is None,
        cost=cost,
        cost_cached=cached,
        currency=terms.prices.currency if terms.prices else terms.currency,
        prices_date=terms.prices.date if terms.prices else "",
        batch=terms.batch,
        seconds=seconds,
    )


def _reply_size(survey: Survey, terms: Terms) -> tuple[ReplyBasis, float | None]:
    """What one reply is expected to have; None where each has its own estimate."""
    if terms.reply_tokens is not None:
        return "given", terms.reply_tokens
    if survey.stored:
        return "stored", survey.seen_tokens / survey.stored
    return "estimated", None


def _seconds(terms: Terms, to_ask: int, reply_tokens: int) -> float | None:
    """The time at the given throughput: the longer one where both kinds are given."""
    pairs = ((to_ask, terms.requests_per_second), (reply_tokens, terms.tokens_per_second))
    return max((amount / rate for amount, rate in pairs if rate), default=None)


def _costs(
    terms: Terms,
    model: str,
    to_ask: int,
    amounts: tuple[int, float, int],
    seconds: float | None,
) -> tuple[float | None, float | None]:
    """With nothing cached, and with the identical start cached from the second request on."""
    prompt, share, reply = amounts
    if terms.prices is None:
        if terms.gpu_hour is None:
            return 0.0, 0.0
        own = None if seconds is None else gpu_cost(seconds, terms.gpu_hour, terms.gpus)
        return own, own
    start = prompt * share / max(to_ask, 1)
    cached = start * (to_ask - 1) if start >= terms.prices.cache_from else 0.0
    dear, cheap = (
        terms.prices.cost(model, prompt, part, reply, batch=terms.batch) for part in (0, cached)
    )
    return dear, cheap

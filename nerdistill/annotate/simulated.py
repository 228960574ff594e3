"""The simulated annotator: gold labels, corrupted as a measured teacher errs.

It is for planning a study before any GPU time is spent. It writes raw replies, broken ones too, so
that they pass through the same parser, aligner and ledger as a language model's. Its errors are
drawn independently of each other, while a real teacher repeats its own, which hurt a student more.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from nerdistill.annotate.protocol import Failure, Reply, Request
from nerdistill.digest import Digest, digest_of
from nerdistill.errors import ConfigError
from nerdistill.types import Sentence, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nerdistill.annotate.error_model import ErrorModel, Spurious, TypeErrors
    from nerdistill.labels import LabelSchema

PROSE = "I looked at the sentence but cannot say with certainty which names it holds."
CUT_OFF = 0.5
"""Share of the malformed replies that end too early; the others are prose."""


class SimulatedAnnotator:
    """Corrupts the gold entities that a request's sentence carries.

    A reply depends on seed, error model, request and gold, never on what was asked before.
    """

    def __init__(self, schema: LabelSchema, error_model: ErrorModel, seed: int) -> None:
        self._schema, self._model, self._seed = schema, error_model, seed
        self._errors = digest_of({"seed": seed, "model": error_model.model_dump()})

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """A reply to each request, in order.

        Raises:
            ConfigError: a sentence has no gold labels.
        """
        for request in requests:
            (sentence,) = request.sentences
            draw = Random(f"{self._seed} {request.key}")  # noqa: S311 - errors, not secrets
            spans = corrupt(sentence, gold_of(sentence), self._model, self._schema, draw)
            text = write_reply(sentence, spans)
            if draw.random() >= self._model.malformed:
                yield Reply(request.key, text, "stop")
            elif draw.random() < CUT_OFF:
                yield Reply(request.key, text[: draw.randrange(1, len(text))], "length")
            else:
                yield Reply(request.key, PROSE, "stop")

    def basis(self, request: Request) -> Digest:
        """The digest of what a reply depends on beside its request."""
        gold = [gold_of(sentence) for sentence in request.sentences]
        return digest_of({"errors": self._errors, "gold": gold})


def write_reply(sentence: Sentence, spans: Iterable[Span]) -> str:
    """The JSON that a language model would write: entities in order, verbatim."""
    entities = [{"label": span.label, "text": sentence.surface(span)} for span in spans]
    return json.dumps({"entities": entities}, ensure_ascii=False)


def gold_of(sentence: Sentence) -> tuple[Span, ...]:
    """A sentence's gold entities.

    Raises:
        ConfigError: nobody has labelled it.
    """
    if sentence.spans is None:
        raise ConfigError(
            f"sentence {sentence.id} has no gold labels, which the simulated annotator corrupts",
            "Name a file that holds them for every sentence with --gold, or label a labelled file.",
        )
    return sentence.spans


def corrupt(
    sentence: Sentence,
    gold: Sequence[Span],
    model: ErrorModel,
    schema: LabelSchema,
    draw: Random,
) -> list[Span]:
    """Gold entities with a teacher's errors, in order and not overlapping."""
    length = len(sentence.tokens)
    found: list[Span] = []
    for position, span in enumerate(gold):
        # An edge may move as far as the entities beside this one, as they were found or are.
        left = max((other.end for other in (*gold[:position], *found)), default=0)
        right = gold[position + 1].start if position + 1 < len(gold) else length
        seen = _seen(span, (left, right), model, schema, draw)
        if seen is not None:
            found.append(seen)
    taken = {word for span in (*gold, *found) for word in range(span.start, span.end)}
    return sorted([*found, *_invented(sentence, taken, model, schema, draw)])


def _seen(
    span: Span, limits: tuple[int, int], model: ErrorModel, schema: LabelSchema, draw: Random
) -> Span | None:
    """What the teacher makes of one gold entity."""
    errors = model.of(span.label)
    weights = [errors.missed, errors.boundary, errors.confused, errors.confused_boundary]
    weights.append(max(0.0, 1 - sum(weights)))
    kind = draw.choices(("missed", "boundary", "confused", "both", "exact"), weights)[0]
    if kind == "missed":
        return None
    start, end, label = span.start, span.end, span.label
    if kind in {"boundary", "both"}:
        start, end = _moved(span, limits, model, draw)
    if kind in {"confused", "both"}:
        label = _confused(label, errors, schema, draw)
    return Span(start, end, label)


def _moved(span: Span, limits: tuple[int, int], model: ErrorModel, draw: Random) -> tuple[int, int]:
    """Other edges for an entity; its own where no known error fits."""
    left, right = limits
    fitting = [
        (span.start + shift.start, span.end + shift.end, shift.weight)
        for shift in model.shifts
        if left <= span.start + shift.start < span.end + shift.end <= right
    ]
    if not fitting:
        return span.start, span.end
    start, end, _ = draw.choices(fitting, [weight for *_, weight in fitting])[0]
    return start, end


def _confused(label: str, errors: TypeErrors, schema: LabelSchema, draw: Random) -> str:
    """Another type: as measured, or any other of the schema where those are not in it."""
    others = [name for name in schema.names if name != label]
    weights = [errors.confused_with.get(name, 0.0) for name in others]
    if not others:
        return label
    return draw.choices(others, weights if any(weights) else None)[0]


def _invented(
    sentence: Sentence, taken: set[int], model: ErrorModel, schema: LabelSchema, draw: Random
) -> list[Span]:
    """Entities where there are none, on words that no other entity has."""
    invented: list[Span] = []
    lengths = range(1, len(model.spurious_lengths) + 1)
    free_from = 0
    for start, word in enumerate(sentence.tokens):
        if start in taken or start < free_from:
            continue
        rates = [_rate(model.of(name).spurious, word) for name in schema.names]
        label = draw.choices((*schema.names, None), (*rates, max(0.0, 1 - sum(rates))))[0]
        if label is None:
            continue
        wanted = start + draw.choices(lengths, model.spurious_lengths)[0]
        end = start + 1
        while end < min(wanted, len(sentence.tokens)) and end not in taken:
            end += 1
        invented.append(Span(start, end, label))
        free_from = end
    return invented


def _rate(rates: Spurious, word: str) -> float:
    first = word[0]
    if first.isdigit():
        return rates.digit
    if not first.isalpha():
        return 0.0
    return rates.upper if first.isupper() else rates.lower

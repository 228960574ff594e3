"""The second pass: the language model judges each entity that the first pass found.

Self-verification as in Wang et al., "GPT-NER: Named Entity Recognition via Large Language Models",
2023, arXiv 2304.10428, with all candidates of a sentence in one request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nerdistill.annotate.packing import quote
from nerdistill.annotate.parse import ParseError, answer_in
from nerdistill.annotate.parse.brackets import scan
from nerdistill.annotate.prompt import build_requests
from nerdistill.annotate.protocol import Failure
from nerdistill.annotate.read import Reading
from nerdistill.annotate.shape import write_shape
from nerdistill.errors import LabelError
from nerdistill.types import Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.annotate.prompt import Prompt, Structured
    from nerdistill.annotate.protocol import Reply, Request, Sampling
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Issue, Outcome, Span

YES, NO = "yes", "no"
WORDS_BEFORE = 3
"""Words that tell one of several places with the same text."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A reading after the second pass.

    Attributes:
        reading: what is left of it.
        unjudged: its entities without a verdict that can be used; they are kept as they were.
    """

    reading: Reading
    unjudged: int


def verification_request(
    sentence: Sentence,
    reading: Reading,
    *,
    schema: LabelSchema,
    prompt: Prompt,
    model: str,
    sampling: Sampling,
    structured: Structured = "schema",
) -> Request | None:
    """The request that asks for a verdict on each entity; None where there is none.

    The fixed part comes first. Sentence and candidates come last, as JSON, and are in the key.

    Args:
        sentence: what the reading is about.
        reading: the result of the first pass, or of a vote.
        schema: the entity types.
        prompt: a template like any other, whose `sentence.text` is that JSON; `verify` is one.
        model: the model's name, as the backend knows it.
        sampling: how the verdict is drawn.
        structured: what the server is asked to hold the reply to.

    Raises:
        ConfigError: the template uses a name that it is not given.
        LabelError: a type is named yes or no, so that a verdict would have two meanings.
    """
    for word in (YES, NO):
        if schema.resolve(word):
            raise LabelError(
                f"label schema {schema.name}: the type {schema.resolve(word)} goes by “{word}”",
                "A verdict says yes, no or a type: rename the type to verify entities.",
            )
    if not reading.spans:
        return None
    question = _question(sentence, reading)
    (request,) = build_requests(
        [Sentence(sentence.id, (question,))],
        prompt=prompt,
        schema=schema,
        model=model,
        sampling=sampling,
        structured=structured,
    )
    shape = verdict_schema(schema) if structured == "schema" else request.schema
    return replace(request, schema=shape, sentences=(sentence,))


def verdict_schema(schema: LabelSchema) -> str:
    """The JSON schema of a verdict reply; the same for every request."""
    verdict = {
        "additionalProperties": False,
        "properties": {
            "number": {"type": "integer"},
            "verdict": {"enum": [YES, NO, *schema.names], "type": "string"},
        },
        "required": ["number", "verdict"],
        "type": "object",
    }
    return write_shape(
        {
            "additionalProperties": False,
            "properties": {"verdicts": {"items": verdict, "type": "array"}},
            "required": ["verdicts"],
            "type": "object",
        }
    )


def apply_verdict(reading: Reading, reply: Reply, schema: LabelSchema) -> Verified | Failure:
    """What the verdicts leave of a reading.

    - `yes`, or the label that the entity has: it stays as it is.
    - `no`: it goes; the mentions that state it are `rejected` in the ledger.
    - another label: it takes that one, without a confidence, as nobody measured it; its mentions
      are `relabelled`.
    - no verdict, or one that is none of these: it stays and counts as unjudged.

    A reply that was cut off, that nobody can read, that numbers what was not asked or that judges
    an entity twice and differently is a failure. The first pass's reading then still stands; the
    caller keeps it and counts the failure.
    """
    if reply.finish == "length":
        told = f"the verdicts were cut off after {len(reply.text)} characters: raise max_tokens"
        return Failure(reply.request, "truncated", told)
    try:
        verdicts = _verdicts(reply.text, len(reading.spans))
    except (ParseError, RecursionError) as error:
        return Failure(reply.request, "unparsable", f"no verdicts: {error}")
    spans: list[Span] = []
    sure: list[float | None] = []
    sources: list[tuple[int, ...]] = []
    issues = list(reading.issues)
    unjudged = 0
    rows = zip(reading.spans, reading.confidences, reading.sources, strict=True)
    for number, (span, confidence, stated) in enumerate(rows, start=1):
        label = _label(verdicts.get(number), span, schema)
        unjudged += label is None
        if label == NO:
            _mark(issues, stated, "rejected")
            continue
        kept = replace(span, label=label or span.label)
        if kept != span:
            _mark(issues, stated, "relabelled")
        spans.append(kept)
        sure.append(confidence if kept == span else None)
        sources.append(stated)
    left = Reading(tuple(spans), tuple(sure), tuple(issues), tuple(sources))
    return Verified(left, unjudged)


def _question(sentence: Sentence, reading: Reading) -> str:
    candidates: list[str] = []
    for number, span in enumerate(reading.spans, start=1):
        text = sentence.surface(span)
        candidate = f'"number": {number}, "text": {quote(text)}, "label": {quote(span.label)}'
        if sentence.text.count(text) > 1:
            candidate += f', "before": {quote(_before(sentence, span))}'
        candidates.append(f"{{{candidate}}}")
    return f'{{"sentence": {quote(sentence.text)}, "candidates": [{", ".join(candidates)}]}}'


def _before(sentence: Sentence, span: Span) -> str:
    first = sentence.offsets[max(0, span.start - WORDS_BEFORE)][0]
    return sentence.text[first : sentence.offsets[span.start][0]].strip()


def _verdicts(text: str, count: int) -> dict[int, str]:
    """The verdict on each number, as the reply words it.

    Raises:
        ParseError: there is no list of verdicts, or it contradicts the question or itself.
    """
    answer = answer_in(text)
    lists = [found for piece in scan(answer).pieces if (found := _listed(piece)) is not None]
    if not lists or any(other != lists[0] for other in lists):
        start = " ".join(answer[:60].split())
        raise ParseError(f"not one list of verdicts; the reply starts “{start}”")
    verdicts: dict[int, str] = {}
    for number, verdict in lists[0]:
        if not 1 <= number <= count:
            raise ParseError(f"a verdict on number {number}, where 1 to {count} were asked")
        if verdicts.setdefault(number, verdict) != verdict:
            raise ParseError(f"two verdicts on number {number} that differ")
    return verdicts


def _listed(piece: str) -> list[tuple[int, str]] | None:
    """The numbers and verdicts of a bracketed piece; None where it is something else."""
    try:
        value = json.loads(piece)
    except ValueError:
        return None
    rows = value.get("verdicts") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    if not value:  # brackets in prose
        return None
    return [_row(row) for row in rows]


def _row(row: Mapping[str, object]) -> tuple[int, str]:
    number, verdict = row.get("number"), row.get("verdict")
    if type(number) is not int or not isinstance(verdict, str):  # True is an int, but no number
        raise ParseError(f"a verdict without a number or a word: {json.dumps(row)[:60]}")
    return number, verdict


def _label(verdict: str | None, span: Span, schema: LabelSchema) -> str | None:
    """`no`, or the label that an entity has after its verdict; None where that says nothing."""
    word = (verdict or "").strip().casefold()
    if word in {YES, NO}:
        return NO if word == NO else span.label
    return schema.resolve(word)


def _mark(issues: list[Issue], places: tuple[int, ...], outcome: Outcome) -> None:
    for i in places:
        issues[i] = replace(issues[i], outcome=outcome)

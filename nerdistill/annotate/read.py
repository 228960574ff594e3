"""From a raw reply to labels: parsed, aligned, and with the confidence of each entity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.annotate.align import align
from nerdistill.annotate.confidence import Written, confidences, written_entities
from nerdistill.annotate.parse import ParseError
from nerdistill.annotate.parse.packed import read_packed
from nerdistill.annotate.protocol import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.annotate.parse import Mention
    from nerdistill.annotate.protocol import FailureKind, Reply
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Issue, Sentence, Span


@dataclass(frozen=True, slots=True)
class Reading:
    """What is stated about one sentence: by a reply, by a vote of several, or after a second pass.

    Attributes:
        spans: the entities, in order, not overlapping.
        confidences: one a span, in [0, 1]; None where nothing tells it.
        issues: every mention of every reply and what became of it: the ledger.
        sources: for each span the indices of the issues that state it.
    """

    spans: tuple[Span, ...]
    confidences: tuple[float | None, ...]
    issues: tuple[Issue, ...]
    sources: tuple[tuple[int, ...], ...]


def read_reply(
    sentences: Sequence[Sentence], reply: Reply, schema: LabelSchema
) -> tuple[Reading | Failure, ...]:
    """What a reply states about each sentence that it was asked about, in their order.

    A reply that was cut off, or that nobody can read, is a failure of every sentence, never "no
    entities". Where a reply is about several sentences, those that can be read are.
    """
    count = len(sentences)
    if reply.finish == "length":
        told = f"the reply was cut off after {len(reply.text)} characters: raise max_tokens"
        return (_failure(reply, "truncated", told),) * count
    try:
        parsed = read_packed(reply.text, sentences, schema)
    except ParseError as error:
        return (_failure(reply, "unparsable", str(error)),) * count
    written = written_entities(reply.text, reply.logprobs) if reply.logprobs else ()
    read: list[Reading | Failure] = []
    for number, (sentence, found) in enumerate(zip(sentences, parsed, strict=True), 1):
        if isinstance(found, ParseError):
            read.append(_failure(reply, "unparsable", str(found)))
        else:
            about = [one for one in written if count == 1 or one.number == number]
            read.append(_reading(found, about, sentence, schema))
    return tuple(read)


def _reading(
    mentions: Sequence[Mention], written: Sequence[Written], sentence: Sentence, schema: LabelSchema
) -> Reading:
    aligned = align(mentions, sentence, schema)
    sure = confidences(mentions, written)
    return Reading(
        aligned.spans,
        tuple(sure[i] for i in aligned.mentions),
        aligned.issues,
        tuple((i,) for i in aligned.mentions),
    )


def _failure(reply: Reply, kind: FailureKind, message: str) -> Failure:
    return Failure(reply.request, kind, message)

"""Entities right, predicted and in gold: the counts of a sentence, and the scores of many.

What streams is counted here and never held; `score` asks seqeval about tags that are at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nerdistill.metrics.score import Score, TypeScore

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nerdistill.types import Span


class Counts(NamedTuple):
    """How many entities are right, predicted, and in gold."""

    correct: int
    predicted: int
    gold: int


def count_spans(gold: Collection[Span], predicted: Collection[Span]) -> Counts:
    """The counts of one sentence: an entity is right with both edges and its type."""
    return Counts(len({*gold} & {*predicted}), len(predicted), len(gold))


def count_by_type(gold: Collection[Span], predicted: Collection[Span]) -> dict[str, Counts]:
    """The counts of one sentence for each type that gold or prediction holds."""
    found: dict[str, Counts] = {}
    for label in {span.label for span in (*gold, *predicted)}:
        sides = ([span for span in side if span.label == label] for side in (gold, predicted))
        found[label] = count_spans(*sides)
    return found


def score_counts(by_type: Mapping[str, Counts]) -> Score:
    """The scores of counts that were added up over sentences: those that `score` gives.

    The formulas and the rounding are seqeval's strict ones, with 0 for a division by 0.
    """
    rows = {name: _row(by_type[name]) for name in sorted(by_type)}
    total = _row(
        Counts(
            sum(one.correct for one in by_type.values()),
            sum(one.predicted for one in by_type.values()),
            sum(one.gold for one in by_type.values()),
        )
    )
    return Score(total.precision, total.recall, total.f1, total.gold, rows)


def _row(counts: Counts) -> TypeScore:
    precision = counts.correct / max(counts.predicted, 1)
    recall = counts.correct / max(counts.gold, 1)
    f1 = 2 * precision * recall / ((precision + recall) or 1)
    rounded = [round(100 * value, 4) for value in (precision, recall, f1)]
    return TypeScore(rounded[0], rounded[1], rounded[2], counts.gold)

"""Strict entity scores by seqeval: an entity counts only with both edges and its type right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class TypeScore:
    """Scores of one entity type, in per cent; `gold` is how many there are."""

    precision: float
    recall: float
    f1: float
    gold: int


@dataclass(frozen=True, slots=True)
class Score:
    """Micro-averaged scores in per cent.

    Attributes:
        precision: share of predicted entities that are right.
        recall: share of gold entities that were found.
        f1: their harmonic mean.
        gold: number of gold entities.
        by_type: the same for each type that gold or prediction holds.
    """

    precision: float
    recall: float
    f1: float
    gold: int
    by_type: dict[str, TypeScore]

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Score:
    """Score IOB2 tags, one list a sentence.

    A predicted `I-` that no `B-` opens is no entity (strict IOB2).

    Raises:
        ValueError: the two differ in their number of sentences or words.
    """
    if [len(tags) for tags in gold] != [len(tags) for tags in predicted]:
        raise ValueError("gold and prediction do not have the same words")
    if not any(tag.startswith("B-") for tags in (*gold, *predicted) for tag in tags):
        return Score(0.0, 0.0, 0.0, 0, {})
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    report = classification_report(
        [list(tags) for tags in gold],
        [list(tags) for tags in predicted],
        mode="strict",
        scheme=IOB2,
        output_dict=True,
        zero_division=0,
    )
    rows = {name: _row(values) for name, values in report.items()}
    total = rows["micro avg"]
    by_type = {name: row for name, row in rows.items() if not name.endswith(" avg")}
    return Score(total.precision, total.recall, total.f1, total.gold, by_type)


def _row(values: dict[str, float]) -> TypeScore:
    precision, recall, f1 = (
        round(100 * float(values[name]), 4) for name in ("precision", "recall", "f1-score")
    )
    return TypeScore(precision, recall, f1, int(values["support"]))

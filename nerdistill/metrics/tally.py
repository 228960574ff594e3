"""How often a tagger erred on a corpus: by kind, by types, by whether training showed the entity.

One counter holds it all; each table is a sum over the parts of its keys.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from nerdistill.metrics.errors import compare_spans

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nerdistill.metrics.errors import Kind, Match
    from nerdistill.metrics.seen import Seen, Shown
    from nerdistill.types import Sentence, Span

NOTHING = "O"
"""Stands for a type where there is no entity."""


class Case(NamedTuple):
    """What a match is counted as.

    Attributes:
        kind: of the match.
        gold: the type in gold, or NOTHING.
        predicted: the type that was predicted, or NOTHING.
        seen: where training showed the gold entity, or else the predicted one.
    """

    kind: Kind
    gold: str
    predicted: str
    seen: Seen

    @property
    def type(self) -> str:
        """The type that the case is counted under: gold's, else the predicted one."""
        return self.predicted if self.gold == NOTHING else self.gold


def case_of(match: Match, sentence: Sentence, shown: Shown) -> Case:
    """What a match in a sentence is counted as."""
    return Case(
        match.kind,
        match.gold.label if match.gold else NOTHING,
        match.predicted.label if match.predicted else NOTHING,
        shown.where(sentence, match.span),
    )


def tally(
    gold: Collection[Sentence], predicted: Sequence[Sequence[Span]], shown: Shown
) -> Counter[Case]:
    """Count every gold and every predicted entity of a corpus, each in one case.

    Args:
        gold: labelled sentences.
        predicted: the entities that were predicted in each of them.
        shown: what the tagger was trained on.
    """
    return Counter(
        case_of(match, sentence, shown)
        for sentence, spans in zip(gold, predicted, strict=True)
        for match in compare_spans(sentence.spans or (), spans)
    )

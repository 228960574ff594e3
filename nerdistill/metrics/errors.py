"""How predicted entities differ from gold, kind by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.types import Span

Kind = Literal["correct", "type", "boundary", "boundary_and_type", "missed", "spurious"]

KINDS: tuple[Kind, ...] = (
    "correct",
    "type",
    "boundary",
    "boundary_and_type",
    "missed",
    "spurious",
)


@dataclass(frozen=True, slots=True)
class Match:
    """A gold entity and what stands in its place; one of the two may be absent.

    Attributes:
        kind: `correct`; `type`: the edges are right, the type is not; `boundary`: the type is
            right, they overlap; `boundary_and_type`: they overlap; `missed`: gold alone;
            `spurious`: prediction alone.
    """

    kind: Kind
    gold: Span | None
    predicted: Span | None

    @property
    def span(self) -> Span:
        """What the match is about: the gold entity, else the predicted one."""
        span = self.gold or self.predicted
        if span is None:
            raise ValueError("a match of nothing with nothing")
        return span


def compare_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> tuple[Match, ...]:
    """Pair gold and predicted entities of one sentence, each with at most one other.

    The best pairs come first: equal, then equal edges, then overlaps of one type, then any
    overlaps; among overlaps the larger first, then the earlier. The result is in text order.
    """
    pairs = sorted(
        (
            (*_likeness(one, other), i, j)
            for i, one in enumerate(gold)
            for j, other in enumerate(predicted)
            if one.start < other.end and other.start < one.end
        ),
    )
    matches: list[Match] = []
    free_gold, free_predicted = set(range(len(gold))), set(range(len(predicted)))
    for rank, _, i, j in pairs:
        if i in free_gold and j in free_predicted:
            matches.append(Match(KINDS[rank], gold[i], predicted[j]))
            free_gold.remove(i)
            free_predicted.remove(j)
    matches += [Match("missed", gold[i], None) for i in free_gold]
    matches += [Match("spurious", None, predicted[j]) for j in free_predicted]
    return tuple(sorted(matches, key=_position))


def _likeness(one: Span, other: Span) -> tuple[int, int]:
    """The rank of a pair's kind in KINDS, and less their common tokens."""
    edges, label = (one.start, one.end) == (other.start, other.end), one.label == other.label
    rank = 0 if edges and label else 1 if edges else 2 if label else 3
    return rank, max(one.start, other.start) - min(one.end, other.end)


def _position(match: Match) -> tuple[int, int, str]:
    return match.span.start, match.span.end, match.kind

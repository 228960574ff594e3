"""One labelling out of several sampled replies to the same prompt, by a two-stage vote.

Stage 1 keeps a place in the sentence where enough replies see an entity of any type; stage 2 gives
it the type that most of them say. From Xie et al., "Self-Improving for Zero-Shot Named Entity
Recognition with Large Language Models", 2023, arXiv 2311.08921.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from nerdistill.annotate.read import Reading
from nerdistill.types import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.types import Issue

Place = tuple[int, int]
"""A half-open range of tokens."""
Ballot = dict[str, list[float]]
"""For each type the confidences of the replies that say it; 0 where one has none."""


def vote(readings: Sequence[Reading], *, quorum: float = 0.5) -> Reading:
    """What several replies about one sentence state together, whatever their order.

    A place is kept where more than `quorum` of the replies see an entity. Of two types with the
    same number of votes that with the larger sum of confidences wins, then the first in the
    alphabet. Of places that overlap, which needs a quorum below a half, that with more votes is
    kept, then the longer, then the earlier.

    The confidence of an entity is the share of all replies that see it with this type. It takes the
    place of the confidences from log-probabilities, which only break ties.

    The ledger holds every mention of every reply, one reply after the other. A mention that had a
    span in its own reply but lost its place or its type here is `outvoted`.

    Args:
        readings: one for each reply that could be read; replies that failed have no vote and are
            not counted in the shares.
        quorum: share of the replies, in [0, 1).

    Raises:
        ValueError: there is no reading, or the quorum is not in [0, 1).
    """
    if not readings or not 0 <= quorum < 1:
        raise ValueError(f"a vote needs readings and a quorum in [0, 1): {len(readings)}, {quorum}")
    ballots: defaultdict[Place, Ballot] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        for span, sure in zip(reading.spans, reading.confidences, strict=True):
            ballots[span.start, span.end][span.label].append(sure or 0.0)
    places = _kept(ballots, quorum * len(readings))
    spans = [Span(*place, _winner(ballots[place])) for place in places]
    shares = [
        len(ballots[place][span.label]) / len(readings)
        for place, span in zip(places, spans, strict=True)
    ]
    issues, sources = _ledger(readings, spans)
    return Reading(tuple(spans), tuple(shares), issues, sources)


def _kept(ballots: Mapping[Place, Ballot], needed: float) -> list[Place]:
    """The places with more votes than needed, without overlaps, in order."""
    votes = {place: sum(map(len, ballot.values())) for place, ballot in ballots.items()}
    kept: list[Place] = []
    for start, end in sorted(votes, key=lambda place: (-votes[place], place[0] - place[1], place)):
        free = all(end <= other[0] or other[1] <= start for other in kept)
        if votes[start, end] > needed and free:
            kept.append((start, end))
    return sorted(kept)


def _winner(ballot: Ballot) -> str:
    # fsum gives the same for every order of its terms, a plain sum does not.
    return min(ballot, key=lambda label: (-len(ballot[label]), -math.fsum(ballot[label]), label))


def _ledger(
    readings: Sequence[Reading], spans: Sequence[Span]
) -> tuple[tuple[Issue, ...], tuple[tuple[int, ...], ...]]:
    """The issues of all replies, and for each span those that state it."""
    issues: list[Issue] = []
    sources: dict[Span, list[int]] = {span: [] for span in spans}
    for reading in readings:
        first = len(issues)
        issues += reading.issues
        for span, stated in zip(reading.spans, reading.sources, strict=True):
            places = [first + i for i in stated]
            if span in sources:
                sources[span] += places
            else:
                for i in places:
                    issues[i] = replace(issues[i], outcome="outvoted")
    return tuple(issues), tuple(tuple(sources[span]) for span in spans)

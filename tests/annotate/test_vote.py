"""The vote of several replies: what wins, what is sure, and that nothing is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.read import Reading
from nerdistill.annotate.vote import vote
from nerdistill.types import PLACED, Issue, Span

if TYPE_CHECKING:
    from random import Random

LENGTH = 8
"""Tokens of the sentence that the drawn readings are about."""


def reading(*spans: Span, sure: float | None = None, lost: int = 0) -> Reading:
    """A reading of one reply, whose mentions are written backwards, after some without a span."""
    issues = [Issue("not_in_text", "PER", "x")] * lost
    issues += [Issue("exact", span.label, f"{span.start}-{span.end}") for span in reversed(spans)]
    sources = tuple((i,) for i in reversed(range(lost, len(issues))))
    return Reading(spans, (sure,) * len(spans), tuple(issues), sources)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Any reading of the sentence."""
    cuts = sorted(draw(st.sets(st.integers(0, LENGTH))))
    spans = [
        Span(start, end, label)
        for start, end in pairwise(cuts)
        if (label := draw(st.sampled_from(["", "LOC", "ORG", "PER"])))
    ]
    sure = draw(st.none() | st.floats(0, 1))
    return reading(*spans, sure=sure, lost=draw(st.integers(0, 2)))


several = st.lists(readings(), min_size=1, max_size=7)
quorums = st.floats(0, 1, exclude_max=True)


def test_place_first_then_type() -> None:
    """Three of five see an entity, of which two say ORG: it is ORG, and sure by two fifths."""
    found = vote(
        [
            reading(Span(0, 2, "ORG"), Span(3, 4, "PER"), sure=0.9),
            reading(Span(0, 2, "ORG"), sure=0.9),
            reading(Span(0, 2, "LOC"), sure=1.0),
            reading(Span(0, 1, "PER"), Span(3, 4, "PER"), sure=1.0),
            reading(),
        ]
    )
    assert (found.spans, found.confidences) == ((Span(0, 2, "ORG"),), (0.4,))
    assert [(one.outcome, one.text) for one in found.issues] == [
        ("outvoted", "3-4"),
        ("exact", "0-2"),
        ("exact", "0-2"),
        ("outvoted", "0-2"),
        ("outvoted", "3-4"),
        ("outvoted", "0-1"),
    ]
    assert found.sources == ((1, 2),)


def test_half_is_not_a_majority() -> None:
    """More than the quorum is needed; a lower one keeps more."""
    halves = [reading(Span(0, 1, "PER")), reading()]
    assert vote(halves).spans == ()
    assert vote(halves, quorum=0.4).spans == (Span(0, 1, "PER"),)


def test_ties_of_types() -> None:
    """Of two types with equal votes the surer wins, then the first in the alphabet."""
    org, per = Span(0, 1, "ORG"), Span(0, 1, "PER")
    assert vote([reading(org, sure=0.5), reading(per, sure=0.6)]).spans == (per,)
    assert vote([reading(per, sure=0.6), reading(org, sure=0.6)]).spans == (org,)
    assert vote([reading(per), reading(org, sure=0.1)]).spans == (org,)
    assert vote([reading(per), reading(org)]).spans == (org,)


def test_overlaps() -> None:
    """Of places that overlap that with more votes wins, then the longer, then the earlier."""
    short, long, late = Span(0, 1, "PER"), Span(0, 2, "PER"), Span(1, 3, "PER")
    assert vote([reading(short), reading(short), reading(long)], quorum=0).spans == (short,)
    assert vote([reading(short), reading(long)], quorum=0).spans == (long,)
    assert vote([reading(late), reading(long)], quorum=0).spans == (long,)


@pytest.mark.parametrize("quorum", [-0.1, 1.0])
def test_impossible_votes_are_refused(quorum: float) -> None:
    """A quorum that everything or nothing reaches, and a vote without voters, are errors."""
    with pytest.raises(ValueError, match="quorum"):
        vote([reading()], quorum=quorum)
    with pytest.raises(ValueError, match="a vote needs readings"):
        vote([])


@given(several, quorums, st.randoms(use_true_random=False))
def test_order_of_replies_does_not_matter(
    cast: list[Reading], quorum: float, random: Random
) -> None:
    """Spans, confidences and the ledger's counts are the same for every order."""
    other = list(cast)
    random.shuffle(other)
    first, second = vote(cast, quorum=quorum), vote(other, quorum=quorum)
    assert (first.spans, first.confidences) == (second.spans, second.confidences)
    assert Counter(first.issues) == Counter(second.issues)


@given(readings(), st.integers(1, 5), quorums)
def test_unanimous_replies_come_back(one: Reading, times: int, quorum: float) -> None:
    """What all say stays as it is, and is sure."""
    found = vote([one] * times, quorum=quorum)
    assert found.spans == one.spans
    assert found.confidences == (1.0,) * len(one.spans)
    assert found.issues == one.issues * times
    if times == 1:
        assert found == replace(one, confidences=found.confidences)


@given(several, quorums)
def test_spans_are_sorted_and_never_overlap(cast: list[Reading], quorum: float) -> None:
    """Whatever is voted, the result is a labelling."""
    found = vote(cast, quorum=quorum)
    bounds = [bound for span in found.spans for bound in (span.start, span.end)]
    assert bounds == sorted(bounds)
    assert all(sure is not None and 0 < sure <= 1 for sure in found.confidences)


@given(several, quorums)
def test_ledger_holds_every_mention(cast: list[Reading], quorum: float) -> None:
    """Every mention of every reply is there, and those that ended as a span are its sources."""
    found = vote(cast, quorum=quorum)
    before = [(one.label, one.text) for reply in cast for one in reply.issues]
    assert [(one.label, one.text) for one in found.issues] == before
    placed = {i for i, one in enumerate(found.issues) if one.outcome in PLACED}
    assert sorted(i for stated in found.sources for i in stated) == sorted(placed)
    for span, stated in zip(found.spans, found.sources, strict=True):
        texts = {(found.issues[i].label, found.issues[i].text) for i in stated}
        assert texts == {(span.label, f"{span.start}-{span.end}")}

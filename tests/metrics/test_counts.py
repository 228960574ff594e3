"""Scores from counts, without tags."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nerdistill.labels import spans_to_tags
from nerdistill.metrics.counts import Counts, count_by_type, count_spans, score_counts
from nerdistill.metrics.score import score
from nerdistill.types import Span

WORDS = 12


@st.composite
def entities(draw: st.DrawFn) -> tuple[Span, ...]:
    """Entities of a sentence of twelve words, in order and not overlapping."""
    found: list[Span] = []
    end = 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2)), max_size=4)):
        label = draw(st.sampled_from(["PER", "ORG", "LOC"]))
        found.append(Span(end + gap, end + gap + size, label))
        end = found[-1].end
    return tuple(span for span in found if span.end <= WORDS)


@given(st.lists(st.tuples(entities(), entities()), min_size=1, max_size=30))
def test_scores_are_seqevals(pairs: list[tuple[tuple[Span, ...], tuple[Span, ...]]]) -> None:
    """Counts that are added up over sentences give the very numbers of seqeval's strict IOB2."""
    sums: dict[str, list[int]] = {}
    for gold, predicted in pairs:
        for label, counts in count_by_type(gold, predicted).items():
            so_far = sums.setdefault(label, [0, 0, 0])
            sums[label] = [a + b for a, b in zip(so_far, counts, strict=True)]
    tags = [[spans_to_tags(side, WORDS) for side in pair] for pair in pairs]
    gold_tags, predicted_tags = zip(*tags, strict=True)
    counted = score_counts({label: Counts(*three) for label, three in sums.items()})
    assert counted == score(gold_tags, predicted_tags)


@given(entities(), entities())
def test_types_add_up(gold: tuple[Span, ...], predicted: tuple[Span, ...]) -> None:
    """Every entity is counted under one type."""
    by_type = count_by_type(gold, predicted).values()
    added = Counts(*(sum(column) for column in zip(*by_type, strict=True))) if by_type else None
    assert (added or Counts(0, 0, 0)) == count_spans(gold, predicted)

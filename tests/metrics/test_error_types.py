"""Kinds of errors: each entity is counted once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.metrics.errors import compare_spans
from nerdistill.types import Span


def kinds(gold: list[Span], predicted: list[Span]) -> list[str]:
    """The kinds of all matches in text order."""
    return [match.kind for match in compare_spans(gold, predicted)]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([Span(0, 2, "PER")], [Span(0, 2, "PER")], ["correct"]),
        ([Span(0, 2, "PER")], [Span(0, 2, "ORG")], ["type"]),
        ([Span(0, 2, "PER")], [Span(0, 1, "PER")], ["boundary"]),
        ([Span(0, 2, "PER")], [Span(1, 3, "ORG")], ["boundary_and_type"]),
        ([Span(0, 2, "PER")], [], ["missed"]),
        ([], [Span(0, 2, "PER")], ["spurious"]),
        ([Span(0, 1, "PER")], [Span(1, 2, "PER")], ["missed", "spurious"]),
        ([Span(0, 3, "PER")], [Span(0, 1, "PER"), Span(1, 3, "PER")], ["spurious", "boundary"]),
        ([Span(0, 3, "PER")], [Span(0, 1, "PER"), Span(1, 3, "ORG")], ["boundary", "spurious"]),
    ],
)
def test_each_kind(gold: list[Span], predicted: list[Span], expected: list[str]) -> None:
    """One example of each kind, and of the choice between two."""
    assert kinds(gold, predicted) == expected


@st.composite
def sentences(draw: st.DrawFn) -> list[Span]:
    """Entities of a sentence, in order and not overlapping."""
    found: list[Span] = []
    end = 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=6)):
        found.append(Span(end + gap, end + gap + size, draw(st.sampled_from(["PER", "ORG"]))))
        end = found[-1].end
    return found


@given(sentences(), sentences())
def test_every_entity_is_in_one_match(gold: list[Span], predicted: list[Span]) -> None:
    """No entity is lost or counted twice, and the matches are the same seen from either side."""
    matches = compare_spans(gold, predicted)
    assert sorted(m.gold for m in matches if m.gold) == gold
    assert sorted(m.predicted for m in matches if m.predicted) == predicted
    turned = compare_spans(predicted, gold)
    assert len([m for m in turned if m.kind == "correct"]) == len(set(gold) & set(predicted))

"""Strict entity scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.evaluate.predict import tags_to_entities
from nerdistill.labels import spans_to_tags
from nerdistill.metrics.score import Score, TypeScore, score

if TYPE_CHECKING:
    from nerdistill.types import Span

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def test_scores_by_hand() -> None:
    """One right, one with a wrong edge, one missed."""
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
    predicted = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "I-LOC"]]
    found = score(gold, predicted)
    assert found.precision == pytest.approx(66.6667)
    assert found.recall == pytest.approx(66.6667)
    assert found.gold == 3
    assert found.by_type["PER"].f1 == 100.0
    assert found.by_type["LOC"].gold == 2


def test_an_inside_tag_alone_is_no_entity() -> None:
    """Strict IOB2: what no B- opens does not count, where seqeval's default would forgive."""
    found = score([["B-PER", "O"]], [["I-PER", "O"]])
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


def test_nothing_to_find_is_no_crash() -> None:
    """Sentences without entities give zeros and a gold count of 0."""
    assert score([["O", "O"]], [["O", "O"]]).gold == 0


def test_different_lengths_are_refused() -> None:
    """A word lost on one side is an error, not a score."""
    with pytest.raises(ValueError, match="same words"):
        score([["O", "O"]], [["O"]])


@given(st.lists(st.lists(TAGS, min_size=1, max_size=8), min_size=1, max_size=6))
def test_entities_and_tags_score_alike(predicted: list[list[str]]) -> None:
    """The entities that predict returns are those that strict scoring sees in the raw tags."""
    gold = [spans_to_tags(tags_to_entities(tags[::-1]), len(tags)) for tags in predicted]
    cleaned = [spans_to_tags(tags_to_entities(tags), len(tags)) for tags in predicted]
    assert score(gold, predicted) == score(gold, cleaned)


@given(st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=6))
def test_scores_are_those_of_sets(pairs: list[list[tuple[str, str]]]) -> None:
    """Counting equal entities by hand gives the same numbers, over all and by type."""
    found: list[set[tuple[int, Span]]] = [set(), set()]
    texts: list[list[list[str]]] = [[], []]
    for number, sentence in enumerate(pairs):
        for side, raw in enumerate(zip(*sentence, strict=True)):
            spans = tags_to_entities(raw)
            found[side] |= {(number, span) for span in spans}
            texts[side].append(spans_to_tags(spans, len(raw)) if side == 0 else list(raw))
    given_score = score(texts[0], texts[1])
    check(given_score, *found)
    for label, row in given_score.by_type.items():
        check(row, *({item for item in side if item[1].label == label} for side in found))


def check(
    row: Score | TypeScore, gold: set[tuple[int, Span]], predicted: set[tuple[int, Span]]
) -> None:
    """One row of scores against its definition."""
    right = len(gold & predicted)
    expected = [100 * right / max(len(side), 1) for side in (predicted, gold)]
    expected.append(200 * right / max(len(gold) + len(predicted), 1))
    assert [row.precision, row.recall, row.f1] == pytest.approx(expected, abs=1e-4)
    assert row.gold == len(gold)


def test_right_edges_with_the_wrong_type_are_wrong() -> None:
    """The type counts as much as the edges, for both types."""
    found = score([["B-PER", "I-PER"]], [["B-LOC", "I-LOC"]])
    assert (found.f1, found.by_type["PER"].gold, found.by_type["LOC"].gold) == (0.0, 1, 0)

"""Two teachers side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nerdistill.annotate.compare import compare
from nerdistill.metrics.score import score
from nerdistill.types import Corpus, Document, Sentence, Span

WORDS = ("Ulm", "and", "Ada", ".")
RIGHT = (Span(0, 1, "LOC"), Span(2, 3, "PER"))
WRONG = (Span(0, 1, "ORG"),)


def corpus(*labels: tuple[Span, ...]) -> Corpus:
    """A corpus of so many equal sentences with these labels."""
    sentences = (Sentence(f"s{i}", WORDS, spans=spans) for i, spans in enumerate(labels))
    return Corpus((Document("d", tuple(sentences)),))


GOLD = corpus(*[RIGHT] * 60)
POOR = corpus(*[RIGHT] * 40, *[WRONG] * 20)
FINE = corpus(*[RIGHT] * 55, *[WRONG] * 5)


def test_paired_test_and_errors() -> None:
    """The difference, its interval and p on the same sentences, and each one's errors."""
    found = compare(POOR, FINE, GOLD)
    assert found.test
    assert found.scores
    poor, fine = found.scores
    assert found.test.difference.value == pytest.approx(fine.f1 - poor.f1, abs=1e-3)
    assert found.test.difference.low > 0
    assert found.test.p == pytest.approx(2 / 2**15)
    assert (found.test.exact, found.test.sentences, found.test.differing) == (True, 60, 15)
    told = found.to_json()
    assert isinstance(told["errors"], list)
    assert [one["type"] for one in told["errors"]] == [20, 5]
    assert [one["missed"] for one in told["errors"]] == [20, 5]
    assert isinstance(told["intervals"], list)
    assert len(told["intervals"]) == 2
    assert compare(POOR, FINE, GOLD) == found


def test_scores_are_seqevals() -> None:
    """The scores of a comparison are those of the tags."""
    found = compare(POOR, FINE, GOLD)
    gold = [["B-LOC", "O", "B-PER", "O"]] * 60
    wrong = ["B-ORG", "O", "O", "O"]
    assert found.scores == (
        score(gold, [*gold[:40], *[wrong] * 20]),
        score(gold, [*gold[:55], *[wrong] * 5]),
    )


def test_turned_round() -> None:
    """With the files exchanged, the difference changes its sign and p stays."""
    one, other = compare(POOR, FINE, GOLD).test, compare(FINE, POOR, GOLD).test
    assert one
    assert other
    assert other.difference.value == -one.difference.value
    assert other.p == one.p


def test_without_gold_only_agreement() -> None:
    """Nobody can be better where nobody knows the truth."""
    found = compare(POOR, FINE)
    assert (found.audits, found.scores, found.test, found.scored) == (None, None, None, 0)
    assert found.identical == 75.0
    told = found.to_json()
    assert (told["scores"], told["errors"], told["intervals"], told["test"]) == (None,) * 4


def test_only_what_gold_knows_is_tested() -> None:
    """Sentences outside gold count for the agreement alone."""
    part = replace(GOLD.documents[0], sentences=GOLD.documents[0].sentences[30:50])
    found = compare(POOR, FINE, Corpus((part,)))
    assert found.test
    assert (found.sentences, found.scored, found.test.sentences) == (60, 20, 20)
    assert found.test.differing == 10

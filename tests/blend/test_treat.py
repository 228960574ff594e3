"""Treatments of a pool: what each word weighs afterwards, and what it is labelled."""

from __future__ import annotations

import numpy as np
import pytest

from nerdistill.blend.error_rates import share_right, sorts
from nerdistill.blend.second_opinion import combine
from nerdistill.blend.treat import TREATMENTS, Evidence, classes_of, treat
from nerdistill.types import Corpus, Sentence, Span
from tests.blend.pools import TAGS, pool

ADA, ULM = Span(0, 1, "PER"), Span(2, 3, "LOC")


def _opinion(*classes: int, sure: float = 0.8) -> np.ndarray:
    """Students who think each word is of a class, with the rest shared by the others."""
    found = np.full((len(classes), len(TAGS)), (1 - sure) / (len(TAGS) - 1))
    found[range(len(classes)), classes] = sure
    return found


def _first(corpus: Corpus) -> Sentence:
    return next(corpus.sentences)


def test_words_stay_whatever_is_done() -> None:
    """Ids, words and documents are those of the pool, and each word has a weight of 0 to 1."""
    before = pool((ADA,), (), (ADA, ULM))
    evidence = Evidence(TAGS, _opinion(*[1, 0, 3] * 3))
    for how in TREATMENTS:
        after = treat(before, evidence, how)
        assert [d.id for d in after.documents] == [d.id for d in before.documents]
        for old, new in zip(before.sentences, after.sentences, strict=True):
            assert (old.id, old.tokens) == (new.id, new.tokens)
            assert new.weights is not None
            assert all(0 <= weight <= 1 for weight in new.weights)


def test_annotators_confidence_weighs_entities() -> None:
    """Words of an entity weigh its confidence, others 1."""
    evidence = Evidence(TAGS, _opinion(0, 0, 0), {"d0#0": (0.25, 0.5)})
    made = _first(treat(pool((ADA, ULM)), evidence, "confidence"))
    assert made.weights == (0.25, 1.0, 0.5)
    assert made.spans == (ADA, ULM)


def test_students_stand_in_for_confidence() -> None:
    """Without it, or with a part of it, each word weighs the probability of the teacher's tag."""
    opinion = _opinion(1, 0, 0)
    for told in ({}, {"d0#0": (0.25, None)}):
        made = _first(treat(pool((ADA, ULM)), Evidence(TAGS, opinion, told), "confidence"))
        assert made.weights == pytest.approx((0.8, 0.8, 0.05))


def test_only_agreed_words_count() -> None:
    """A word weighs 1 where students give the teacher's tag, else nothing."""
    made = _first(treat(pool((ULM,)), Evidence(TAGS, _opinion(1, 0, 3)), "agreed"))
    assert made.weights == (0.0, 1.0, 1.0)
    assert made.spans == (ULM,)


def test_students_labels_replace_the_teachers() -> None:
    """Labels and weights are theirs."""
    made = _first(treat(pool((ULM,)), Evidence(TAGS, _opinion(1, 0, 0)), "relabelled"))
    assert made.spans == (ADA,)
    assert made.weights == pytest.approx((0.8, 0.8, 0.8), abs=1e-3)


def test_a_teacher_that_is_heard_decides_unsure_words() -> None:
    """A teacher that has been right wins where students waver."""
    before = pool(*[(ADA, ULM)] * 20)
    opinion = _opinion(*[1, 0, 3] * 20)
    opinion[2] = [0.45, 0, 0.05, 0.4, 0.1]
    assert _first(treat(before, Evidence(TAGS, opinion), "relabelled")).spans == (ADA,)
    heard = Evidence(TAGS, combine(opinion, classes_of(before, TAGS)))
    assert _first(treat(before, heard, "relabelled")).spans == (ADA, ULM)


def test_masking_follows_the_errors_by_type_and_capital() -> None:
    """Capitalised words without a label are doubted where such were missed."""
    gold = list(pool(*[(ADA, ULM)] * 8).sentences)
    rates = share_right(gold, [(ULM,)] * 8)
    assert rates["", True] == pytest.approx(1 / 10)
    assert rates["", False] == rates["LOC", True] == pytest.approx(9 / 10)
    evidence = Evidence(TAGS, np.zeros((3, 0)), rates=rates)
    made = _first(treat(pool((Span(0, 1, "PER"),)), evidence, "masked"))
    assert made.weights == pytest.approx((1.0, 0.9, 0.1))


def test_sorts_are_type_and_capital() -> None:
    """A word's sort is what it was given, and whether it is written with a capital."""
    assert sorts(_first(pool(())), (ADA,)) == [("PER", True), ("", False), ("", True)]

"""Counts of a whole corpus, and whether training showed an entity."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from nerdistill.metrics.counts import count_spans
from nerdistill.metrics.errors import compare_spans
from nerdistill.metrics.seen import SEEN, Shown, form, forms
from nerdistill.metrics.tally import NOTHING, Case, tally
from nerdistill.types import Sentence, Span
from tests.metrics.test_error_types import sentences as entities

NOTHING_SHOWN = Shown(frozenset(), frozenset())
WORDS = tuple("abcdefghijklmnopqrstuvwxyz" * 2)


def sentence(words: str, *spans: Span) -> Sentence:
    """A labelled sentence of its own."""
    return Sentence(words, tuple(words.split()), spans=spans)


def test_a_form_does_not_depend_on_tokens() -> None:
    """Two ways to cut a name give one form; case tells two names apart."""
    whole = sentence("in Coca-Cola", Span(1, 2, "ORG"))
    cut = sentence("by Coca - Cola", Span(1, 4, "PER"))
    lower = sentence("coca-cola", Span(0, 1, "ORG"))
    assert forms([whole]) == forms([cut]) != forms([lower])
    assert form(cut, Span(1, 2, "ORG")) == "Coca"


def test_original_data_come_first() -> None:
    """A form of both pools counts as one of original data, whatever its types there."""
    shown = Shown(frozenset({"Ada"}), frozenset({"Ada", "Ulm"}))
    one = sentence("Ada left Ulm for Wick")
    spans = (Span(0, 1, "PER"), Span(2, 3, "LOC"), Span(4, 5, "LOC"))
    assert tuple(shown.where(one, span) for span in spans) == SEEN


def test_each_error_is_counted_under_its_type_and_place() -> None:
    """A made-up corpus with one error of each kind."""
    gold = [
        sentence("Ada met Bela", Span(0, 1, "PER"), Span(2, 3, "PER")),
        sentence("New Ulm is far", Span(0, 2, "LOC")),
        sentence("it rained on Wick"),
    ]
    predicted = [
        (Span(0, 1, "PER"), Span(2, 3, "LOC")),
        (Span(1, 2, "LOC"),),
        (Span(3, 4, "ORG"),),
    ]
    shown = Shown(frozenset({"Ada", "Ulm"}), frozenset({"Wick"}))
    counts = tally(gold, predicted, shown)
    assert counts == {
        Case("correct", "PER", "PER", "original"): 1,
        Case("type", "PER", "LOC", "unseen"): 1,
        Case("boundary", "LOC", "LOC", "unseen"): 1,
        Case("spurious", NOTHING, "ORG", "distilled"): 1,
    }
    assert [case.type for case in counts] == ["PER", "PER", "LOC", "ORG"]


@given(st.lists(st.tuples(entities(), entities()), max_size=4))
def test_sums_are_those_of_the_scores(corpus: list[tuple[list[Span], list[Span]]]) -> None:
    """No entity of gold or prediction is lost, and what is correct is what scores count."""
    gold = [Sentence(str(i), WORDS, spans=tuple(one)) for i, (one, _) in enumerate(corpus)]
    counts = tally(gold, [other for _, other in corpus], NOTHING_SHOWN)
    sums = [count_spans(*pair) for pair in corpus]
    assert sum(n for case, n in counts.items() if case.kind == "correct") == sum(
        one.correct for one in sums
    )
    assert sum(n for case, n in counts.items() if case.gold != NOTHING) == sum(
        one.gold for one in sums
    )
    assert sum(n for case, n in counts.items() if case.predicted != NOTHING) == sum(
        one.predicted for one in sums
    )
    kinds = Counter(match.kind for pair in corpus for match in compare_spans(*pair))
    assert Counter(case.kind for case in counts.elements()) == kinds

"""Trying a teacher on a few sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.calibrate import calibration, choose
from nerdistill.annotate.protocol import Failure
from nerdistill.digest import Digest
from nerdistill.errors import CorpusError
from nerdistill.types import Annotation, Corpus, Document, Provenance, Sentence, Span

SOURCE = Provenance("replay", "m", Digest("p"), Digest("r"))
FAILURE = Failure(Digest("r"), "timeout", "too slow")


def made_up(bearing: int, empty: int, unlabelled: int = 0, document: int = 3) -> Corpus:
    """A corpus with so many sentences of each kind, three a document."""
    kinds: list[tuple[Span, ...] | None] = [
        *[(Span(0, 1, "PER"),)] * bearing,
        *[()] * empty,
        *[None] * unlabelled,
    ]
    sentences = [Sentence(f"s{i}", ("Ada", "left"), spans=kind) for i, kind in enumerate(kinds)]
    parts = range(0, len(sentences), document)
    return Corpus(tuple(Document(f"d{i}", tuple(sentences[i : i + document])) for i in parts))


def names(corpus: Corpus) -> list[str]:
    """The ids in order."""
    return [sentence.id for sentence in corpus.sentences]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5), st.integers(1, 90))
def test_entities_are_as_frequent_as_in_the_corpus(
    bearing: int, empty: int, unlabelled: int, n: int
) -> None:
    """The share is right to the sentence, and only what has gold is chosen, in its order."""
    corpus = made_up(bearing, empty, unlabelled)
    if bearing + empty == 0:
        with pytest.raises(CorpusError, match="no sentence has gold"):
            choose(corpus, n, seed=0)
        return
    chosen = choose(corpus, n, seed=0)
    found = sum(bool(sentence.spans) for sentence in chosen.sentences)
    wanted = min(n, bearing + empty)
    assert len(chosen) == wanted
    assert all(sentence.spans is not None for sentence in chosen.sentences)
    assert abs(found - wanted * bearing / (bearing + empty)) < 1
    assert found > 0 or bearing == 0
    kept = set(names(chosen))
    assert names(chosen) == [name for name in names(corpus) if name in kept]
    assert all(document.sentences for document in chosen.documents)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_a_larger_choice_holds_a_smaller_one(bearing: int, empty: int, n: int) -> None:
    """To calibrate with more sentences asks only for the new ones."""
    corpus = made_up(bearing, empty)
    assert set(names(choose(corpus, n, seed=4))) <= set(names(choose(corpus, n + 1, seed=4)))


def test_seeds() -> None:
    """One seed gives one choice, another one another."""
    corpus = made_up(50, 50)
    first, again, other = (names(choose(corpus, 20, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_none_to_choose_is_refused() -> None:
    """A calibration on no sentence says nothing."""
    with pytest.raises(ValueError, match="none"):
        choose(made_up(1, 1), 0, seed=0)


def labels(corpus: Corpus, right: int) -> list[Annotation]:
    """Labels of which the first so many are gold's, and the others miss everything."""
    return [
        Annotation(s.id, (s.spans or ()) if i < right else (), (None,), SOURCE, ())
        for i, s in enumerate(corpus.sentences)
    ]


def test_measures_with_intervals_and_decides() -> None:
    """The measured F1 decides; the interval around it is told."""
    corpus = made_up(30, 10)
    found = calibration(labels(corpus, 15), corpus, [])
    assert (found.sentences, found.bearing) == (40, 30)
    assert found.f1 == pytest.approx(66.6667)
    assert found.audit.intervals
    interval = found.audit.intervals.overall.f1
    assert interval.low < 60
    assert interval.high > 70
    assert found.below(66.7)
    assert not found.below(66.6)
    told = found.to_json()
    assert (told["sentences"], told["bearing"], told["recall"]) == (40, 30, 50.0)


def test_failures_are_counted_and_not_scored() -> None:
    """Sentences without labels are told with their kind, and the F1 is that of the others."""
    corpus = made_up(10, 0)
    made = labels(corpus, 10)
    found = calibration(made[:6], corpus, [(one.sentence_id, FAILURE) for one in made[6:]])
    assert found.f1 == 100.0
    assert (found.audit.failed, found.audit.failures) == (4, {"timeout": 4})
    assert found.audit.lost == 4
    assert not found.below(100.0)


def test_without_any_label_a_run_stops() -> None:
    """Where every sentence failed there is no F1, and no bar is met."""
    corpus = made_up(2, 1)
    found = calibration([], corpus, [(name, FAILURE) for name in names(corpus)])
    assert found.f1 is None
    assert found.below(0.0)
    assert found.to_json()["f1"] is None

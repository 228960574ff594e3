"""The audit of a teacher's labels."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from nerdistill.annotate.audit import OUTCOMES, Auditor, audit
from nerdistill.annotate.protocol import Failure
from nerdistill.digest import Digest
from nerdistill.metrics.score import Score
from nerdistill.types import Annotation, Corpus, Document, Issue, Provenance, Sentence, Span

SOURCE = Provenance("replay", "m", Digest("p"), Digest("r"))
GOLD = Corpus(
    (
        Document(
            "d",
            (
                Sentence("a", ("Ada", "left", "Ulm"), spans=(Span(0, 1, "PER"), Span(2, 3, "LOC"))),
                Sentence("b", ("Borsk", "Rovers", "won"), spans=(Span(0, 2, "ORG"),)),
                Sentence("c", ("It", "rained"), spans=()),
            ),
        ),
    )
)


def labelled(name: str, *spans: Span, issues: tuple[Issue, ...] = ()) -> Annotation:
    """A teacher's labels of one sentence."""
    return Annotation(name, spans, (None,) * len(spans), SOURCE, issues)


def test_scores_errors_and_confusion() -> None:
    """Counts by hand: one right, one wrong type, one wrong edge, one invented."""
    found = audit(
        [
            labelled("a", Span(0, 1, "PER"), Span(2, 3, "ORG")),
            labelled("b", Span(0, 1, "ORG")),
            labelled("c", Span(0, 1, "MISC")),
        ],
        GOLD,
        failures=0,
    )
    assert found.errors == {
        "correct": 1,
        "type": 1,
        "boundary": 1,
        "boundary_and_type": 0,
        "missed": 0,
        "spurious": 1,
    }
    assert found.confusion == {
        "LOC": {"ORG": 1},
        "O": {"MISC": 1},
        "ORG": {"ORG": 1},
        "PER": {"PER": 1},
    }
    told = found.to_json()
    assert (told["precision"], told["recall"]) == (pytest.approx(25.0), pytest.approx(33.3333))
    assert {(one.text, one.gold, one.teacher) for one in found.disagreements} == {
        ("Ulm", "LOC", "ORG"),
        ("Borsk Rovers", "ORG", "ORG"),
        ("It", "O", "MISC"),
    }


def test_failed_sentences_are_counted_not_scored() -> None:
    """A sentence without a usable reply costs no recall, but is told."""
    found = audit([labelled("a", *(GOLD.documents[0].sentences[0].spans or ()))], GOLD, failures=2)
    assert (found.sentences, found.failed, found.scored) == (3, 2, 1)
    assert found.to_json()["recall"] == 100.0


def test_outcomes_add_up() -> None:
    """Every mention of every reply is in the ledger, and outcomes that did not occur show 0."""
    issues = (Issue("exact", "PER", "Ada"), Issue("not_in_text", "LOC", "Paris"))
    found = audit([labelled("a", Span(0, 1, "PER"), issues=issues)], GOLD, failures=0)
    assert found.outcomes == {
        "exact": 1,
        "repaired": 0,
        "ambiguous": 0,
        "relabelled": 0,
        "not_in_text": 1,
        "unknown_label": 0,
        "overlap": 0,
        "outvoted": 0,
        "rejected": 0,
    }
    assert found.outcome_shares["exact"] == found.outcome_shares["not_in_text"] == 50.0


def test_shares_count_failed_sentences_among_all() -> None:
    """Failures are a share of the sentences, outcomes a share of the mentions, if there are any."""
    shares = audit([], GOLD, failures=3).to_json()["outcome_shares"]
    expected: dict[str, float] = dict.fromkeys(OUTCOMES, 0.0)
    assert shares == {**expected, "failed": 100.0}


def test_without_gold_there_are_no_scores() -> None:
    """A corpus that nobody has labelled gives a ledger and no F1."""
    bare = Corpus((Document("d", (Sentence("a", ("Ada",)),)),))
    told = audit([labelled("a", Span(0, 1, "PER"))], bare, failures=0).to_json()
    assert told["f1"] is None
    assert told["confusion"] == {}


def test_a_stream_gives_the_same_numbers() -> None:
    """Sentence by sentence or all at once: one audit; failures are counted by their kind."""
    made = [labelled("a", Span(0, 1, "PER"), Span(2, 3, "ORG")), labelled("c", Span(0, 1, "MISC"))]
    lost = Failure(Digest("r"), "truncated", "cut off")
    sentences = {sentence.id: sentence for sentence in GOLD.sentences}
    auditor = Auditor()
    auditor.add(sentences["a"], made[0])
    auditor.fail(sentences["b"], lost)
    auditor.add(sentences["c"], made[1])
    found = auditor.result()
    assert found == audit(made, GOLD, failures=[("b", lost)])
    assert (found.sentences, found.failed, found.failures) == (3, 1, {"truncated": 1})
    assert found.lost == 1
    assert found.scored == 2
    told = audit(made, GOLD, failures=1).to_json()
    expected = {**found.to_json(), "failures": {}, "lost": 0}
    assert told == expected


def test_scores_come_with_intervals() -> None:
    """Each score lies in its 95 % interval, over all and by type, whole numbers of sentences."""
    right = labelled("a", Span(0, 1, "PER"), Span(2, 3, "ORG"))
    sentences = list(GOLD.sentences)
    auditor = Auditor()
    for _ in range(20):
        auditor.add(sentences[0], right)
        auditor.add(sentences[1], labelled("b", Span(0, 2, "ORG")))
    intervals = auditor.result().intervals
    assert intervals
    assert intervals.overall.sentences == intervals.by_type["ORG"].sentences == 40
    assert intervals.overall.f1.value == pytest.approx(66.6667)
    assert intervals.overall.f1.low < 66.6 < intervals.overall.f1.high
    assert intervals.by_type["PER"].f1.low == intervals.by_type["PER"].f1.high == 100.0
    assert intervals.by_type["LOC"].recall.high == 0.0


def test_labels_without_entities_score_nothing() -> None:
    """Where neither gold nor teacher names an entity, scores are 0 of 0, and no crash."""
    auditor = Auditor()
    auditor.add(Sentence("c", ("It", "rained"), spans=()), labelled("c"))
    found = auditor.result()
    assert found.score == Score(0.0, 0.0, 0.0, 0, {})
    assert found.scored == 1


def test_memory_stays_flat() -> None:
    """Ten thousand sentences more take no more room than some hundred did."""
    auditor = Auditor()
    sentences = list(GOLD.sentences)
    rows = [labelled("a", Span(0, 1, "PER")), labelled("b"), labelled("c", Span(0, 1, "MISC"))]

    def add(times: int) -> None:
        for _ in range(times):
            for sentence, row in zip(sentences, rows, strict=True):
                auditor.add(sentence, row)

    tracemalloc.start()
    try:
        add(100)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        add(3_300)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 10_000
    assert auditor.result().scored == 10_200

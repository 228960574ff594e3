"""Prediction and scoring of a tagger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.errors import InputError
from nerdistill.evaluate import predict
from nerdistill.evaluate.predict import predict_tags, relabel, tags_to_entities
from nerdistill.evaluate.scoring import evaluate_model
from nerdistill.progress import Silent
from nerdistill.student.tagger import Tagger, load_student
from nerdistill.types import Corpus, Document, Sentence, Span
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TAGS = ("O", "B-PER", "I-PER")
SENTENCES = [
    Sentence(
        str(i), tuple(f"w{j % 7}x{i}" for j in range(1 + 5 * i)), spans=(Span(i, i + 1, "PER"),)
    )
    for i in range(12)
]


@pytest.fixture
def tagger(tmp_path: Path) -> Tagger:
    """A tagger with random weights: its labels are arbitrary, but always the same."""
    folder = save_tiny_student(tmp_path / "s", ["ada"], positions=48)
    return load_student(folder, TAGS, seed=3)


def tags_of(
    tagger: Tagger, sentences: Sequence[Sentence], *, windows: bool = True
) -> list[list[str]]:
    """Predicted tags."""
    with Silent().task("t", total=None, unit="u") as task:
        return predict_tags(tagger, sentences, task=task, windows=windows)


def test_labels_do_not_depend_on_company(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, in another order or in other batches, a sentence gets the same labels."""
    together = tags_of(tagger, SENTENCES)
    assert [len(tags) for tags in together] == [len(s.tokens) for s in SENTENCES]
    assert together == tags_of(tagger, SENTENCES[::-1])[::-1]
    assert together == [tags_of(tagger, [sentence])[0] for sentence in SENTENCES]
    monkeypatch.setattr(predict, "BATCH_PIECES", 64)
    assert together == tags_of(tagger, SENTENCES)
    assert len({tag for tags in together for tag in tags}) > 1


def test_gold_counts_with_and_without_windows(tagger: Tagger) -> None:
    """Beyond the encoder's room gold still counts; without windows it can only be missed."""
    corpus = Corpus((Document("d", tuple(SENTENCES)),))
    scores = [
        evaluate_model(tagger, corpus, progress=Silent(), title="t", windows=windows)[0]
        for windows in (True, False)
    ]
    assert scores[0].gold == scores[1].gold == len(SENTENCES)
    cut = tags_of(tagger, SENTENCES, windows=False)[-1]
    assert len(cut) == len(SENTENCES[-1].tokens)
    assert set(cut[40:]) == {"O"}


def test_unlabelled_text_cannot_be_scored(tagger: Tagger) -> None:
    """Without gold there is no score, and the line names the sentence."""
    corpus = Corpus((Document("d", (Sentence("bare", ("Ada",)),)),))
    with pytest.raises(InputError, match="bare"):
        evaluate_model(tagger, corpus, progress=Silent(), title="t")


def test_predictions_take_the_place_of_labels() -> None:
    """Relabelling keeps documents and words, and puts in what was predicted."""
    corpus = Corpus((Document("a", (SENTENCES[0],)), Document("b", (SENTENCES[1],))))
    labelled = relabel(corpus, [["B-PER"], ["O", "B-PER", "I-PER", "I-LOC", "I-PER", "B-LOC"]])
    assert [one.id for one in labelled.documents] == ["a", "b"]
    assert [s.spans for s in labelled.sentences] == [
        (Span(0, 1, "PER"),),
        (Span(1, 3, "PER"), Span(5, 6, "LOC")),
    ]


def test_broken_tag_sequences_are_read_strictly() -> None:
    """An I- of another type, or without B-, is no entity and ends the one before."""
    assert tags_to_entities(["I-PER", "B-LOC", "I-PER", "I-PER", "B-PER"]) == (
        Span(1, 2, "LOC"),
        Span(4, 5, "PER"),
    )

"""Prediction and scoring of a tagger."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.errors import InputError
from nerdistill.evaluate import predict
from nerdistill.evaluate.predict import predict_tags, relabel, tags_to_entities
from nerdistill.evaluate.scoring import evaluate_model
from nerdistill.progress import PlainLines, Silent
from nerdistill.student.tagger import Tagger, load_student
from nerdistill.types import Corpus, Document, Sentence, Span
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    monkeypatch.setitem(predict.BATCH_PIECES, tagger.device.type, 64)
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
    assert set(cut[46:]) == {"O"}


def test_windows_matter_to_long_sentences_only(tagger: Tagger) -> None:
    """A sentence that fits gets the same labels either way; one that does not is read further."""
    with_windows, without = (tags_of(tagger, SENTENCES, windows=w) for w in (True, False))
    fits = [len(w) == 1 for w in tagger.encoder.encode([s.tokens for s in SENTENCES])]
    assert any(fits)
    assert not all(fits)
    for one, other, whole in zip(with_windows, without, fits, strict=True):
        assert (one == other) or not whole


def test_progress_counts_sentences(tagger: Tagger) -> None:
    """However many windows a sentence needs, it is one; no sentence at all is no crash."""
    stream = io.StringIO()
    corpus = Corpus((Document("d", tuple(SENTENCES)),))
    evaluate_model(tagger, corpus, progress=PlainLines(stream), title="t")
    assert stream.getvalue().startswith("t: 12/12 sentences")
    assert tags_of(tagger, []) == []


@pytest.mark.student
def test_the_real_student_reads_beyond_its_room() -> None:
    """MiniLM labels every word of a sentence of over 512 pieces, and misses no gold."""
    folder = Path(__file__).parents[2] / "models" / "minilm"
    if not (folder / "model.safetensors").is_file():
        pytest.skip("models/minilm is not there: run scripts/setup")
    spans = tuple(Span(i, i + 1, "PER") for i in range(0, 700, 7))
    corpus = Corpus((Document("d", (Sentence("s", ("Ada",) * 700, spans=spans),)),))
    tagger = load_student(folder, TAGS, seed=3)
    for windows in (True, False):
        score, (tags,) = evaluate_model(
            tagger, corpus, progress=Silent(), title="t", windows=windows
        )
        assert (score.gold, len(tags)) == (100, 700)
        assert windows or set(tags[510:]) == {"O"}


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

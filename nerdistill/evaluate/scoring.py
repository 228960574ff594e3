"""Score a tagger on a labelled corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.errors import InputError
from nerdistill.evaluate.predict import predict_tags
from nerdistill.labels import spans_to_tags
from nerdistill.metrics.score import Score, score

if TYPE_CHECKING:
    from nerdistill.progress import Progress
    from nerdistill.student.tagger import Tagger
    from nerdistill.types import Corpus


def evaluate_model(
    tagger: Tagger, corpus: Corpus, *, progress: Progress, title: str, windows: bool = True
) -> tuple[Score, list[list[str]]]:
    """Strict scores, and the predicted IOB2 tags of each sentence in the corpus's order.

    Args:
        tagger: the model.
        corpus: with gold spans.
        progress: gets one task.
        title: of that task.
        windows: False cuts long sentences off; their gold still counts.

    Raises:
        InputError: a sentence has no gold labels.
    """
    sentences = list(corpus.sentences)
    gold: list[list[str]] = []
    for sentence in sentences:
        if sentence.spans is None:
            raise InputError(
                f"sentence {sentence.id} has no labels to score against",
                "Name a corpus that humans have labelled.",
            )
        gold.append(spans_to_tags(sentence.spans, len(sentence.tokens)))
    with progress.task(title, total=len(sentences), unit="sentences") as task:
        tags = predict_tags(tagger, sentences, task=task, windows=windows)
    return score(gold, tags), tags

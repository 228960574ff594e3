"""Predict tags with a trained tagger, sentences batched by length."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from nerdistill.labels import split_tag
from nerdistill.types import Corpus, Document, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nerdistill.progress import Task
    from nerdistill.student.encode import Window
    from nerdistill.student.tagger import Tagger
    from nerdistill.types import Sentence

BATCH_PIECES = {"cpu": 512, "cuda": 16_384}
"""Padded word pieces that go through the model at once: what a CPU's cache holds, or what fills a
GPU."""


def predict_tags(
    tagger: Tagger, sentences: Sequence[Sentence], *, task: Task, windows: bool = True
) -> list[list[str]]:
    """The most probable IOB2 tag of every word, sentences in the order given.

    Args:
        tagger: left in evaluation mode.
        sentences: to label.
        task: advanced by one a sentence.
        windows: False cuts long sentences off as plain truncation does; words behind the cut are
            then predicted as O.
    """
    tags = [["O"] * len(sentence.tokens) for sentence in sentences]
    for number, window, classes in read_windows(
        tagger, sentences, _best, task=task, windows=windows
    ):
        row: list[int] = classes.tolist()
        for word, head in enumerate(window.heads, start=window.first_word):
            tags[number][word] = tagger.tags[row[head]]
    return tags


def read_windows(
    tagger: Tagger,
    sentences: Sequence[Sentence],
    take: Callable[[torch.Tensor], torch.Tensor],
    *,
    task: Task,
    windows: bool = True,
) -> Iterator[tuple[int, Window, torch.Tensor]]:
    """Each window with its sentence's number and, for each of its positions, what was taken.

    Args:
        tagger: left in evaluation mode.
        sentences: to read.
        take: makes what is wanted of a batch's logits, `(windows, positions, classes)`; only that
            leaves the device.
        task: advanced by one a sentence.
        windows: as for `predict_tags`.
    """
    coded = tagger.encoder.encode([s.tokens for s in sentences], windows=windows)
    items = [(window, number) for number, found in enumerate(coded) for window in found]
    items.sort(key=lambda item: len(item[0].pieces))
    most = BATCH_PIECES.get(tagger.device.type, BATCH_PIECES["cuda"])
    cuts = [0] if items else []
    for i, (window, _) in enumerate(items):
        if len(window.pieces) * (i + 1 - cuts[-1]) > most and i > cuts[-1]:
            cuts.append(i)
    tagger.model.train(mode=False)
    for start, end in pairwise((*cuts, len(items))):
        batch = items[start:end]
        with torch.inference_mode():
            taken = take(_logits(tagger, [window for window, _ in batch])).cpu()
        for (window, number), row in zip(batch, taken, strict=True):
            yield number, window, row
        task.advance(sum(window.first_word == 0 for window, _ in batch))


def _best(logits: torch.Tensor) -> torch.Tensor:
    return logits.argmax(-1)


def _logits(tagger: Tagger, windows: Sequence[Window]) -> torch.Tensor:
    """`(windows, positions, classes)`."""
    longest = max(len(window.pieces) for window in windows)
    pad = tagger.tokenizer.pad_token_id
    pieces = torch.full((len(windows), longest), pad if isinstance(pad, int) else 0)
    mask = torch.zeros_like(pieces)
    for row, window in enumerate(windows):
        pieces[row, : len(window.pieces)] = torch.tensor(window.pieces)
        mask[row, : len(window.pieces)] = 1
    device = tagger.device
    logits: torch.Tensor = tagger.model(
        input_ids=pieces.to(device), attention_mask=mask.to(device)
    ).logits
    return logits


def tags_to_entities(tags: Sequence[str]) -> tuple[Span, ...]:
    """The entities of predicted IOB2 tags; an `I-` that no `B-` opens is none (as strict scoring).

    Unlike `labels.tags_to_spans` this never refuses: a model may break the scheme.
    """
    spans: list[Span] = []
    start, label = 0, ""
    for position, tag in enumerate((*tags, "O")):
        prefix, kind = split_tag(tag)
        if label and not (prefix == "I" and kind == label):
            spans.append(Span(start, position, label))
            label = ""
        if prefix == "B":
            start, label = position, kind
    return tuple(spans)


def relabel(corpus: Corpus, tags: Sequence[Sequence[str]]) -> Corpus:
    """The corpus with predicted entities in place of its own; `tags` in its sentences' order."""
    remaining = iter(tags)
    return Corpus(
        tuple(
            Document(
                document.id,
                tuple(
                    replace(sentence, spans=tags_to_entities(next(remaining)))
                    for sentence in document.sentences
                ),
            )
            for document in corpus.documents
        )
    )

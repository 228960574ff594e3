"""The training loop: planned batches in, a trained student out."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from nerdistill.errors import CorpusError, LabelError, NerdistillError
from nerdistill.labels import spans_to_tags
from nerdistill.train.recipe import rate_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nerdistill.blend.plan import Pick, PoolName
    from nerdistill.progress import Task
    from nerdistill.student.encode import Encoder, Window
    from nerdistill.student.tagger import Tagger
    from nerdistill.train.recipe import Recipe
    from nerdistill.types import Sentence

MICRO_BATCH_PIECES = 16_384
"""Most padded word pieces that go through the model at once."""

UNEVEN = 1.5
"""A micro-batch ends where the next window is this much longer than its shortest."""


@dataclass(frozen=True, slots=True)
class Example:
    """A training sentence, ready for the model.

    Attributes:
        windows: at least one.
        classes: for each word the index of its tag.
        weights: for each word its weight in the loss.
    """

    windows: tuple[Window, ...]
    classes: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def length(self) -> int:
        """Word pieces, which is what the model's time depends on."""
        return sum(len(window.pieces) for window in self.windows)


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a training was.

    Attributes:
        losses: mean loss of each step.
        shown: how many examples of each pool were shown.
        useful_tokens: share of the word pieces fed to the model that were not padding.
        seconds: wall time of the loop.
    """

    losses: tuple[float, ...]
    shown: dict[str, int]
    useful_tokens: float
    seconds: float


def prepare(sentences: Sequence[Sentence], encoder: Encoder, tags: Sequence[str]) -> list[Example]:
    """Encode labelled sentences.

    Raises:
        CorpusError: a sentence has no labels.
        LabelError: a sentence has a label that no tag is for.
    """
    index = {tag: i for i, tag in enumerate(tags)}
    coded = encoder.encode([sentence.tokens for sentence in sentences])
    examples: list[Example] = []
    for sentence, windows in zip(sentences, coded, strict=True):
        if sentence.spans is None:
            raise CorpusError(
                f"sentence {sentence.id!r} is unlabelled and cannot be trained on",
                "Train on sentences that humans or a teacher have labelled.",
            )
        for span in sentence.spans:
            if f"B-{span.label}" not in index:
                raise LabelError(
                    f"sentence {sentence.id!r}: type {span.label!r} is not in the label schema",
                    "Name a schema that holds it.",
                )
        words = len(sentence.tokens)
        classes = tuple(index[tag] for tag in spans_to_tags(sentence.spans, words))
        weights = sentence.weights or (1.0,) * words
        examples.append(Example(tuple(windows), classes, weights))
    return examples


def train(
    tagger: Tagger,
    plan: Sequence[Sequence[Pick]],
    pools: Mapping[PoolName, Sequence[Example]],
    recipe: Recipe,
    *,
    starts: Sequence[int],
    seed: int,
    task: Task,
) -> TrainingRecord:
    """Train `tagger` in place on exactly the planned batches.

    Args:
        tagger: its weights change.
        plan: the examples of each step.
        pools: what the plan's picks point into.
        recipe: rates, clipping and decay.
        starts: the steps at which a schedule, and its optimizer, starts anew.
        seed: of dropout.
        task: advanced by one a step.

    Raises:
        NerdistillError: the loss is no number any more.
    """
    torch.manual_seed(seed)
    model = tagger.model.train()
    began = time.monotonic()
    losses: list[float] = []
    shown = {"original": 0, "distilled": 0}
    fed = useful = 0
    for step, picks in enumerate(plan):
        if step in starts:
            optimizer = _optimizer(model, recipe)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, starts, recipe)
        examples = [pools[pick.pool][pick.index] for pick in picks]
        total = math.fsum(weight for example in examples for weight in example.weights)
        loss = torch.zeros((), device=tagger.device)
        for batch in micro_batches(examples, pad=_pad_id(tagger)):
            part = _loss(tagger, batch) / max(total, 1e-9)
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
            fed += batch.pieces.numel()
            useful += int(batch.lengths.sum())
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(_finite(float(loss), step))
        for pick in picks:
            shown[pick.pool] += 1
        task.advance(1, loss=losses[-1], sentences=_rate(shown, began))
    values = tuple(round(loss, 6) for loss in losses)
    return TrainingRecord(values, shown, useful / max(fed, 1), time.monotonic() - began)


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise NerdistillError(
            f"training diverged: the loss of step {step + 1} is {loss}",
            "Give a smaller learning rate, and check that the student's weights are whole.",
        )
    return loss


def _rate(shown: Mapping[str, int], began: float) -> float:
    return sum(shown.values()) / max(time.monotonic() - began, 1e-9)


def _pad_id(tagger: Tagger) -> int:
    pad = tagger.tokenizer.pad_token_id
    return pad if isinstance(pad, int) else 0


def _optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW that decays matrices but neither biases nor layer norms."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Windows that go through the model together.

    Attributes:
        pieces: `(windows, longest) int64`, padded.
        lengths: `(windows,) int64`, unpadded lengths.
        rows: `(words,) int64`: the window of each scored word.
        columns: `(words,) int64`: the position of its first piece.
        classes: `(words,) int64`: its tag.
        weights: `(words,) float32`: its weight in the loss.
    """

    pieces: torch.Tensor
    lengths: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    classes: torch.Tensor
    weights: torch.Tensor


def micro_batches(examples: Sequence[Example], *, pad: int) -> Iterator[MicroBatch]:
    """One step's windows, in micro-batches of similar length that fit into memory."""
    items = [(window, example) for example in examples for window in example.windows]
    items.sort(key=lambda item: len(item[0].pieces))
    cuts = [0]
    for i, (window, _) in enumerate(items):
        longest, shortest = len(window.pieces), len(items[cuts[-1]][0].pieces)
        full = longest * (i + 1 - cuts[-1]) > MICRO_BATCH_PIECES
        if i > cuts[-1] and (full or longest > UNEVEN * shortest):
            cuts.append(i)
    for start, end in pairwise((*cuts, len(items))):
        yield _micro_batch(items[start:end], pad)


def _micro_batch(items: Sequence[tuple[Window, Example]], pad: int) -> MicroBatch:
    lengths = [len(window.pieces) for window, _ in items]
    pieces = torch.full((len(items), max(lengths)), pad, dtype=torch.int64)
    rows: list[int] = []
    columns: list[int] = []
    classes: list[int] = []
    weights: list[float] = []
    for row, (window, example) in enumerate(items):
        pieces[row, : lengths[row]] = torch.tensor(window.pieces, dtype=torch.int64)
        scored = slice(window.first_word, window.first_word + len(window.heads))
        rows += [row] * len(window.heads)
        columns += window.heads
        classes += example.classes[scored]
        weights += example.weights[scored]
    return MicroBatch(
        pieces,
        torch.tensor(lengths),
        torch.tensor(rows, dtype=torch.int64),
        torch.tensor(columns, dtype=torch.int64),
        torch.tensor(classes, dtype=torch.int64),
        torch.tensor(weights, dtype=torch.float32),
    )


def _loss(tagger: Tagger, batch: MicroBatch) -> torch.Tensor:
    """The weighted sum of the cross-entropies of the batch's words."""
    device = tagger.device
    lengths = batch.lengths.to(device)
    mask = torch.arange(batch.pieces.shape[1], device=device)[None, :] < lengths[:, None]
    bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        logits = tagger.model(
            input_ids=batch.pieces.to(device), attention_mask=mask.to(torch.int64)
        ).logits
    words = logits[batch.rows.to(device), batch.columns.to(device)].float()
    losses = torch.nn.functional.cross_entropy(words, batch.classes.to(device), reduction="none")
    return (losses * batch.weights.to(device)).sum()

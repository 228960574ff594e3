"""The training loop on a tiny student."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from nerdistill.blend.curve import Constant, Step
from nerdistill.blend.plan import Pick
from nerdistill.errors import CorpusError, LabelError, NerdistillError
from nerdistill.labels import spans_to_tags
from nerdistill.progress import Silent
from nerdistill.student.tagger import load_student
from nerdistill.train import batch as batches
from nerdistill.train import gpu
from nerdistill.train.batch import assemble, parts
from nerdistill.train.fit import Job, encode_pools, fit
from nerdistill.train.loss import batch_losses
from nerdistill.train.pool import load_pool, prepare, save_pool
from nerdistill.train.recipe import Recipe
from nerdistill.train.stack import Stack
from nerdistill.types import Sentence, Span
from tests.student_factory import save_tiny_student
from tests.train.runs import TAGS, TYPES, WORDS, sentences

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.blend.curve import Curve
    from nerdistill.student.tagger import Tagger
    from nerdistill.train.loop import TrainingRecord


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder that knows the words."""
    return save_tiny_student(tmp_path / "student", WORDS)


def run(
    student: Path,
    out: Path,
    *,
    curve: Curve,
    recipe: Recipe,
    seed: int = 1,
    original: list[Sentence] | None = None,
) -> TrainingRecord:
    """One training on made-up pools, or on these original sentences alone."""
    pools = encode_pools(
        student,
        TYPES,
        original=sentences(12) if original is None else original,
        distilled=sentences(20, fillers=5) if original is None else [],
    )
    job = Job(student, TYPES, pools, curve, recipe, seed, out)
    (record,) = fit([job], progress=Silent(), title="test")
    return record


SHORT = Recipe(steps=6, batch_size=4, learning_rate=1e-3)


def test_the_same_seed_gives_the_same_bytes(student: Path, tmp_path: Path) -> None:
    """Two runs end with bit-identical weights; another seed does not."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(student, tmp_path / name, curve=Constant(0.5), recipe=SHORT, seed=seed)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_the_student_learns(student: Path, tmp_path: Path) -> None:
    """On an easy task the loss falls far below where it began."""
    recipe = Recipe(steps=60, batch_size=8, learning_rate=5e-3)
    record = run(student, tmp_path / "out", curve=Constant(0.5), recipe=recipe)
    assert record.losses[-1] < 0.1 * record.losses[0]


def test_examples_shown_are_counted(student: Path, tmp_path: Path) -> None:
    """The record says how many examples of each pool were really shown."""
    record = run(student, tmp_path / "out", curve=Step(0.25), recipe=replace(SHORT, steps=8))
    assert record.shown == {"original": 24, "distilled": 8}
    assert 0.5 < record.useful_tokens <= 1.0


def test_restart_and_single_differ(student: Path, tmp_path: Path) -> None:
    """A new schedule and optimizer at the switch changes what is learnt, not what is shown."""
    records = [
        run(student, tmp_path / schedule, curve=Step(0.5), recipe=replace(SHORT, schedule=schedule))
        for schedule in ("single", "restart")
    ]
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("single", "restart")]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert records[0].shown == records[1].shown


def _gradients(tagger: Tagger, *pool: Sentence) -> torch.Tensor:
    """Gradients of one step on a whole pool with dropout off."""
    tagger.model.config.hidden_dropout_prob = 0.0
    tagger.model.config.attention_probs_dropout_prob = 0.0
    stack = Stack([tagger.model], [1])
    stack.begin(0)
    picks = [Pick("original", i) for i in range(len(pool))]
    for part in parts(picks, {"original": prepare(pool, tagger.encoder, TAGS)}):
        batch = assemble([part], tagger.device)
        batch_losses(stack.logits(batch), batch).sum().backward()  # type: ignore[no-untyped-call]
    return stack.weights.grads


def test_micro_batches_do_not_change_the_gradient(
    student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a step is cut into micro-batches, its gradient is that of one batch."""
    tagger = load_student(student, TAGS, seed=1)
    pool = sentences(12, fillers=6)
    whole = _gradients(tagger, *pool)
    monkeypatch.setattr(batches, "MICRO_BATCH_PIECES", 30)
    assert (
        len(parts([Pick("original", 0)] * 12, {"original": prepare(pool, tagger.encoder, TAGS)}))
        > 1
    )
    torch.testing.assert_close(_gradients(tagger, *pool), whole, rtol=1e-4, atol=1e-5)
    assert whole.abs().max() > 0.01


def test_weight_zero_masks_a_word(student: Path) -> None:
    """A word of weight 0 may carry any label: the gradient does not see it."""
    tagger = load_student(student, TAGS, seed=1)
    tokens, masked = ("Ada", "left", "Bela"), (1.0, 1.0, 0.0)
    right = Sentence("a", tokens, spans=(Span(0, 1, "PER"), Span(2, 3, "PER")), weights=masked)
    wrong = Sentence("a", tokens, spans=(Span(0, 1, "PER"),), weights=masked)
    assert torch.equal(_gradients(tagger, right), _gradients(tagger, wrong))


def test_long_sentences_are_trained_in_windows(student: Path) -> None:
    """A sentence beyond the encoder's room contributes every one of its words."""
    tokens = ("left",) * 150
    encoder = load_student(student, TAGS, seed=1).encoder
    pool = prepare([Sentence("a", tokens, spans=())], encoder, TAGS)
    found = parts([Pick("original", 0)], {"original": pool})
    assert pool.windows[1] > 1
    assert sum(len(part.classes) for part in found) == 150


def test_unlabelled_sentences_are_refused(student: Path) -> None:
    """Nobody's labels are not "no entities", and a label that no tag is for is named."""
    encoder = load_student(student, TAGS, seed=1).encoder
    with pytest.raises(CorpusError, match="unlabelled"):
        prepare([Sentence("a", ("Ada",))], encoder, TAGS)
    with pytest.raises(LabelError, match="sentence 'a': type 'VIP'"):
        prepare([Sentence("a", ("Ada",), spans=(Span(0, 1, "VIP"),))], encoder, TAGS)


def test_a_pool_is_read_from_its_files_as_it_was(student: Path, tmp_path: Path) -> None:
    """Every array comes back, mapped from its file."""
    encoder = load_student(student, TAGS, seed=1).encoder
    pool = prepare(sentences(5), encoder, TAGS)
    save_pool(pool, tmp_path)
    again = load_pool(tmp_path)
    for field in fields(pool):
        array = getattr(again, field.name)
        assert isinstance(array, np.memmap)
        assert array.dtype == getattr(pool, field.name).dtype
        assert np.array_equal(array, getattr(pool, field.name))


def test_a_diverged_training_is_told(student: Path, tmp_path: Path) -> None:
    """A loss that is no number ends the training at once, and no model is written."""
    weights = load_file(student / "model.safetensors")
    weights = {name: torch.full_like(weight, math.nan) for name, weight in weights.items()}
    save_file(weights, student / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NerdistillError, match="the loss of step 1 is nan"):
        run(student, tmp_path / "out", curve=Constant(0.5), recipe=SHORT)
    assert not (tmp_path / "out").exists()


def test_a_step_of_masked_words_teaches_nothing(student: Path, tmp_path: Path) -> None:
    """Where every word has weight 0 there is no gradient, hence no number that is none."""
    bare = [replace(s, weights=(0.0,) * len(s.tokens)) for s in sentences(6)]
    record = run(
        student,
        tmp_path / "out",
        curve=Constant(0.0),
        recipe=replace(SHORT, weight_decay=0.0),
        original=bare,
    )
    assert set(record.losses) == {0.0}
    before, after = (load_file(f / "model.safetensors") for f in (student, tmp_path / "out"))
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(before[name], after[f"bert.{name}"])


def test_the_loss_is_a_mean_over_words(student: Path, tmp_path: Path) -> None:
    """The first loss is the weighted mean cross-entropy of the first batch's words."""
    recipe = replace(SHORT, steps=1, batch_size=12)
    config = json.loads((student / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (student / "config.json").write_text(json.dumps(config))
    pool = [replace(s, weights=(0.5,) + (2.0,) * (len(s.tokens) - 1)) for s in sentences(12)]
    record = run(student, tmp_path / "out", curve=Constant(0.0), recipe=recipe, original=pool)
    tagger = load_student(student, TAGS, seed=1)
    tagger.model.train(mode=False)
    total = weight = 0.0
    for sentence in pool:
        ((window,),) = tagger.encoder.encode([sentence.tokens])
        logits = tagger.model(torch.tensor([window.pieces])).logits[0, list(window.heads)]
        classes = [TAGS.index(tag) for tag in spans_to_tags(sentence.spans or (), len(logits))]
        chosen = logits.log_softmax(-1)[range(len(classes)), classes]
        total -= float((chosen.detach() * torch.tensor(sentence.weights)).sum())
        weight += sum(sentence.weights or ())
    assert record.losses[0] == pytest.approx(total / weight, abs=1e-5)


def test_a_gpu_without_a_compiler_is_told_of(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training goes on, slower; who reads that knows what to look for."""
    monkeypatch.setattr(gpu, "kernels_take", lambda _model: True)
    monkeypatch.setattr(gpu, "why_no_kernels", lambda: "RuntimeError: no C compiler")
    told: list[str] = []

    class Told(Silent):
        """Keeps what is said."""

        def say(self, line: str) -> None:
            """Keep a line."""
            told.append(line)

    pools = encode_pools(student, TYPES, original=sentences(8), distilled=[])
    job = Job(student, TYPES, pools, Constant(0.0), Recipe(steps=2), 1, tmp_path / "out")
    fit([job], progress=Told(), title="t")
    (line,) = told
    assert "no C compiler" in line
    assert "nerdistill doctor --gpu" in line
    monkeypatch.setattr(gpu, "why_no_kernels", lambda: "")
    fit([job], progress=Told(), title="t")
    assert len(told) == 1

"""Triton's kernels, in Triton's interpreter: they compute what the layers of torch compute."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

pytest.importorskip("triton")

from nerdistill.blend.curve import Constant, Linear
from nerdistill.train import batch as batches
from nerdistill.train.adam import KernelAdam, TorchAdam
from nerdistill.train.batch import assemble, parts
from nerdistill.train.fused import FusedStack
from nerdistill.train.kernels.random import CounterStreams
from nerdistill.train.kernels.scatter import add_rows
from nerdistill.train.loop import Course, _step
from nerdistill.train.observe import Observer
from nerdistill.train.recipe import Recipe
from nerdistill.train.stack import Stack
from nerdistill.train.weights import Weights
from tests.student_factory import save_tiny_student
from tests.train.runs import WORDS, exact, planned
from tests.train.watched import watching

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nerdistill.train.adam import Adam
    from nerdistill.train.loop import Run

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="Triton compiles here: see test_gpu.py"
)
CPU = torch.device("cpu")
RECIPE = Recipe(steps=3, batch_size=4, learning_rate=3e-3)


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two trainings in single precision, which is what the kernels take."""
    student = save_tiny_student(tmp_path / "student", WORDS)
    found = [
        planned(exact(student, seed=1), Constant(0.5), RECIPE, seed=1),
        planned(exact(student, seed=2), Linear(), RECIPE, seed=2, distilled=31),
    ]
    for run in found:
        torch.nn.Module.to(run.tagger.model, torch.float32)
    return found


class Drawn(Stack):
    """The layers of torch, which drop what the kernels drop."""

    def _dropout_of(self, step: int) -> CounterStreams:
        return CounterStreams(self._seeds, step, self.device)


def gradients(stack: Stack, runs: Sequence[Run]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and gradients of a step."""
    stack.begin(1)
    (shown,) = zip(*(parts(run.plan[1], run.pools) for run in runs), strict=True)
    logits = stack.logits(assemble(shown, CPU, kernels=stack.kernels))
    (logits.square().sum()).backward()  # type: ignore[no-untyped-call]
    return logits.detach(), stack.weights.grads


@pytest.mark.parametrize("short", [(32, 64, 128), (4, 6, 8)])
def test_logits_and_gradients(
    runs: list[Run], short: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, and with windows that are too long for the kernels."""
    monkeypatch.setattr(batches, "SHORT", short)
    models, seeds = [run.tagger.model for run in runs], [run.seed for run in runs]
    logits, grads = gradients(Drawn(models, seeds), runs)
    found, found_grads = gradients(FusedStack(models, seeds), runs)
    torch.testing.assert_close(found, logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found_grads, grads, rtol=1e-4, atol=2e-5)
    assert grads.abs().max() > 1e-2


def test_dropout_keeps_as_much_as_it_should() -> None:
    """Nine of ten, other ones at each place, step and student, whoever is beside it."""
    streams = CounterStreams([1, 2], 0, CPU)
    one, other = streams.rows([50, 80], 200, 0.1, torch.float32), streams.key()
    assert other.shape == (2,)
    assert one[0, :50].mean().item() == pytest.approx(0.9, abs=0.01)
    assert one[0, 50:].sum() == 0
    alone = CounterStreams([2], 0, CPU).rows([80], 200, 0.1, torch.float32)
    assert torch.equal(alone[0], one[1])
    assert not torch.equal(one[0, :50], one[1, :50])
    later = CounterStreams([2], 1, CPU).rows([80], 200, 0.1, torch.float32)
    assert not torch.equal(alone, later)


def test_rows_are_added_where_they_came_from() -> None:
    """Rows that come often, in tables that do not lie next to each other."""
    buffer = torch.zeros(2, 7 * 5 + 3)
    tables = buffer[:, : 7 * 5].view(2, 7, 5)
    rows = torch.tensor([[0, 3, 3, 6], [2, 2, 2, 0]])
    values = torch.randn(2, 4, 5)
    wanted = torch.zeros(2, 7, 5)
    for k, count in enumerate((4, 3)):
        wanted[k].index_add_(0, rows[k, :count], values[k, :count])
    add_rows(tables, rows, values, (4, 3))
    torch.testing.assert_close(tables, wanted)
    assert buffer[:, 7 * 5 :].sum() == 0


def test_adamw_is_that_of_torch(runs: list[Run]) -> None:
    """Rates, decay, clipping and restarts of each student; moments go from one to the other."""
    models = [run.tagger.model for run in runs]
    torch_weights, kernel_weights = Weights(models), Weights(models, low=True)
    decays = [0.01, 0.1]
    adams: tuple[Adam, Adam]
    adams = TorchAdam(torch_weights, decays), KernelAdam(kernel_weights, decays)
    for step in range(4):
        grads = torch.randn(torch_weights.grads.shape)
        for weights, adam in ((torch_weights, adams[0]), (kernel_weights, adams[1])):
            weights.grads.copy_(grads)
            if step == 2:
                adam.restart(1)
            adam.step([1e-2 / (step + 1), 3e-3], torch.tensor([1.0, 2.5]))
            assert not weights.grads.any()
    torch.testing.assert_close(kernel_weights.values, torch_weights.values, rtol=1e-5, atol=1e-6)
    assert kernel_weights.low is not None
    # The interpreter cuts off where a GPU rounds.
    near = kernel_weights.low.float()
    torch.testing.assert_close(near, kernel_weights.values, rtol=2**-7, atol=1e-9)
    for k in range(2):
        first, second, taken = adams[0].moments(k)
        found = adams[1].moments(k)
        torch.testing.assert_close(found[0], first, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(found[1], second, rtol=1e-5, atol=1e-9)
        assert found[2] == taken == (4, 2)[k]
    adams[1].set_moments(0, *adams[0].moments(1))
    assert adams[1].moments(0)[2] == 2
    assert torch.equal(adams[1].moments(0)[0], adams[0].moments(1)[0])


@pytest.mark.parametrize("pieces", [8192, 20])
def test_a_whole_training(runs: list[Run], pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several steps in micro-batches: gradients of a step are written over those before it."""
    monkeypatch.setattr(batches, "MICRO_BATCH_PIECES", pieces)
    # Adam divides by the gradient's size: there, noise would be as long as any other step.
    monkeypatch.setattr("nerdistill.train.adam.EPS", 1e-3)
    plain, fused = (
        kind([run.tagger.model for run in runs], [run.seed for run in runs])
        for kind in (Drawn, FusedStack)
    )
    start = plain.weights.values.clone()
    found = []
    for stack, kind in ((plain, TorchAdam), (fused, KernelAdam)):
        adam = kind(stack.weights, [0.01, 0.0])
        clips = torch.ones(2)
        course = Course(stack, adam, clips, Observer(stack, []), losses=[[], []])
        for _ in range(3):
            _step(course, runs)
        found.append((torch.stack(course.unread), stack.weights.values))
    (losses, values), (fused_losses, fused_values) = found
    torch.testing.assert_close(fused_losses, losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fused_values, values, rtol=1e-3, atol=2e-5)
    assert (values - start).abs().max() > 1e-4


def test_students_are_looked_at_without_dropout_and_trace(runs: list[Run]) -> None:
    """What is seen is what torch's layers show, and the weights end with the same bits."""
    # Few and short ones: the interpreter takes its time.
    runs = [replace(run, plan=[run.plan[0][:1]]) for run in runs]
    watches = [watching(run.tagger.encoder, seed=k, count=1) for k, run in enumerate(runs)]
    models, seeds = [run.tagger.model for run in runs], [run.seed for run in runs]
    plain = Observer(Stack(models, seeds), watches, [0])
    plain.look(0)
    ends = []
    for steps in ([], [0]):
        stack = FusedStack(models, seeds)
        observer = Observer(stack, watches, steps)
        adam = KernelAdam(stack.weights, [0.01, 0.0])
        course = Course(stack, adam, torch.ones(2), observer, losses=[[], []])
        observer.look(0)
        _step(course, runs)
        ends.append(stack.weights.values)
    assert torch.equal(*ends)
    for (one,), (wanted,) in zip(observer.seen, plain.seen, strict=True):
        assert one.memory == wanted.memory
        for name in ("loss_original", "loss_distilled", "cosine"):
            assert getattr(one, name) == pytest.approx(getattr(wanted, name), abs=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 48, "num_attention_heads": 3},
        {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
        {"hidden_act": "relu"},
    ],
)
def test_other_shapes_and_settings(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A width that no power of two is, no dropout, another activation."""
    student = save_tiny_student(tmp_path / "student", WORDS, **changes)
    runs = [planned(exact(student, seed=seed), Constant(0.5), RECIPE, seed=seed) for seed in (1, 2)]
    for run in runs:
        torch.nn.Module.to(run.tagger.model, torch.float32)
    models, seeds = [run.tagger.model for run in runs], [1, 2]
    logits, grads = gradients(Drawn(models, seeds), runs)
    found, found_grads = gradients(FusedStack(models, seeds), runs)
    torch.testing.assert_close(found, logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found_grads, grads, rtol=1e-4, atol=2e-5)


def test_keys_never_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of many micro-batches drops out at many places, at each by other numbers."""
    monkeypatch.setattr("nerdistill.train.kernels.random.SITES", 3)
    streams = CounterStreams([1, 2], 0, CPU)
    keys = torch.cat([streams.key() for _ in range(10)])
    assert len(set(keys.tolist())) == 20

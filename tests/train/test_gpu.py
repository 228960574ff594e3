"""On a GPU: the kernels compute what torch's layers do, and training repeats itself to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from nerdistill.blend.curve import Constant, Linear, Step
from nerdistill.progress import Silent
from nerdistill.train.batch import assemble, parts
from nerdistill.train.checkpoint import Checkpoints
from nerdistill.train.gpu import kernels_take, why_no_kernels
from nerdistill.train.loop import Run, train
from nerdistill.train.observe import Observer, steps_to_observe
from nerdistill.train.recipe import Recipe
from nerdistill.train.resume import Saving
from nerdistill.train.stack import Stack
from tests.student_factory import save_tiny_student
from tests.train.runs import WORDS, exact, planned, trained, weights
from tests.train.watched import watching

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.digest import Digest

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
RECIPE = Recipe(steps=24, batch_size=6, learning_rate=3e-3)


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder that knows the words."""
    return save_tiny_student(tmp_path / "student", WORDS)


def cohort(student: Path) -> list[Run]:
    """Three trainings with nothing but their size in common."""
    restart = Recipe(steps=24, batch_size=6, learning_rate=1e-3, schedule="restart", clip=0.1)
    found = [
        planned(exact(student, seed=1), Constant(0.5), RECIPE, seed=1),
        planned(exact(student, seed=2), Linear(), RECIPE, seed=2, distilled=31),
        planned(exact(student, seed=3), Step(0.4), restart, seed=3),
    ]
    for run in found:
        torch.nn.Module.to(run.tagger.model, device="cuda", dtype=torch.float32)
    return found


def test_the_kernels_compile(student: Path) -> None:
    """Else nothing here would test them."""
    assert why_no_kernels() == ""
    assert kernels_take(cohort(student)[0].tagger.model)


@pytest.mark.parametrize("low", [False, True])
def test_kernels_compute_what_layers_do(student: Path, low: bool) -> None:
    """Logits and gradients of a step with dropout, in full precision and in bfloat16."""
    from nerdistill.train.fused import FusedStack
    from nerdistill.train.kernels.random import CounterStreams

    class Drawn(Stack):
        """The layers of torch, which drop what the kernels drop."""

        def _dropout_of(self, step: int) -> CounterStreams:
            return CounterStreams(self._seeds, step, self.device)

    torch.set_float32_matmul_precision("highest")
    found = []
    runs = cohort(student)
    (shown,) = zip(*(parts(run.plan[1], run.pools) for run in runs), strict=True)
    for kind in (Drawn, FusedStack):
        stack = kind([run.tagger.model for run in runs], [run.seed for run in runs], low=low)
        stack.begin(1)
        logits = stack.logits(assemble(shown, stack.device, kernels=stack.kernels))
        logits.square().sum().backward()  # type: ignore[no-untyped-call]
        found.append((logits.detach(), stack.weights.grads))
    (logits, grads), (fused, fused_grads) = found
    near = 0.05 if low else 1e-4
    torch.testing.assert_close(fused, logits, rtol=near, atol=near)
    assert (fused_grads - grads).norm() < near * grads.norm()


def test_a_cohort_learns_what_each_learns_alone(student: Path) -> None:
    """Within what bfloat16 leaves."""
    together = trained(cohort(student))
    for run, beside in zip(cohort(student), together, strict=True):
        (own,) = trained([run])
        assert own.losses == pytest.approx(beside.losses, rel=0.05, abs=0.02)


def test_training_repeats_itself_to_the_bit(student: Path, tmp_path: Path) -> None:
    """Twice the same, and once more from a checkpoint in its middle."""
    first, second, third = (cohort(student) for _ in range(3))
    trained(first)
    places = [Checkpoints(tmp_path / str(k), _key(k)) for k in range(3)]
    saving = Saving(places, lambda _line: None, every=10)
    with Silent().task("t", total=None, unit="u") as task:
        train(second, task=task, saving=saving)
        assert places[0].steps() == [20, 10]
        train(third, task=task, saving=saving)
    for runs in zip(first, second, third, strict=True):
        one, *others = (weights(run.tagger) for run in runs)
        for other in others:
            assert all(torch.equal(one[name], other[name]) for name in one)


def test_looking_changes_no_bit(student: Path) -> None:
    """With the kernels students end as unseen ones, and what is seen is near what layers show."""
    seen, unseen = cohort(student), cohort(student)
    watches = [watching(run.tagger.encoder, seed=seed) for seed, run in enumerate(seen, start=1)]
    seen = [
        replace(run, watch=watch, observed=steps_to_observe(RECIPE.steps, 4))
        for run, watch in zip(seen, watches, strict=True)
    ]
    plain = Observer(Stack([run.tagger.model for run in seen], [1, 2, 3], low=False), watches, [0])
    plain.look(0)
    records = trained(seen)
    trained(unseen)
    for one, other in zip(seen, unseen, strict=True):
        before = weights(other.tagger)
        assert all(torch.equal(now, before[name]) for name, now in weights(one.tagger).items())
    for record, (wanted,) in zip(records, plain.seen, strict=True):
        assert [one.step for one in record.observations] == [0, 6, 12, 18, 24]
        for name in ("loss_original", "loss_distilled", "cosine"):
            found = getattr(record.observations[0], name)
            assert found == pytest.approx(getattr(wanted, name), rel=0.05, abs=0.02)


def _key(number: int) -> Digest:
    from nerdistill.digest import digest_of

    return digest_of(number)

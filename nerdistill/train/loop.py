"""The training loop: planned batches in, trained students out, one or several side by side."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol

import torch

from nerdistill.errors import NerdistillError
from nerdistill.train.adam import KernelAdam, TorchAdam
from nerdistill.train.batch import EMPTY, assemble, parts
from nerdistill.train.gpu import kernels_take, why_no_kernels
from nerdistill.train.interrupt import deferred
from nerdistill.train.loss import batch_losses
from nerdistill.train.observe import Observer
from nerdistill.train.recipe import rate_at
from nerdistill.train.resume import resume
from nerdistill.train.stack import Stack, stackable
from nerdistill.train.watch import UNWATCHED, Watch
from nerdistill.train.whole import Whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.blend.plan import Pick, PoolName
    from nerdistill.progress import Task
    from nerdistill.student.tagger import Tagger
    from nerdistill.train.adam import Adam
    from nerdistill.train.batch import Batch
    from nerdistill.train.interrupt import Deferred
    from nerdistill.train.observe import Observation
    from nerdistill.train.pool import Pool
    from nerdistill.train.recipe import Recipe
    from nerdistill.train.resume import Saving
    from nerdistill.train.weights import Weights

READ_EVERY = 20
"""Steps between two readings of the losses: a GPU stops its work for each."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training: who learns what.

    Attributes:
        tagger: its weights change.
        plan: the examples of each step.
        pools: what the plan's picks point into.
        recipe: rates, clipping and decay.
        starts: the steps at which a schedule, and its optimizer, starts anew.
        seed: of dropout.
        watch: what it is watched with.
        observed: the steps at which it is looked at.
    """

    tagger: Tagger
    plan: Sequence[Sequence[Pick]]
    pools: Mapping[PoolName, Pool]
    recipe: Recipe
    starts: Sequence[int]
    seed: int
    watch: Watch = UNWATCHED
    observed: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a training was.

    Attributes:
        losses: mean loss of each step.
        shown: how many examples of each pool were shown.
        useful_tokens: share of the word pieces fed to the model that were no filling.
        seconds: wall time of the loop.
        students: how many were trained side by side.
        observations: what was seen of the student, step by step.
    """

    losses: tuple[float, ...]
    shown: dict[str, int]
    useful_tokens: float
    seconds: float
    students: int
    observations: tuple[Observation, ...] = ()


class Students(Protocol):
    """Models of one shape, and their weights."""

    weights: Weights
    device: torch.device
    kernels: bool
    """Whether Triton's kernels do what they can."""

    def begin(self, step: int, *, drops: bool = True) -> None:
        """Start a step, or a look without dropout."""

    def logits(self, batch: Batch) -> torch.Tensor:
        """`(students, words, classes)` of the batch's words."""


@dataclass
class Course:
    """Where a training stands: with the weights, all that its next step depends on.

    Attributes:
        students: the models.
        adam: their optimizer.
        clips: `(students,)`: each one's largest gradient norm, on the device.
        observer: looks at them.
        step: the next one.
        losses: of each student, those that were read.
        unread: `(students,)` each, on the device: those that were not.
        fed: word pieces that went through the model, filling included.
        useful: those of them that were none.
        seconds: what the steps took.
    """

    students: Students
    adam: Adam
    clips: torch.Tensor
    observer: Observer
    step: int = 0
    losses: list[list[float]] = field(default_factory=list)
    unread: list[torch.Tensor] = field(default_factory=list)
    fed: int = 0
    useful: int = 0
    seconds: float = 0.0

    @property
    def on_cpu(self) -> bool:
        """Whether losses can be read without waiting."""
        return self.students.device.type == "cpu"

    def read(self) -> None:
        """Bring the losses from the device.

        Raises:
            NerdistillError: one is no number any more.
        """
        if not self.unread:
            return
        first = len(self.losses[0])
        for step, row in enumerate(torch.stack(self.unread).tolist(), start=first):
            for own, loss in zip(self.losses, row, strict=True):
                own.append(_finite(loss, step))
        self.unread.clear()


def train(runs: Sequence[Run], *, task: Task, saving: Saving | None = None) -> list[TrainingRecord]:
    """Train students of one shape in place, side by side, on exactly the planned batches.

    What one learns does not depend on the others, but for the order in which floats are added.

    Args:
        runs: with equally many steps, looked at after the same ones.
        task: advanced by one a step.
        saving: where they are saved now and then, and go on from; a signal then waits for that.

    Raises:
        NerdistillError: a loss is no number any more.
    """
    course = _begin(runs)
    if saving is None:
        _learn(course, runs, task)
    else:
        resume(course, saving)
        task.skip(course.step)
        saving.begin(course)
        with deferred() as signals:
            _learn(course, runs, task, saving, signals)
    course.students.weights.write_back([run.tagger.model for run in runs])
    return [_record(course, run, k) for k, run in enumerate(runs)]


def _learn(
    course: Course,
    runs: Sequence[Run],
    task: Task,
    saving: Saving | None = None,
    signals: Deferred | None = None,
) -> None:
    """All steps that are left."""
    began, before = time.monotonic(), course.seconds
    examples = 0
    steps = len(runs[0].plan)
    while course.step < steps:
        course.observer.look(course.step)
        examples += sum(len(run.plan[course.step]) for run in runs)
        _step(course, runs)
        if course.step == steps or course.step % READ_EVERY == 0 or course.on_cpu:
            course.read()
        taken = time.monotonic() - began
        course.seconds = before + taken
        last = [own[-1] for own in course.losses if own]
        told = {"loss": sum(last) / len(last)} if last else {}
        task.advance(1, sentences=examples / max(taken, 1e-9), **told)
        asked = signals is not None and signals.asked is not None
        if saving and (asked or (course.step < steps and saving.due(course))):
            saving.save(course)
        if signals:
            signals.deliver()
    course.observer.look(course.step)
    course.seconds = before + time.monotonic() - began


def _begin(runs: Sequence[Run]) -> Course:
    # What is not multiplied in bfloat16 is meant to be exact.
    torch.set_float32_matmul_precision("highest")
    students = _students(runs)
    decays = [run.recipe.weight_decay for run in runs]
    adam = (KernelAdam if students.kernels else TorchAdam)(students.weights, decays)
    clips = students.weights.grads.new_tensor([run.recipe.clip for run in runs])
    observer = Observer(students, [run.watch for run in runs], runs[0].observed)
    return Course(students, adam, clips, observer, losses=[[] for _ in runs])


def _students(runs: Sequence[Run]) -> Students:
    models = [run.tagger.model for run in runs]
    if all(stackable(model) for model in models):
        seeds = [run.seed for run in runs]
        if kernels_take(models[0]) and not why_no_kernels():
            from nerdistill.train.fused import FusedStack

            return FusedStack(models, seeds)
        return Stack(models, seeds)
    if len(runs) > 1:
        raise ValueError(f"{type(models[0]).__name__} is trained alone, not beside others")
    return Whole(runs[0].tagger, runs[0].seed)


def _step(course: Course, runs: Sequence[Run]) -> None:
    """One step of every student."""
    students, weights = course.students, course.students.weights
    students.begin(course.step)
    losses = torch.zeros(len(runs), dtype=weights.values.dtype, device=students.device)
    cut = [parts(run.plan[course.step], run.pools) for run in runs]
    for shown in zip_longest(*cut, fillvalue=EMPTY):
        batch = assemble(shown, students.device, kernels=students.kernels)
        found = batch_losses(students.logits(batch), batch)
        found.sum().backward()  # type: ignore[no-untyped-call]
        losses += found.detach()
        course.fed += batch.pieces.numel()
        course.useful += sum(batch.counts)
    # As clip_grad_norm_ does, for each student; the optimizer divides as it reads.
    norms = torch.linalg.vector_norm(weights.grads, dim=1)
    scales = ((norms + 1e-6) / course.clips).clamp(min=1).float()
    for k, run in enumerate(runs):
        if course.step in run.starts:
            course.adam.restart(k)
    course.adam.step([rate_at(course.step, run.starts, run.recipe) for run in runs], scales)
    course.unread.append(losses)
    course.step += 1


def _record(course: Course, run: Run, number: int) -> TrainingRecord:
    shown = Counter(pick.pool for picks in run.plan for pick in picks)
    return TrainingRecord(
        tuple(round(loss, 6) for loss in course.losses[number]),
        {"original": shown["original"], "distilled": shown["distilled"]},
        course.useful / max(course.fed, 1),
        course.seconds,
        len(course.losses),
        tuple(course.observer.seen[number]),
    )


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise NerdistillError(
            f"training diverged: the loss of step {step + 1} is {loss}",
            "Give a smaller learning rate, and check that the student's weights are whole.",
        )
    return loss

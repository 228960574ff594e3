"""Look at students between two steps: what they have learnt, forgotten and memorised.

Nothing here changes what is trained: there is no dropout, and gradients are zero again afterwards.
A look at 224 sentences costs as much as six steps of 16: nine looks make 400 steps 13 % longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import torch

from nerdistill.blend.plan import Pick
from nerdistill.train.batch import EMPTY, assemble, parts
from nerdistill.train.loss import batch_losses
from nerdistill.train.watch import remembered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.train.batch import Batch, Part
    from nerdistill.train.loop import Students
    from nerdistill.train.pool import Pool
    from nerdistill.train.watch import Watch

COMPARED = 16
"""Sentences of each held-out set, the first ones, whose gradients are compared."""
DIGITS = 6
"""That are kept of a number."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one student, in plain numbers.

    Attributes:
        step: how many steps it had taken.
        loss_original: mean loss per word of held-out original sentences; None where there are none.
        loss_distilled: the same of sentences with the teacher's labels.
        cosine: between the gradients of an original and a distilled batch; None where one is zero.
        memory: at how many of the places where the teacher errs the student repeats it, gives
            gold, or gives something else, by the kind of error.
    """

    step: int
    loss_original: float | None
    loss_distilled: float | None
    cosine: float | None
    memory: dict[str, list[int]]


def steps_to_observe(steps: int, times: int) -> tuple[int, ...]:
    """The start, and `times` evenly spaced steps up to the end; none where `times` is 0."""
    ends = (round(steps * i / times) for i in range(1, times + 1))
    return tuple(dict.fromkeys((0, *ends))) if times else ()


class Observer:
    """Looks at students side by side, each with what it is watched with.

    Args:
        students: who are looked at.
        watches: one a student.
        steps: at which that is due.

    Attributes:
        seen: of each student, in order.
    """

    def __init__(
        self, students: Students, watches: Sequence[Watch], steps: Sequence[int] = ()
    ) -> None:
        self._students, self._watches, self._steps = students, watches, frozenset(steps)
        self.seen: list[list[Observation]] = [[] for _ in watches]
        self._held_out = [
            [watch.original for watch in watches],
            [watch.distilled for watch in watches],
        ]
        self._compared = [self._batches(pools, end=COMPARED) for pools in self._held_out]
        self._others = [self._batches(pools, COMPARED) for pools in self._held_out]
        # In place of its class each word has its number, so that it is found again in a batch.
        numbers = [np.arange(len(watch.memory.classes), dtype=np.int32) for watch in watches]
        self._memory = self._batches(
            [replace(w.memory, classes=own) for w, own in zip(watches, numbers, strict=True)]
        )

    def look(self, step: int) -> None:
        """Look at each student, if that is due after so many steps."""
        if step not in self._steps:
            return
        self._students.begin(step, drops=False)
        with torch.no_grad():
            others = [self._loss(batches) for batches in self._others]
            memory = self._remembered()
        compared, cosines = self._compare()
        totals = [(one + other).tolist() for one, other in zip(others, compared, strict=True)]
        losses = [
            [_told(loss) if len(pool) else None for pool, loss in zip(pools, total, strict=True)]
            for pools, total in zip(self._held_out, totals, strict=True)
        ]
        for own, numbers in zip(self.seen, zip(*losses, cosines, memory, strict=True), strict=True):
            own.append(Observation(step, *numbers))

    def _batches(
        self, pools: Sequence[Pool], first: int = 0, end: int | None = None
    ) -> list[Batch]:
        """Sentences of each student's pool, with the weights that they have in all of it."""
        cut = [_cut(pool, range(len(pool))[first:end]) for pool in pools]
        device, kernels = self._students.device, self._students.kernels
        return [
            assemble(shown, device, kernels=kernels) for shown in zip_longest(*cut, fillvalue=EMPTY)
        ]

    def _loss(self, batches: Sequence[Batch]) -> torch.Tensor:
        """`(students,)`: the loss of some batches; its gradients are added where they belong."""
        found = self._students.weights.values.new_zeros(len(self._watches))
        for batch in batches:
            losses = batch_losses(self._students.logits(batch), batch)
            if losses.requires_grad:
                losses.sum().backward()  # type: ignore[no-untyped-call]
            found += losses.detach()
        return found

    def _compare(self) -> tuple[list[torch.Tensor], list[float | None]]:
        """The losses of the sentences that are compared, and the cosines of their gradients."""
        grads = self._students.weights.grads.zero_()
        losses = [self._loss(self._compared[0])]
        first = grads.clone()
        grads.zero_()
        losses.append(self._loss(self._compared[1]))
        cosines = [_cosine(one, other) for one, other in zip(first, grads, strict=True)]
        grads.zero_()
        return losses, cosines

    def _remembered(self) -> list[dict[str, list[int]]]:
        said = [np.zeros(len(watch.memory.classes), np.int64) for watch in self._watches]
        for batch in self._memory:
            best = self._students.logits(batch).argmax(-1).cpu().numpy()
            numbers = batch.classes.cpu().numpy()
            for k, count in enumerate(batch.spoken):
                said[k][numbers[k, :count]] = best[k, :count]
        return [remembered(watch, own) for watch, own in zip(self._watches, said, strict=True)]


def _cut(pool: Pool, numbers: Sequence[int]) -> list[Part]:
    """Some sentences of a pool, cut as a step is, each word weighed by its share in the pool."""
    if not numbers:
        return []
    found = parts([Pick("original", number) for number in numbers], {"original": pool})
    share = np.float32(sum(len(part.heads) for part in found) / len(pool.classes))
    return [replace(part, weights=part.weights * share) for part in found]


def _cosine(one: torch.Tensor, other: torch.Tensor) -> float | None:
    sizes = torch.linalg.vector_norm(one) * torch.linalg.vector_norm(other)
    return _told((one @ other / sizes).item())


def _told(number: float) -> float | None:
    """A number as it is kept; None for one that is none."""
    return round(number, DIGITS) if math.isfinite(number) else None

"""Save a running training now and then, and go on from where one was killed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from nerdistill.train.checkpoint import Circumstances, Snapshot, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nerdistill.train.checkpoint import Checkpoints
    from nerdistill.train.loop import Course

SECONDS = 60.0
"""Between two checkpoints, at least."""
SHARE = 0.02
"""Of a training's time that goes into checkpoints, at most."""
BYTES_PER_SECOND = 5e8
"""What saving is thought to write, until it is known."""


@dataclass
class Saving:
    """When and where the students of a training are saved.

    Attributes:
        places: each student's checkpoints.
        say: tells a line.
        every: steps between two; None: as much time as keeps the cost small.
    """

    places: Sequence[Checkpoints]
    say: Callable[[str], None]
    every: int | None = None
    _saved: float = 0.0
    _cost: float = 0.0

    def begin(self, course: Course) -> None:
        """From now on, time counts."""
        self._saved = time.monotonic()
        values = course.students.weights.values
        self._cost = 3 * values.numel() * values.element_size() / BYTES_PER_SECOND

    def due(self, course: Course) -> bool:
        """Whether it is time for a checkpoint."""
        if self.every is not None:
            return course.step % self.every == 0
        return time.monotonic() - self._saved > max(SECONDS, self._cost / SHARE)

    def save(self, course: Course) -> None:
        """Save every student between two steps.

        Raises:
            NerdistillError: a loss is no number.
            OSError: the disk is full.
        """
        began = time.monotonic()
        course.read()
        for place, snapshot in zip(self.places, _snapshots(course, self.places), strict=True):
            place.save(snapshot)
        self._saved = time.monotonic()
        self._cost = self._saved - began


def _snapshots(course: Course, places: Sequence[Checkpoints]) -> Iterator[Snapshot]:
    now = circumstances(course)
    for k, place in enumerate(places):
        first, second, taken = course.adam.moments(k)
        standing = Standing(
            place.key,
            course.step,
            taken,
            course.losses[k],
            course.fed,
            course.useful,
            course.seconds,
            course.observer.seen[k],
        )
        values = course.students.weights.values[k]
        tensors = {"values": values, "first": first, "second": second}
        kept = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
        yield Snapshot(standing, now, kept)


def resume(course: Course, saving: Saving) -> None:
    """Set a training to where all its students have a whole checkpoint, if there is such a step."""
    steps = common_steps(saving.places)
    for step in steps:
        found = [place.load(step, saving.say) for place in saving.places]
        whole = [snapshot for snapshot in found if snapshot is not None]
        if len(whole) == len(found):
            _restore(course, whole)
            saving.say(f"goes on after step {step}{_change(whole, circumstances(course))}")
            return
    if any(place.steps() for place in saving.places):
        saving.say("no checkpoint can be used: training starts anew")


def common_steps(places: Sequence[Checkpoints]) -> list[int]:
    """The steps at which all have a checkpoint, the last first."""
    shared = set(places[0].steps()).intersection(*(place.steps() for place in places[1:]))
    return sorted(shared, reverse=True)


def circumstances(course: Course) -> Circumstances:
    """Where and how this training runs."""
    device = course.students.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return Circumstances(
        name,
        torch.get_num_threads(),
        len(course.losses),
        torch.__version__,
        course.students.kernels,
    )


def _restore(course: Course, snapshots: Sequence[Snapshot]) -> None:
    weights = course.students.weights
    weights.low_is_old = True
    for k, snapshot in enumerate(snapshots):
        tensors, standing = snapshot.tensors, snapshot.standing
        weights.values[k].copy_(tensors["values"])
        course.adam.set_moments(k, tensors["first"], tensors["second"], standing.taken)
        course.losses[k] = list(standing.losses)
        course.observer.seen[k] = list(standing.observations)
    standing = snapshots[0].standing
    course.step, course.fed, course.useful = standing.step, standing.fed, standing.useful
    course.seconds = standing.seconds


def _change(snapshots: Sequence[Snapshot], now: Circumstances) -> str:
    """What is not as it was, and therefore may change the last bits of the result."""
    then = snapshots[0].circumstances
    changed = [
        f"{name} {getattr(then, name)} then, {getattr(now, name)} now"
        for name in Circumstances.__dataclass_fields__
        if getattr(then, name) != getattr(now, name)
    ]
    if not changed:
        return ""
    # Other kernels draw other numbers for dropout: the student is as good, but another one.
    how = "last digits" if then.kernels == now.kernels else "the result"
    return f" ({'; '.join(changed)}: {how} may differ)"

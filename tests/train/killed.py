"""A training in a process of its own, which kills itself where it is told.

Arguments: STUDENT PLACE STUDENTS STOP. It is killed after the step STOP, or, for `save` and a
number, in the middle of writing that checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch

from nerdistill import files
from nerdistill.blend.curve import Constant, Step
from nerdistill.digest import digest_of
from nerdistill.student.tagger import load_encoder
from nerdistill.train.checkpoint import Checkpoints
from nerdistill.train.fit import Job, encode_pools, fit
from nerdistill.train.recipe import Recipe
from tests.train.runs import TYPES, sentences
from tests.train.watched import watching

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from nerdistill.blend.curve import Curve
    from nerdistill.progress import Fact, Task

RECIPE = Recipe(steps=9, batch_size=4, learning_rate=1e-3)


def jobs(student: Path, place: Path, count: int) -> list[Job]:
    """So many trainings: an epoch of the second ends in mid-step, and it starts anew once."""
    watch = watching(load_encoder(student))
    pools = encode_pools(student, TYPES, original=sentences(11), distilled=sentences(13))
    restart = Recipe(steps=9, batch_size=4, learning_rate=1e-3, schedule="restart")
    curves: list[tuple[Curve, Recipe]] = [(Constant(0.5), RECIPE), (Step(0.5), restart)]
    return [
        Job(
            student,
            TYPES,
            pools,
            curve,
            recipe,
            seed,
            place / f"out-{seed}",
            Checkpoints(place / f"checkpoints-{seed}", digest_of([seed])),
            watch,
            observations=4,
        )
        for seed, (curve, recipe) in enumerate(curves[:count], start=1)
    ]


class Ending:
    """Does something after a step."""

    def __init__(self, stop: int, end: Callable[[], None]) -> None:
        self.stop, self.end = stop, end
        self.said: list[str] = []

    def task(self, title: str, *, total: int | None, unit: str) -> AbstractContextManager[Task]:
        """A task that counts."""
        del title, total, unit
        return _Counting(self)

    def say(self, text: str) -> None:
        """Keep the line."""
        self.said.append(text)


class _Counting:
    def __init__(self, ending: Ending) -> None:
        self.ending, self.done = ending, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def skip(self, count: int) -> None:
        self.done += count

    def advance(self, count: int = 1, **_: Fact) -> None:
        self.done += count
        if self.done == self.ending.stop:
            self.ending.end()


def kill() -> None:
    """The end, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Train until killed."""
    torch.set_num_threads(1)
    student, place, count, *stop = sys.argv[1:]
    if stop[0] == "save":
        left = iter(range(int(stop[1])))
        write = files.write_whole

        def dying(path: Path, data: str | bytes) -> None:
            if next(left, None) is None:
                path.with_name(f".{path.name}.part").write_bytes(bytes(len(data) // 2))
                kill()
            write(path, data)

        files.write_whole = dying
    ending = Ending(-1 if stop[0] == "save" else int(stop[0]), kill)
    fit(jobs(Path(student), Path(place), int(count)), progress=ending, title="t", every=2)


if __name__ == "__main__":
    main()

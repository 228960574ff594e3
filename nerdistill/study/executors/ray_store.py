"""Students that are trained where the workspace is not seen, by way of Ray's object store."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from nerdistill import sharing
from nerdistill.errors import WorkspaceError
from nerdistill.study.executors.packed import Packed, pack, unpack
from nerdistill.study.executors.ray_cluster import outcome
from nerdistill.study.executors.ray_tasks import build_apart
from nerdistill.study.lease import LeaseLostError
from nerdistill.study.runner import run_stages
from nerdistill.study.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from nerdistill.digest import Digest
    from nerdistill.study.executors.board import Board
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage

Unit = list["Stage"]
"""What one task makes: students and their scores, so that no student travels to be scored."""
READING = frozenset({"evaluate", "predict"})
"""Stages that read a student."""


@dataclass
class Apart:
    """Ships what stages read to tasks, and puts what these made into the workspace.

    Attributes:
        ray: connected.
        graph: the study; what no student is trained for is finished.
        board: told what is finished; its workspace is filled.
        count: tasks at a time.
        options: of a task.
        cohort: students of a task; None: one without GPUs, else so many that all slots are filled.
    """

    ray: ModuleType
    graph: Graph
    board: Board
    count: int
    options: dict[str, object]
    cohort: int | None
    _shipped: dict[Digest, Any] = field(default_factory=dict)
    _tried: set[Digest] = field(default_factory=set)

    def run(self) -> None:
        """Do what is missing.

        Raises:
            WorkspaceError: a task died more often than it is begun anew.
            NerdistillError: what a task met.
        """
        student = self.ray.put(pack(self.graph.student))
        while units := self._units():
            self._run_units(units, student)
            self._finish_between()

    def _run_units(self, units: list[Unit], student: Any) -> None:  # noqa: ANN401 - Ray's
        """Have tasks make what needs students that can be trained now."""
        running, died = dict[Any, Unit](), 0
        try:
            while units or running:
                while units and len(running) < self.count:
                    unit = units.pop(0)
                    running[self._start(unit, student)] = unit
                (ref, *_), _ = self.ray.wait(list(running), num_returns=1)
                ended, made = outcome(self.ray, ref, self.board.progress)
                died += not ended
                self._put(running.pop(ref), made or [])
                self.board.show()
        finally:
            for ref in running:
                with suppress(self.ray.exceptions.RayError):
                    self.ray.cancel(ref)
        if died:
            raise WorkspaceError(
                f"{died} tasks on the Ray cluster have died again and again",
                "`ray status` and the logs of the nodes tell why. Run the study again: it resumes.",
            )

    def _finish_between(self) -> None:
        """Finish here what stands between students that are trained and those that wait for it."""
        ready: list[Stage] = []
        for stage in stages_of(self.graph, self.board.workspace):
            if stage.kind != "train" and stage.kind not in READING and self._readable(stage, ready):
                ready.append(stage)
        run_stages("pools", ready, self.board.workspace, self.board.progress)

    def _readable(self, stage: Stage, soon: Unit) -> bool:
        """Whether all that a stage reads is there, or will be."""
        keys = {one.key for one in soon}
        record = self.board.workspace.record
        return all(one.key in keys or record(one) for one in stage.inputs.values())

    def _units(self) -> list[Unit]:
        """What is missing and can be made: students, with what reads them, in the study's order."""
        models: dict[Digest, Unit] = {}
        for stage in stages_of(self.graph, self.board.workspace):
            if self.board.workspace.record(stage) is not None or stage.key in self._tried:
                continue
            if stage.kind == "train" and self._readable(stage, []):
                models[stage.key] = [stage]
            elif stage.kind in READING:
                model = stage.inputs["model"]
                if model.key in models or self.board.workspace.record(model) is not None:
                    models.setdefault(model.key, []).append(stage)
        groups, size = list(models.values()), self._size(len(models))
        return [
            list(chain.from_iterable(groups[first : first + size]))
            for first in range(0, len(groups), size)
        ]

    def _size(self, students: int) -> int:
        """Students of a task."""
        from nerdistill.train.memory import MOST

        if self.cohort is not None:
            return self.cohort
        return min(MOST, -(-students // self.count)) if "num_gpus" in self.options else 1

    def _start(self, unit: Unit, student: Any) -> Any:  # noqa: ANN401 - Ray's
        self._tried |= {stage.key for stage in unit}
        task, pace = self.ray.remote(build_apart), self.board.workspace.leases.pace
        return task.options(**self.options).remote(
            unit, pace, self.cohort, sharing.shared_with(), student, *self._inputs(unit)
        )

    def _inputs(self, unit: Unit) -> Iterator[Any]:
        """What a unit reads, packed; each stage is put into the store once."""
        own = {stage.key for stage in unit}
        needed = {one.key: one for stage in unit for one in stage.inputs.values()}
        for key, stage in needed.items():
            if key in own:
                continue
            if key not in self._shipped:
                self._shipped[key] = self.ray.put(pack(self.board.workspace.folder(stage)))
            yield self._shipped[key]

    def _put(self, unit: Unit, made: list[Packed]) -> None:
        """Put what came back into its place."""
        packed = {one.name: one for one in made}
        for stage in unit:
            if stage.folder_name in packed:
                try:
                    fill = partial(unpack, packed[stage.folder_name])
                    self.board.workspace.adopt(stage, fill)
                except LeaseLostError as error:
                    self.board.progress.say(str(error))

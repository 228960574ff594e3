"""Which trainings of a study run side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nerdistill.study.stage import content_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace

SHARED = ("types", "steps", "batch_size", "observations")
"""Settings that all students of a cohort have in common."""


class Cohorts:
    """Chooses who is trained beside whom.

    Args:
        workspace: where checkpoints lie.
        most: students of a cohort; None: as many as fit into the GPU, and one on a CPU.
    """

    def __init__(self, workspace: Workspace, most: int | None) -> None:
        self._workspace, self._most = workspace, most

    @property
    def several(self) -> bool:
        """Whether there may be cohorts at all."""
        if self._most is not None:
            return self._most > 1
        import torch

        return torch.cuda.is_available()

    def around(self, stage: Stage, ready: Sequence[Stage]) -> list[Stage]:
        """A stage, and those of the others that are trained beside it.

        Trainings that were begun go on from one step: only those are put together that have a
        checkpoint of the same step, or none.
        """
        chosen = [stage]
        if stage.kind != "train" or not self.several:
            return chosen
        most = self._room(stage)
        steps = self._steps(stage)
        for other in ready:
            if len(chosen) >= most:
                break
            if other.kind != "train" or other is stage or _size(other) != _size(stage):
                continue
            if shared := steps & self._steps(other):
                chosen.append(other)
                steps = shared
        return chosen

    def _steps(self, stage: Stage) -> set[int]:
        return set(self._workspace.checkpoints(stage).steps()) or {0}

    def _room(self, stage: Stage) -> int:
        from nerdistill.train.memory import stacks, students_that_fit
        from nerdistill.train.observe import COMPARED
        from nerdistill.train.pool import load_pool
        from nerdistill.train.watch import load_watch

        config = json.loads((stage.files["student"] / "config.json").read_text(encoding="utf-8"))
        if self._most is not None:
            return self._most if stacks(config) else 1
        folders = {role: self._workspace.folder(one) for role, one in stage.inputs.items()}
        watched = folders.pop("watch", None)
        pools = [load_pool(folder) for folder in folders.values()]
        batch_size = int(str(stage.params["batch_size"]))
        if watched is not None:
            watch = load_watch(watched)
            pools += [watch.original, watch.distilled]
            batch_size = max(batch_size, COMPARED)
        return students_that_fit(config, pools, batch_size=batch_size)


def _size(stage: Stage) -> list[object]:
    """What must be equal for two students to be trained side by side."""
    settings = (stage.params[name] for name in SHARED)
    return [content_digest(stage.files["student"]), "watch" in stage.inputs, *settings]

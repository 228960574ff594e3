"""What is finished of a study that others work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.study.runner import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.progress import Progress, Task
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace


class Board:
    """Shows which stages of a workspace were finished, whoever did it."""

    def __init__(
        self, stages: Sequence[Stage], workspace: Workspace, progress: Progress, whole: Task
    ) -> None:
        self._left = {stage.key: stage for stage in stages}
        self.workspace, self.progress, self._whole = workspace, progress, whole
        for stage in self._finished():
            del self._left[stage.key]
        whole.skip(len(stages) - len(self._left))

    def show(self) -> None:
        """Tell what is newly finished."""
        for stage in self._finished():
            del self._left[stage.key]
            tell(stage, self.workspace, self.progress)
            self._whole.advance()

    def _finished(self) -> list[Stage]:
        left = self._left.values()
        return [stage for stage in left if self.workspace.record(stage) is not None]

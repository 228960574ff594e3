"""Where a study runs: in this process, in one for each GPU, or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from nerdistill.study.runner import run_stages
from nerdistill.study.stages import stages_of

if TYPE_CHECKING:
    from nerdistill.progress import Progress
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

Name = Literal["local", "ray"]


class Executor(Protocol):
    """Runs a study."""

    def run(
        self, graph: Graph, workspace: Workspace, progress: Progress, *, cohort: int | None = None
    ) -> None:
        """Finish every stage of a study.

        Args:
            graph: the study.
            workspace: what is there, and where the rest goes.
            progress: tells it.
            cohort: students to train side by side at most; None: as many as pay.

        Raises:
            WorkspaceError: no worker is left, or the workspace cannot be written.
        """


def prepare(graph: Graph, workspace: Workspace, progress: Progress) -> bool:
    """Finish all that students read, in this process; whether students are left to be trained.

    So the teacher has all GPUs of this machine, one limit on requests at a time, and its key is
    here alone.
    """
    stages = stages_of(graph, workspace)
    data = [stage for stage in stages if not stage.learnt]
    run_stages(f"data of {graph.config.name}", data, workspace, progress)
    return any(workspace.record(stage) is None for stage in stages)

"""The executor `ray`: the students of a study on a Ray cluster that is there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nerdistill import sharing
from nerdistill.errors import WorkspaceError
from nerdistill.study.executors import prepare
from nerdistill.study.executors.board import Board
from nerdistill.study.executors.ray_cluster import connected, looks_of, nodes_of, outcome, slots_of
from nerdistill.study.executors.ray_store import Apart
from nerdistill.study.executors.ray_tasks import share
from nerdistill.study.runner import run_stages
from nerdistill.study.stages import stages_of

if TYPE_CHECKING:
    from types import ModuleType

    from nerdistill.progress import Progress
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

RETRIES = 3
"""Times that a task is begun anew elsewhere when its worker or node is gone."""


@dataclass(frozen=True, slots=True)
class Ray:
    """Trains on a cluster.

    Attributes:
        address: `auto` for the cluster that this machine is part of, or host:port.
        slots: processes that train; None: one for each GPU of the cluster, else for each CPU.
        shared: whether nodes may use the workspace's folder, where all of them see it; else what
            is needed and what was made travel through Ray's object store.
    """

    address: str = "auto"
    slots: int | None = None
    shared: bool = True

    def run(
        self, graph: Graph, workspace: Workspace, progress: Progress, *, cohort: int | None = None
    ) -> None:
        """See `Executor`. What a worker or node that dies was at is done elsewhere.

        Raises:
            AssetError: Ray is not installed.
            ConfigError: there is no cluster, or a node of it does not fit.
        """
        if not prepare(graph, workspace, progress):
            return
        title, stages = f"study {graph.config.name}", stages_of(graph, workspace)
        with connected(self.address) as ray:
            nodes = nodes_of(ray)
            looks = looks_of(ray, nodes, graph, workspace)
            count, needs = slots_of(ray, self.slots)
            shared = self.shared and all(one.shared for one in looks)
            how = "which share the workspace" if shared else "by Ray's object store"
            progress.say(f"Ray: {count} slots on {len(nodes)} nodes, {how}")
            options = {"max_retries": RETRIES, "scheduling_strategy": "SPREAD", **needs}
            with progress.task(title, total=len(stages), unit="stages") as whole:
                board = Board(stages, workspace, progress, whole)
                if shared:
                    _share(ray, graph, board, count, options, cohort)
                else:
                    Apart(ray, graph, board, count, options, cohort).run()
        # What another runner was at, beside this cluster.
        if any(workspace.record(stage) is None for stage in stages):
            run_stages(title, stages, workspace, progress, cohort=cohort)


def _share(
    ray: ModuleType,
    graph: Graph,
    board: Board,
    count: int,
    options: dict[str, object],
    cohort: int | None,
) -> None:
    """Let the cluster run as many runners as there are slots, in the workspace's own folder."""
    task, workspace = ray.remote(share).options(**options), board.workspace
    title, stages = f"study {graph.config.name}", ray.put(stages_of(graph, workspace))
    root, pace, group = workspace.root.resolve(), workspace.leases.pace, sharing.shared_with()
    refs = [task.remote(title, stages, root, pace, cohort, group) for _ in range(count)]
    _watch(ray, refs, board)


def _watch(ray: ModuleType, refs: list[Any], board: Board) -> None:
    """Show what is finished until one of the runners has seen the whole study finished.

    Raises:
        WorkspaceError: all of them have died.
        NerdistillError: what one of them met.
    """
    waiting, look_again = refs, board.workspace.leases.pace.look
    try:
        while waiting:
            ended, waiting = ray.wait(waiting, num_returns=1, timeout=look_again)
            board.show()
            if any(outcome(ray, ref, board.progress)[0] for ref in ended):
                return
    finally:
        # Those that were begun anew and found no room would wait for it.
        for ref in waiting:
            with suppress(ray.exceptions.RayError):
                ray.cancel(ref)
    raise WorkspaceError(
        "all workers on the Ray cluster have died",
        "`ray status` and the logs of the nodes tell why. Run the study again: it resumes.",
    )

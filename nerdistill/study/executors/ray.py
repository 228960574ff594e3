"""The executor `ray`: the students of a study on a Ray cluster that is there."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nerdistill import offline, sharing
from nerdistill.errors import AssetError, ConfigError, WorkspaceError
from nerdistill.files import write_whole
from nerdistill.study.executors import prepare
from nerdistill.study.executors.ray_tasks import Look, look, share
from nerdistill.study.runner import stages_of, tell
from nerdistill.study.stage import content_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from nerdistill.progress import Progress, Task
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace

RETRIES = 3
"""Times that a task is begun anew elsewhere when its worker or node is gone."""
PATIENCE = 5.0
"""Seconds in which the cluster's address answers: Ray itself would try for minutes."""
LOOKING = 120.0
"""Seconds in which every node has looked at the workspace: it may start Python from a slow disk."""


@dataclass(frozen=True, slots=True)
class Ray:
    """Trains on a cluster.

    Attributes:
        address: `auto` for the cluster that this machine is part of, or host:port.
        slots: processes that train; None: one for each GPU of the cluster, else for each CPU.
    """

    address: str = "auto"
    slots: int | None = None

    def run(
        self, graph: Graph, workspace: Workspace, progress: Progress, *, cohort: int | None = None
    ) -> None:
        """See `Executor`. What a worker or node that dies was at is done elsewhere.

        Raises:
            AssetError: Ray is not installed.
            ConfigError: there is no cluster, or it does not fit.
        """
        if not prepare(graph, workspace, progress):
            return
        with _connected(self.address) as ray:
            nodes = _nodes(ray)
            _check_shared(ray, nodes, graph, workspace)
            count, needs = _slots(ray, self.slots)
            progress.say(f"Ray: {count} slots on {len(nodes)} nodes, which share the workspace")
            stages, title = stages_of(graph), f"study {graph.config.name}"
            task = ray.remote(share).options(
                max_retries=RETRIES, scheduling_strategy="SPREAD", **needs
            )
            given = ray.put(stages)
            root, pace, group = (
                workspace.root.resolve(),
                workspace.leases.pace,
                sharing.shared_with(),
            )
            refs = [task.remote(title, given, root, pace, cohort, group) for _ in range(count)]
            with progress.task(title, total=len(stages), unit="stages") as whole:
                _watch(ray, refs, Board(stages, workspace, progress, whole))


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


@contextmanager
def _connected(address: str) -> Iterator[ModuleType]:
    """Ray, as a part of the cluster at an address."""
    try:
        import ray
    except ImportError as error:
        raise AssetError(
            "Ray is not installed", "Install nerdistill's extra ray: pip install 'nerdistill[ray]'."
        ) from error
    _check_address(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise _no_cluster(address, str(error).strip().splitlines()[0]) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Let the cluster's head pass the guard, and see whether it answers."""
    named = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    if named == "auto":
        return
    host, _, port = named.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ConfigError(
            f"--ray-address {named!r} is neither auto nor host:port",
            "Give the address that `ray start --head` shows, such as gpu01:6379.",
        )
    offline.allow(named)
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except OSError as error:
        raise _no_cluster(named, error.strerror or str(error)) from error


def _no_cluster(address: str, why: str) -> ConfigError:
    return ConfigError(
        f"no Ray cluster at {address}: {why.rstrip('.')}",
        "Start one with `ray start --head`, or name the one there is with --ray-address "
        "HOST:PORT; RAY_AUTH_MODE and the token must be the cluster's.",
    )


def _nodes(ray: ModuleType) -> list[str]:
    """The nodes that can train, by their number."""
    return [
        node["NodeID"]
        for node in ray.nodes()
        if node["Alive"] and (node["Resources"].get("CPU") or node["Resources"].get("GPU"))
    ]


def _slots(ray: ModuleType, wanted: int | None) -> tuple[int, dict[str, float]]:
    """How many tasks train at a time, and what each of them needs."""
    resources = ray.cluster_resources()
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    if not gpus and not cpus:
        raise ConfigError(
            "the Ray cluster has neither GPU nor CPU to train on", "Add a node: `ray start`."
        )
    return wanted or gpus or cpus, {"num_gpus": 1} if gpus else {"num_cpus": 1}


def _check_shared(
    ray: ModuleType, nodes: Sequence[str], graph: Graph, workspace: Workspace
) -> None:
    """Refuse nodes that do not see the workspace."""
    if not all(one.shared for one in _looks(ray, nodes, graph, workspace)):
        raise ConfigError(
            f"not every node of the Ray cluster sees {workspace.root} and {graph.student}",
            "Put both into a folder that all nodes share, under one path.",
        )


def _looks(ray: ModuleType, nodes: Sequence[str], graph: Graph, workspace: Workspace) -> list[Look]:
    """What each node sees of the workspace and the student.

    Raises:
        ConfigError: a node does not answer, or has another nerdistill or none.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    root = workspace.root.resolve()
    probe, word = root / f".probe-{secrets.token_hex(4)}", secrets.token_hex(16)
    write_whole(probe, word)
    task, own = ray.remote(look), version("nerdistill")
    digest = content_digest(graph.student)
    try:
        refs = [
            task.options(
                num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(probe, word, graph.student, digest)
            for node in nodes
        ]
        looks: list[Look] = ray.get(refs, timeout=LOOKING)
    except ray.exceptions.RayError as error:
        raise ConfigError(
            f"a node of the Ray cluster cannot run nerdistill {own}: "
            f"{str(error).strip().splitlines()[-1]}",
            "Start `ray` on every node from an environment that holds nerdistill[ray].",
        ) from error
    finally:
        probe.unlink(missing_ok=True)
    if others := [one for one in looks if one.version != own]:
        raise ConfigError(
            f"{others[0].host} has nerdistill {others[0].version}, this machine {own}",
            "Install the same version on every node.",
        )
    return looks


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


def outcome(ray: ModuleType, ref: Any, progress: Progress) -> tuple[bool, Any]:  # noqa: ANN401 - Ray's
    """Whether a task ended well, and what it returned; that it died is told.

    Raises:
        NerdistillError: what it met.
    """
    from nerdistill.errors import NerdistillError

    try:
        return True, ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, NerdistillError):
            raise error.cause from error
        why = str(error).strip().splitlines()[-1]
    except ray.exceptions.RayError as error:
        why = str(error).strip().splitlines()[0]
    progress.say(f"a worker on the Ray cluster has died: {why}")
    return False, None

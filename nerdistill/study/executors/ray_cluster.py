"""A Ray cluster: reached, looked at, asked."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nerdistill import offline
from nerdistill.errors import AssetError, ConfigError, NerdistillError
from nerdistill.files import write_whole
from nerdistill.study.executors.ray_tasks import Look, look
from nerdistill.study.stage import content_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from nerdistill.progress import Progress
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

PATIENCE = 5.0
"""Seconds in which the cluster's address answers: Ray itself would try for minutes."""
LOOKING = 120.0
"""Seconds in which every node has looked at the workspace: it may start Python from a slow disk."""


@contextmanager
def connected(address: str) -> Iterator[ModuleType]:
    """Ray, as a part of the cluster at an address."""
    try:
        import ray
    except ImportError as error:
        raise AssetError(
            "Ray is not installed", "Install nerdistill's extra ray: pip install 'nerdistill[ray]'."
        ) from error
    _check_address(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise _no_cluster(address, str(error).strip().splitlines()[0]) from error
    try:
        # Ray's own handler would leave with another exit code.
        with suppress(ValueError):  # not the main thread, which alone hears signals
            signal.signal(signal.SIGTERM, before)
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


def nodes_of(ray: ModuleType) -> list[str]:
    """The nodes that can train, by their number."""
    return [
        node["NodeID"]
        for node in ray.nodes()
        if node["Alive"] and (node["Resources"].get("CPU") or node["Resources"].get("GPU"))
    ]


def slots_of(ray: ModuleType, wanted: int | None) -> tuple[int, dict[str, float]]:
    """How many tasks train at a time, and what each of them needs."""
    resources = ray.cluster_resources()
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    if not gpus and not cpus:
        raise ConfigError(
            "the Ray cluster has neither GPU nor CPU to train on", "Add a node: `ray start`."
        )
    return wanted or gpus or cpus, {"num_gpus": 1} if gpus else {"num_cpus": 1}


def looks_of(
    ray: ModuleType, nodes: Sequence[str], graph: Graph, workspace: Workspace
) -> list[Look]:
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


def outcome(ray: ModuleType, ref: Any, progress: Progress) -> tuple[bool, Any]:  # noqa: ANN401 - Ray's
    """Whether a task ended well, and what it returned; that it died is told.

    Raises:
        NerdistillError: what it met.
    """
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

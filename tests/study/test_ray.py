"""A study on a real Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import os
import secrets
import signal
from typing import TYPE_CHECKING, Any

import pytest

from nerdistill.errors import ConfigError, CorpusError
from nerdistill.study.executors import prepare, ray, ray_cluster
from nerdistill.study.executors.ray import Ray
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.study.test_executors import PACE, SETTINGS, Listener, found, trainer, whole
from tests.study.test_study_run import _graph, study
from tests.study.test_treatments import treating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["study", "whole"]

pytestmark = pytest.mark.ray

TOKEN = secrets.token_hex(32)
"""Ray reads it once in a process."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that trains nothing, and two nodes of one CPU; all share a token."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


class Told(Listener):
    """Does something when the first training was told."""

    def __init__(self, at_training: Callable[[], None]) -> None:
        super().__init__()
        self._once = [at_training]

    def say(self, text: str) -> None:
        """Keep a line."""
        super().say(text)
        if text.startswith("train ") and self._once:
            self._once.pop()()


@pytest.mark.parametrize(("what", "shared"), [("node", True), ("node", False), ("worker", True)])
def test_what_is_killed_costs_only_its_stage(
    what: str,
    shared: bool,
    study: Path,
    tmp_path: Path,
    whole: str,
    cluster: Any,  # noqa: ANN401 - Ray's
) -> None:
    """By either way the rest goes on, and the results are those of one process."""
    workspace, graph = Workspace(tmp_path / "work", PACE), _graph(study, *SETTINGS)
    left: list[int] = []
    terminate = signal.getsignal(signal.SIGTERM)

    def kill() -> None:
        assert signal.getsignal(signal.SIGTERM) is terminate
        left.append(sum(workspace.record(cell.train) is None for cell in graph.cells))
        if what == "node":
            cluster.remove_node(min(cluster.worker_nodes, key=str), allow_graceful=False)
        else:
            os.kill(trainer(workspace), signal.SIGKILL)

    listener = Told(kill)
    Ray(cluster.address, shared=shared).run(graph, workspace, listener)
    assert left[0] > 0
    assert len(cluster.worker_nodes) == (1 if what == "node" else 2)
    how = "which share the workspace" if shared else "by Ray's object store"
    assert f"Ray: 2 slots on 2 nodes, {how}" in listener.said
    assert found(study, workspace) == whole
    assert not list(workspace.root.glob(".probe*"))


def test_pools_that_students_make_travel_too(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster: Any,  # noqa: ANN401 - Ray's
) -> None:
    """Students judge on the nodes, the pool is treated here, and others learn from it there."""
    workspace = Workspace(tmp_path / "work", PACE)
    graph = treating(study, 'regimens=["simple-mix", "relabelled"]')
    # What the cluster leaves would be done by this process.
    monkeypatch.setattr(ray, "run_stages", lambda *_, **__: pytest.fail("something was left"))
    Ray(cluster.address, shared=False).run(graph, workspace, Listener())
    assert all(workspace.record(stage) for stage in stages_of(graph, workspace))


def test_what_a_task_meets_is_the_studys(
    study: Path,
    tmp_path: Path,
    cluster: Any,  # noqa: ANN401 - Ray's
) -> None:
    """An error comes out as it was raised there; another version on a node is refused."""
    workspace, graph = Workspace(tmp_path / "work", PACE), _graph(study, "seeds=[1]")
    prepare(graph, workspace, Listener())
    (workspace.folder(graph.cells[0].test.inputs["corpus"]) / "corpus.jsonl").write_text("{\n")
    with pytest.raises(CorpusError, match=r"corpus\.jsonl"):
        Ray(cluster.address).run(graph, workspace, Listener())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_cluster, "version", lambda _: "0.0.1")
        with pytest.raises(ConfigError, match=r"has nerdistill .*, this machine 0\.0\.1"):
            Ray(cluster.address).run(graph, workspace, Listener())


def test_there_is_no_cluster(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in one line, soon."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for address, told in {
        "127.0.0.1:9": "no Ray cluster at 127.0.0.1:9: Connection refused",
        "ray://head:10001": "is neither auto nor host:port",
        "auto": "no Ray cluster at auto: Could not find any running Ray instance",
    }.items():
        with pytest.raises(ConfigError, match=told):
            Ray(address).run(_graph(study, "seeds=[1]"), Workspace(tmp_path / "work"), Listener())

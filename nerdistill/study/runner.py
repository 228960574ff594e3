"""Run a study: each stage that is missing, in an order that respects what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.study.builders import BUILDERS
from nerdistill.study.builders.site import Site
from nerdistill.study.results import collect
from nerdistill.study.stage import in_order

if TYPE_CHECKING:
    from nerdistill.progress import Progress
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace


def stages_of(graph: Graph) -> list[Stage]:
    """Every stage of a study, each after those that it reads; teachers' audits first."""
    audits = [graph.annotation(name) for name in graph.config.teacher.corpora]
    cells = [stage for cell in graph.cells for stage in (cell.validation, cell.test)]
    return list(in_order([*audits, *cells]))


def run_study(graph: Graph, workspace: Workspace, progress: Progress) -> dict[str, object]:
    """Do what is missing and return the results.

    Raises:
        WorkspaceError: another runner is at work in the workspace.
    """
    stages = stages_of(graph)
    with (
        workspace.locked(),
        progress.task(f"study {graph.config.name}", total=len(stages), unit="stages") as task,
    ):
        for stage in stages:
            if workspace.record(stage) is None:
                _build(stage, workspace, progress)
            task.advance()
        return collect(graph, workspace)


def _build(stage: Stage, workspace: Workspace, progress: Progress) -> None:
    record = workspace.run(
        stage, lambda folder: BUILDERS[stage.kind](Site(stage, folder, workspace, progress))
    )
    result = record["result"]
    facts = result if isinstance(result, dict) else {}
    f1 = facts.get("f1")
    shown = f": F1 {f1:.2f}" if isinstance(f1, float) else ""
    progress.say(f"{stage.title}{shown} ({record['seconds']} s)")

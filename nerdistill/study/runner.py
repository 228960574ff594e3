"""Run a study: each stage that is missing, in an order that respects what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.study.builders import BUILDERS
from nerdistill.study.builders.site import Site
from nerdistill.study.lease import LeaseLostError
from nerdistill.study.results import collect
from nerdistill.study.stage import in_order

if TYPE_CHECKING:
    from nerdistill.digest import Digest
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
    """Do what is missing, together with whoever else is at it, and return the results.

    Raises:
        WorkspaceError: the workspace is damaged or cannot be written.
    """
    stages = stages_of(graph)
    for line in workspace.prepare():
        progress.say(line)
    finished: set[Digest] = set()
    told: set[str] = set()
    with progress.task(f"study {graph.config.name}", total=len(stages), unit="stages") as task:
        while left := [stage for stage in stages if stage.key not in finished]:
            before = len(finished)
            held: list[Stage] = []
            for stage in left:
                if any(needed.key not in finished for needed in stage.inputs.values()):
                    continue
                if _done(stage, workspace, progress):
                    finished.add(stage.key)
                    task.advance()
                else:
                    held.append(stage)
            if len(finished) == before:
                _tell_holders(held, workspace, progress, told)
                workspace.wait()
        return collect(graph, workspace)


def _tell_holders(
    held: list[Stage], workspace: Workspace, progress: Progress, told: set[str]
) -> None:
    """Say once whose work this runner waits for."""
    for stage in held:
        if holder := workspace.holder(stage):
            seconds = workspace.leases.pace.lives
            line = f"{stage.title}: {holder} is at it; taken over after {seconds:g} s of silence"
            if line not in told:
                progress.say(line)
                told.add(line)


def _done(stage: Stage, workspace: Workspace, progress: Progress) -> bool:
    """Whether a stage is finished, after an attempt at it if it was not."""
    if workspace.record(stage) is not None:
        return True
    try:
        return _build(stage, workspace, progress)
    except LeaseLostError as error:
        progress.say(str(error))
        return False


def _build(stage: Stage, workspace: Workspace, progress: Progress) -> bool:
    """Build a stage; False where another runner is at it."""
    record = workspace.run(
        stage, lambda folder: BUILDERS[stage.kind](Site(stage, folder, workspace, progress))
    )
    if record is None:
        return False
    result = record["result"]
    facts = result if isinstance(result, dict) else {}
    f1 = facts.get("f1")
    shown = f": F1 {f1:.2f}" if isinstance(f1, float) else ""
    progress.say(f"{stage.title}{shown} ({record['seconds']} s)")
    return True

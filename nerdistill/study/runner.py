"""Run a study: each stage that is missing, in an order that respects what it reads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nerdistill.study.builders import BUILDERS
from nerdistill.study.builders.site import Site
from nerdistill.study.builders.training import build_cohort
from nerdistill.study.cohorts import Cohorts
from nerdistill.study.lease import LeaseLostError
from nerdistill.study.results import collect
from nerdistill.study.stages import rounds, stages_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nerdistill.digest import Digest
    from nerdistill.progress import Progress
    from nerdistill.study.builders.site import Result
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Kind, Stage
    from nerdistill.study.workspace import Workspace

LEARNING: frozenset[Kind] = frozenset({"train", "evaluate"})
"""What a study spends nearly all of its time on."""


def run_study(
    graph: Graph, workspace: Workspace, progress: Progress, *, cohort: int | None = None
) -> dict[str, object]:
    """Do what is missing, together with whoever else is at it, and return the results.

    Args:
        graph: the study.
        workspace: what is there, and where the rest goes.
        progress: tells it.
        cohort: students to train side by side at most; None: as many as pay on this machine.

    Raises:
        WorkspaceError: the workspace is damaged or cannot be written.
    """
    for _ in rounds(graph):
        stages = stages_of(graph, workspace)
        run_stages(f"study {graph.config.name}", stages, workspace, progress, cohort=cohort)
    return collect(graph, workspace)


def run_stages(
    title: str,
    stages: Sequence[Stage],
    workspace: Workspace,
    progress: Progress,
    *,
    cohort: int | None = None,
) -> None:
    """Finish stages of a study, together with whoever else is at it.

    Args:
        title: of the whole, for people.
        stages: each after those that it reads. What they read of others is finished.
        workspace: as for `run_study`, and so are the others.
        progress: tells it.
        cohort: students to train side by side at most.

    Raises:
        WorkspaceError: as for `run_study`.
    """
    for line in workspace.prepare():
        progress.say(line)
    own = {stage.key for stage in stages}
    finished = {one.key for stage in stages for one in stage.inputs.values()} - own
    told: set[str] = set()
    cohorts = Cohorts(workspace, cohort)
    if cohorts.several:
        # First what trainings read, so that many are ready at once.
        stages = sorted(stages, key=lambda stage: stage.kind in LEARNING)
    with progress.task(title, total=len(stages), unit="stages") as task:
        while left := [stage for stage in stages if stage.key not in finished]:
            before = len(finished)
            held: list[Stage] = []
            for stage in left:
                if not _ready(stage, finished) or stage in held:
                    continue
                ready = [one for one in left if _ready(one, finished) and one not in held]
                together = cohorts.around(stage, ready)
                done = _done(together, workspace, progress)
                finished |= done
                task.advance(len(done))
                # Not tried again one by one: leases of a dead runner's cohort end together.
                held += [one for one in together if one.key not in done]
            if len(finished) == before:
                _tell_holders(held, workspace, progress, told)
                workspace.wait()


def _ready(stage: Stage, finished: set[Digest]) -> bool:
    """Whether a stage is left, and all that it reads is there."""
    needed = (one.key in finished for one in stage.inputs.values())
    return stage.key not in finished and all(needed)


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


def _done(stages: Sequence[Stage], workspace: Workspace, progress: Progress) -> set[Digest]:
    """Those of the stages that are finished, after an attempt at all that were not."""
    missing = [stage for stage in stages if workspace.record(stage) is None]
    try:
        if len(missing) == 1:
            (stage,) = missing
            build = BUILDERS[stage.kind]
            workspace.run(stage, lambda folder: build(Site(stage, folder, workspace, progress)))
        elif missing:
            workspace.run_together(missing, partial(_train, missing, workspace, progress))
    except LeaseLostError as error:
        progress.say(str(error))
    finished = [stage for stage in stages if workspace.record(stage) is not None]
    for stage in finished:
        if stage in missing:
            tell(stage, workspace, progress)
    return {stage.key for stage in finished}


def _train(
    stages: Sequence[Stage],
    workspace: Workspace,
    progress: Progress,
    places: Mapping[Digest, Path],
) -> list[Result]:
    """Train those of a cohort's students who are here to be trained."""
    return build_cohort(
        [
            Site(stage, places[stage.key], workspace, progress)
            for stage in stages
            if stage.key in places
        ]
    )


def tell(stage: Stage, workspace: Workspace, progress: Progress) -> None:
    """Say what a finished stage found."""
    record = workspace.record(stage) or {}
    facts = record["result"]
    f1 = facts.get("f1") if isinstance(facts, dict) else None
    shown = f": F1 {f1:.2f}" if isinstance(f1, float) else ""
    progress.say(f"{stage.title}{shown} ({record['seconds']} s)")

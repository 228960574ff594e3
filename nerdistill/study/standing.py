"""Where a study stands: what is finished, what is left, who is at it, and about how long it takes.

An estimate is the mean time of the finished stages of a kind, times those that are left: the time
of one process, which several share.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.study.stages import stages_of

if TYPE_CHECKING:
    from nerdistill.digest import Digest
    from nerdistill.study.cell import Cell
    from nerdistill.study.config import Budget
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Kind, Stage
    from nerdistill.study.workspace import Workspace


@dataclass(frozen=True, slots=True)
class StageStanding:
    """One stage.

    Attributes:
        stage: its folder's name.
        kind: what it does.
        title: for people.
        finished: whether its record is there.
        seconds: that it took; None where it is not finished.
        holder: who is at it, or died at it; None where nobody is.
    """

    stage: str
    kind: Kind
    title: str
    finished: bool
    seconds: float | None
    holder: str | None


@dataclass(frozen=True, slots=True)
class KindStanding:
    """All stages of one kind.

    Attributes:
        kind: which.
        stages: how many the study has.
        finished: how many of them are.
        seconds: that these took.
        seconds_left: about what the others take; None where none is finished, so nobody knows.
    """

    kind: Kind
    stages: int
    finished: int
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class CellStanding:
    """One training and its two scores.

    Attributes:
        regimen: how the data are blended.
        distilled: its distilled pool, or None.
        budget: original sentences; or all there are.
        subset_seed: of the original sample.
        seed: of the training.
        left: those of train, validation and test that are not finished.
        holder: who is at one of them, or died at it; None where nobody is.
    """

    regimen: str
    distilled: str | None
    budget: Budget
    subset_seed: int
    seed: int
    left: tuple[str, ...]
    holder: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A whole study.

    Attributes:
        study: its name.
        kinds: in the order in which they come.
        cells: in the order of the study.
        stages: each after those that it reads.
    """

    study: str
    kinds: tuple[KindStanding, ...]
    cells: tuple[CellStanding, ...]
    stages: tuple[StageStanding, ...]

    @property
    def seconds_left(self) -> float | None:
        """About what all that is left takes one process; None where a kind's time is not known."""
        left = [kind.seconds_left for kind in self.kinds]
        return None if None in left else sum(cast("list[float]", left))


def standing(graph: Graph, workspace: Workspace) -> Standing:
    """Where a study stands in a workspace.

    Raises:
        WorkspaceError: a record is damaged.
    """
    stages = {stage.key: _stage(stage, workspace) for stage in stages_of(graph, workspace)}
    return Standing(
        graph.config.name,
        tuple(
            _kind(kind, [one for one in stages.values() if one.kind == kind])
            for kind in dict.fromkeys(one.kind for one in stages.values())
        ),
        tuple(_cell(cell, stages) for cell in graph.cells),
        tuple(stages.values()),
    )


def _stage(stage: Stage, workspace: Workspace) -> StageStanding:
    record = workspace.record(stage)
    return StageStanding(
        stage.folder_name,
        stage.kind,
        stage.title,
        record is not None,
        None if record is None else cast("float", record["seconds"]),
        workspace.holder(stage) if record is None else None,
    )


def _kind(kind: Kind, stages: list[StageStanding]) -> KindStanding:
    took = [one.seconds for one in stages if one.seconds is not None]
    left = len(stages) - len(took)
    about = 0.0 if not left else fmean(took) * left if took else None
    return KindStanding(
        kind,
        len(stages),
        len(took),
        round(sum(took), 1),
        None if about is None else round(about, 1),
    )


def _cell(cell: Cell, stages: dict[Digest, StageStanding]) -> CellStanding:
    parts = {"train": cell.train, "validation": cell.validation, "test": cell.test}
    # A candidate that was not chosen never meets test.
    found = {name: stages[stage.key] for name, stage in parts.items() if stage.key in stages}
    return CellStanding(
        cell.regimen.name,
        cell.distilled,
        cell.budget,
        cell.subset_seed,
        cell.seed,
        tuple(name for name, one in found.items() if not one.finished),
        next((one.holder for one in found.values() if one.holder), None),
    )

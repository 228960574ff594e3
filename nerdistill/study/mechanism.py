"""What trainings recorded about how their students learn, as means over the seeds of a regimen."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.study.groups import ORIGINAL_TUNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nerdistill.study.cell import Cell
    from nerdistill.study.groups import Groups, Key
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]
    Training = list[Json]
    """Its observations, step by step."""

NUMBERS = ("loss_original", "loss_distilled", "cosine")
SAID = ("repeats", "gold", "other")
"""What a student says where its teacher erred, in the order in which it is counted."""
DIGITS = 6


def mechanism(groups: Groups, workspace: Workspace) -> Json | None:
    """A row for each regimen, pool and budget; None where no training was observed.

    Args:
        groups: of finished cells.
        workspace: where their records are.

    Returns:
        Plain data: `rows`, each with a list a number, an entry a step; see `_row`.
    """
    rows: list[Json] = []
    for key, cells in groups.items():
        found = [_observed(cell, workspace) for cell in cells.values()]
        watched = [one for one in found if one]
        if watched and key[0] != ORIGINAL_TUNED:
            rows.append(_row(key, watched))
    return {"rows": rows} if rows else None


def _observed(cell: Cell, workspace: Workspace) -> Training:
    return cast("Training", workspace.result(cell.train).get("observations", []))


def _row(key: Key, trainings: Sequence[Training]) -> Json:
    """Losses and cosines by step, and of each kind of the teacher's errors what is said there."""
    regimen, distilled, budget = key
    steps = [one["step"] for one in trainings[0]]
    by_step = list(zip(*trainings, strict=True))
    memories = [[_by_kind(one) for one in seen] for seen in by_step]
    return {
        "regimen": regimen,
        "distilled": distilled,
        "budget": budget,
        "trainings": len(trainings),
        "steps": steps,
        **{
            name: [_mean(cast("float | None", one[name]) for one in seen) for seen in by_step]
            for name in NUMBERS
        },
        "memory": {
            kind: _shares([[memory[kind] for memory in step] for step in memories])
            for kind in memories[0][0]
        },
    }


def _by_kind(observation: Json) -> dict[str, list[int]]:
    """What a student says where its teacher erred, by the kind of error and of all kinds."""
    counts = cast("dict[str, list[int]]", observation["memory"])
    total = [sum(said) for said in zip(*counts.values(), strict=True)]
    return {**counts, "all": total} if counts else {}


def _shares(counts: Sequence[Sequence[Sequence[int]]]) -> Json:
    """Of counts by step and training: the places, and the share of each answer by step."""
    shares = {
        name: [_mean(said[i] / sum(said) for said in step) for step in counts]
        for i, name in enumerate(SAID)
    }
    return {"places": sum(counts[0][0]), **shares}


def _mean(numbers: Iterable[float | None]) -> float | None:
    """Of those that were measured; None where none was."""
    known = [number for number in numbers if number is not None]
    return round(fmean(known), DIGITS) if known else None

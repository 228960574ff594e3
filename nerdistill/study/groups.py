"""The finished cells of a study by what they have in common: all but their seeds."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.study.phases import ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from nerdistill.study.cell import Cell
    from nerdistill.study.workspace import Workspace

Draw = tuple[int, int]
"""Seeds of the original sample and of the training."""
Key = tuple[str, str | None, int]
"""Regimen, distilled pool, and original sentences."""
Groups = dict[Key, dict[Draw, "Cell"]]

ORIGINAL_TUNED = "original-tuned"
"""Original data alone, with the steps and the rate that validation chooses at each budget."""


def grouped(done: Iterable[Cell], workspace: Workspace) -> Groups:
    """The cells of each group, with the best setting of original data alone as one of its own.

    Args:
        done: cells that have been trained and scored on validation.
        workspace: where their results are.
    """
    found: Groups = {}
    tuning: dict[int, Groups] = {}
    for cell in done:
        budget = budget_of(cell, workspace)
        key = (cell.regimen.name, cell.distilled, budget)
        draw = (cell.subset_seed, cell.seed)
        if cell.regimen.tuning or cell.regimen.name == ORIGINAL.name:
            tuning.setdefault(budget, {}).setdefault(key, {})[draw] = cell
        if not cell.regimen.tuning:
            found.setdefault(key, {})[draw] = cell
    for budget, settings in tuning.items():
        if len(settings) > 1:
            found[ORIGINAL_TUNED, None, budget] = _best_setting(settings, workspace)
    return found


def _best_setting(settings: Groups, workspace: Workspace) -> dict[Draw, Cell]:
    """Chosen on validation over the draws that all settings have."""
    shared = set.intersection(*({*cells} for cells in settings.values()))
    able = {key: [cells[draw] for draw in shared] for key, cells in settings.items() if shared}
    chosen = best_on_validation(able, workspace)
    return settings[next(iter(settings)) if chosen is None else chosen]


def budget_of(cell: Cell, workspace: Workspace) -> int:
    """The original sentences of a cell whose sample is drawn."""
    if isinstance(cell.budget, int):
        return cell.budget
    return cast("int", workspace.result(cell.sample)["drawn"])


def best_on_validation(able: Mapping[Key, Collection[Cell]], workspace: Workspace) -> Key | None:
    """The group with the best mean validation F1; the first of equals. Ceilings can't be it."""
    fair = [key for key, cells in able.items() if not any(is_ceiling(cell) for cell in cells)]
    return max(fair, key=lambda key: mean_validation_f1(able[key], workspace), default=None)


def best_of_budget(groups: Groups, budget: int, workspace: Workspace) -> Key | None:
    """The regimen that validation chooses at a budget, among those of the study's own steps."""
    able = {
        key: cells
        for key, cells in groups.items()
        if key[2] == budget and (key[0] == ORIGINAL_TUNED or is_rival(cells.values()))
    }
    # In a study that was stopped some have fewer seeds: the same for all, where there are such.
    draws = set.intersection(*({*cells} for cells in able.values())) if able else set()
    fair = {
        key: [cell for draw, cell in cells.items() if draw in draws or not draws]
        for key, cells in able.items()
    }
    return best_on_validation(fair, workspace)


def is_rival(cells: Iterable[Cell]) -> bool:
    """Whether all have the teacher, the steps and the rate that rivals have."""
    return all(
        cell.regimen.steps == cell.regimen.rate == 1.0 and cell.other is None for cell in cells
    )


def is_ceiling(cell: Cell) -> bool:
    """Whether a cell asks for labels that nobody has."""
    return cell.regimen.pools == "gold"


def mean_validation_f1(cells: Collection[Cell], workspace: Workspace) -> float:
    """In per cent."""
    return fmean(cast("float", workspace.result(cell.validation)["f1"]) for cell in cells)


def budgets_of(groups: Iterable[Key]) -> Sequence[int]:
    """The budgets at which there is more than original data alone, rising."""
    return sorted({key[2] for key in groups if key[1] is not None})

"""Which regimen a study chooses: on validation, never on test."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nerdistill.study.graph import Cell
    from nerdistill.study.workspace import Workspace

Key = TypeVar("Key")


def best_on_validation(groups: Mapping[Key, Collection[Cell]], workspace: Workspace) -> Key | None:
    """The group with the best mean validation F1; the first of equals. Ceilings can't be it."""
    able = [
        key
        for key, cells in groups.items()
        if not any(cell.regimen.pools == "gold" for cell in cells)
    ]
    return max(able, key=lambda key: _mean_f1(groups[key], workspace), default=None)


def _mean_f1(cells: Collection[Cell], workspace: Workspace) -> float:
    return fmean(cast("float", workspace.result(cell.validation)["f1"]) for cell in cells)

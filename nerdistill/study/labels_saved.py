"""How many human labels each regimen saved: what original data alone would need for its F1.

The rival is original data alone at its best: at each budget with the steps and the learning rate
that validation chooses. Of each regimen every human label is counted that it was paid for: to
train, to choose (where validation is capped) and to show the teacher.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.metrics.saved import labels_for_same_f1
from nerdistill.study.evidence import LEVEL, SEED, is_fair, named
from nerdistill.study.groups import ORIGINAL_TUNED, best_of_budget, budgets_of, is_ceiling
from nerdistill.study.human_labels import human_labels, paid
from nerdistill.study.phases import ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.metrics.saved import LabelsNeeded
    from nerdistill.study.cell import Cell
    from nerdistill.study.graph import Graph
    from nerdistill.study.groups import Draw, Groups, Key
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]

FEWEST = 2
"""Budgets that make a curve."""


def labels_saved(graph: Graph, groups: Groups, workspace: Workspace) -> Json | None:
    """Every regimen's F1 in human labels.

    Args:
        graph: the study.
        groups: of cells that are scored on test.
        workspace: where their results are.

    Returns:
        Plain data: `reference` (which curve of original data alone), `original` (its points),
        `regimens` (a row each, with `needed` and `saved`) and `headline`: the row of what
        validation chooses at the middle one of the budgets (of two the smaller), a rule that no
        result has a part in; None where original data alone were not tuned. The whole is None where
        these were trained at one budget only.
    """
    tuned = any(key[0] == ORIGINAL_TUNED for key in groups)
    reference = ORIGINAL_TUNED if tuned else ORIGINAL.name
    curve = {key[2]: cells for key, cells in groups.items() if key[0] == reference}
    draws = sorted(set.intersection(*({*cells} for cells in curve.values()))) if curve else []
    if len(curve) < FEWEST or not draws:
        return None
    budgets = sorted(curve)
    points = [_point(budget, curve[budget], draws, workspace) for budget in budgets]
    ladder = _Ladder(points, draws, graph, workspace)
    rows = {
        key: ladder.row(key, cells)
        for key, cells in groups.items()
        if _asks(key, cells) and {*draws} <= {*cells}
    }
    contested = budgets_of(groups)
    middle = contested[(len(contested) - 1) // 2] if contested else 0
    best = best_of_budget(groups, middle, workspace)
    return {
        "level": LEVEL,
        "validation": graph.config.validation.labels,
        "reference": reference,
        "original": points,
        "regimens": list(rows.values()),
        "headline": ladder.row(best, groups[best]) if tuned and best else None,
    }


def _asks(key: Key, cells: Mapping[Draw, Cell]) -> bool:
    """Whether it is a question how many labels a group saved."""
    fair = is_fair(key, cells) and key[0] != ORIGINAL_TUNED
    return fair and not any(is_ceiling(cell) for cell in cells.values())


def _point(
    budget: int, cells: Mapping[Draw, Cell], draws: Sequence[Draw], workspace: Workspace
) -> Json:
    """Original data alone at one budget."""
    params = next(iter(cells.values())).train.params
    f1 = [_test_f1(cells[draw], workspace) for draw in draws]
    return {
        "budget": budget,
        "human_labels": budget,
        "f1": f1,
        "mean": round(fmean(f1), 4),
        "chosen": {"steps": params["steps"], "learning_rate": params["learning_rate"]},
    }


class _Ladder:
    """Reads human labels off the curve of original data alone."""

    def __init__(
        self, points: Sequence[Json], draws: Sequence[Draw], graph: Graph, workspace: Workspace
    ) -> None:
        self._budgets = [cast("int", point["human_labels"]) for point in points]
        by_budget = [cast("list[float]", point["f1"]) for point in points]
        self._curves = [list(curve) for curve in zip(*by_budget, strict=True)]
        self._draws, self._graph, self._workspace = draws, graph, workspace

    def row(self, key: Key, cells: Mapping[Draw, Cell]) -> Json:
        """One regimen at one budget."""
        f1 = [_test_f1(cells[draw], self._workspace) for draw in self._draws]
        found = labels_for_same_f1(self._budgets, self._curves, f1, level=LEVEL, seed=SEED)
        first = cells[self._draws[0]]
        used = paid(first, self._graph, self._workspace)
        return {
            **named(key),
            "budget": key[2],
            "human_labels": used,
            "trained_on": human_labels(first, self._workspace)["train"],
            "f1": f1,
            "mean": round(fmean(f1), 4),
            "needed": _bound(found, 0),
            "saved": _bound(found, used),
        }


def _bound(found: LabelsNeeded, less: int) -> Json:
    """Labels less those that were paid for, where the curve reaches so far."""

    def told(value: float | None) -> float | None:
        return None if value is None or math.isinf(value) else round(value - less, 1)

    beyond = math.isinf(found.value)
    return {
        "value": told(found.value),
        "low": told(found.low),
        "high": told(found.high),
        "at_most": found.value <= found.smallest,
        "more_than": found.largest - less if beyond else None,
    }


def _test_f1(cell: Cell, workspace: Workspace) -> float:
    return cast("float", workspace.result(cell.test)["f1"])

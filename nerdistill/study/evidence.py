"""How sure a study's differences are: intervals of each regimen, and the best against the others.

Several trainings of a regimen are needed, which differ by seed or by the sample of original
sentences. Test decides nothing here: the best was chosen on validation.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from nerdistill.metrics.regimens import paired, summary
from nerdistill.metrics.significance import holm, seeds_needed
from nerdistill.study.groups import (
    ORIGINAL_TUNED,
    best_of_budget,
    budgets_of,
    is_ceiling,
    is_rival,
)
from nerdistill.study.texts import FEWEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nerdistill.metrics.regimens import RegimenComparison
    from nerdistill.study.cell import Cell
    from nerdistill.study.groups import Draw, Groups, Key
    from nerdistill.study.scored import Scored

    Json = dict[str, object]

LEVEL = 0.95
ALPHA = 0.05
"""The level of a family of tests."""
SEED = 1
"""Of the draws: the same study has the same intervals."""


def evidence(groups: Groups, scored: Scored) -> Json | None:
    """Intervals of the mean test F1, and the best of each budget against every other regimen.

    Args:
        groups: of cells that are scored on test.
        scored: reads how.

    Returns:
        Plain data: `unit` (what is resampled: documents, or sentences where there is but one),
        `units` (how many), `level`, `regimens` (a row each) and `comparisons` (a row each, with `p`
        and, over all of its budget, Holm's `p_holm`). None where no regimen was trained twice, or
        where the test corpus is a single sentence.
    """
    known = {key: cells for key, cells in groups.items() if len(cells) >= FEWEST}
    if not known or scored.units < FEWEST:
        return None
    best = (best_of_budget(known, budget, scored.workspace) for budget in _contested(known))
    comparisons = [
        _of_best(one, other, known, scored)
        for one in best
        if one is not None
        for other, cells in _once(known).items()
        if other[2] == one[2] and is_fair(other, cells) and _differ(known[one], cells)
    ]
    return {
        "unit": scored.unit,
        "units": scored.units,
        "level": LEVEL,
        "regimens": [_regimen(key, cells, scored) for key, cells in known.items()],
        "comparisons": [_with_needed(row) for row in corrected(comparisons)],
    }


def is_fair(key: Key, cells: Mapping[Draw, Cell]) -> bool:
    """Whether a group is one to be compared with the best: of its teacher, and of fair settings."""
    return key[0] == ORIGINAL_TUNED or is_rival(cells.values())


def comparison(
    one: Mapping[Draw, Cell], other: Mapping[Draw, Cell], scored: Scored
) -> tuple[Json, RegimenComparison] | None:
    """The first less the second, over the draws that both have: as plain data, and whole.

    None where both have fewer than two draws in common.
    """
    shared = sorted(one.keys() & other.keys())
    if len(shared) < FEWEST or scored.units < FEWEST:
        return None
    pair = [scored.counts({draw: side[draw] for draw in shared}) for side in (other, one)]
    found = paired(pair[0], pair[1], level=LEVEL, seed=SEED)
    # Seeds that share a sample are not independent: with several of both no p is told.
    crossed = 1 < len({subset for subset, _ in shared}) < len(shared)
    told: Json = {
        "difference": asdict(found.difference),
        "p": None if crossed else found.p,
        "p_holm": None,
        "family": None,
        "effect_size": found.effect_size,
        "sign_flip_p": found.sign_flip_p,
        "per_training": [round(value, 4) for value in found.per_seed],
    }
    return told, found


def corrected(rows: list[Json]) -> list[Json]:
    """The rows with `p_holm` and `family`: all rows of one budget, whose p are corrected together.

    What is chosen at a budget rests on its own comparisons.
    """
    families: dict[object, list[Json]] = {}
    for row in rows:
        if row["p"] is not None:
            families.setdefault(row["budget"], []).append(row)
    for family in families.values():
        for row, p in zip(family, holm([cast("float", row["p"]) for row in family]), strict=True):
            row |= {"p_holm": p, "family": len(family)}
    return rows


def named(key: Key) -> Json:
    """A regimen and its pool, for a row."""
    return {"regimen": key[0], "distilled": key[1]}


def _contested(groups: Groups) -> Iterable[int]:
    """The budgets at which regimens compete; in the order of the study."""
    with_pool = set(budgets_of(groups))
    return [budget for budget in dict.fromkeys(key[2] for key in groups) if budget in with_pool]


def _once(groups: Groups) -> Groups:
    """Groups that are the same trainings under two names, under the first of these."""
    found: dict[frozenset[str], Key] = {}
    for key, cells in groups.items():
        found.setdefault(frozenset(cell.train.key for cell in cells.values()), key)
    return {key: groups[key] for key in found.values()}


def _differ(one: Mapping[Draw, Cell], other: Mapping[Draw, Cell]) -> bool:
    """Whether two groups have the same draws, and other trainings."""
    return one.keys() == other.keys() and any(
        one[draw].train.key != other[draw].train.key for draw in one
    )


def _regimen(key: Key, cells: Mapping[Draw, Cell], scored: Scored) -> Json:
    found = summary(scored.counts(cells), level=LEVEL, seed=SEED)
    return {
        **named(key),
        "budget": key[2],
        "trainings": found.seeds,
        "f1": asdict(found.f1),
        "standard_deviation": found.standard_deviation,
    }


def _of_best(best: Key, other: Key, groups: Groups, scored: Scored) -> Json:
    found = comparison(groups[best], groups[other], scored)
    if found is None:
        raise ValueError(f"{best} and {other} have no two draws in common")
    return {
        "budget": best[2],
        "best": named(best),
        "other": named(other),
        "ceiling": any(is_ceiling(cell) for cell in groups[other].values()),
        **found[0],
    }


def _with_needed(row: Json) -> Json:
    """The row with how many trainings would show its difference as one of its family.

    The level is that of Holm's first step, so that it is enough wherever the row stands.
    """
    alpha = ALPHA / cast("int", row["family"] or 1)
    needed = seeds_needed(cast("list[float]", row["per_training"]), alpha=alpha)
    return {**row, "trainings_needed": None if needed is None else asdict(needed)}

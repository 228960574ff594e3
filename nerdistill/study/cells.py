"""The cells of a study: what each of its regimens trains on, and with which seeds."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from nerdistill.study.cell import Cell
from nerdistill.study.phases import ORIGINAL, TEACHERS, regimens, taught_by_others, tuned
from nerdistill.study.treatments import treated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.study.config import Budget, OtherTeacher, StudyConfig
    from nerdistill.study.graph import Graph
    from nerdistill.study.groups import Draw
    from nerdistill.study.phases import Phase, Regimen

Names = tuple[str, ...]
"""The corpora of a distilled pool."""


def cells_of(graph: Graph) -> list[Cell]:
    """Every cell: regimens and pools by budget, subset and seed. Shared cells stand once.

    Raises:
        ConfigError: a regimen that does not exist, or lacks its data.
    """
    config = graph.config
    original, others = config.original, taught_by_others(config)
    alone = regimens(config)
    rungs = {one: (ORIGINAL, ()) for one in (ORIGINAL.name,) if one in alone}
    tuning = tuned(config)
    found: list[Cell] = []
    for budget in dict.fromkeys([*original.budgets, *original.ladder]):
        chosen = alone if budget in original.budgets else rungs
        for draw in _draws(config):
            found += [
                _cell(graph, regimen, phases, names, budget, draw)
                for regimen, phases in chosen.values()
                for names in _pools(config, regimen)
            ]
            found += [_cell(graph, regimen, (), (), budget, draw) for regimen in tuning]
            if budget in original.budgets:
                found += [
                    _cell(graph, regimen, (TEACHERS,), names, budget, draw, other)
                    for other in config.other_teachers
                    for regimen in others
                    for names in _pools(config, regimen)
                ]
    return found


def _draws(config: StudyConfig) -> Iterator[Draw]:
    subsets = config.original.subset_seeds
    if isinstance(subsets, list):
        yield from product(subsets, config.seeds)
    else:
        yield from ((seed, seed) for seed in config.seeds)


def _pools(config: StudyConfig, regimen: Regimen) -> list[Names]:
    corpora = tuple(config.teacher.corpora)
    if regimen.pools == "none":
        return [()]
    if regimen.pools == "apart":
        return [(name,) for name in corpora]
    if regimen.pools == "gold":
        return [tuple(config.teacher.ceiling)]
    return [corpora]


def _cell(
    graph: Graph,
    regimen: Regimen,
    phases: tuple[Phase, ...],
    names: Names,
    budget: Budget,
    draw: Draw,
    other: OtherTeacher | None = None,
) -> Cell:
    config, (subset_seed, seed) = graph.config, draw
    gold = regimen.pools == "gold"
    pool = graph.distilled(names, gold=gold, other=other) if names else None
    distilled = ("gold " if gold else "") + "+".join(names) if names else None
    if other:
        distilled = f"{distilled} by {other.name}"
    sample = graph.sample(budget, subset_seed)
    on = f" on {distilled}" if regimen.pools == "apart" or other else ""
    about = f"{regimen.name}{on}, {budget} original, seed {seed}"
    about += f" (phase {'+'.join(map(str, phases))})" if phases else " (for labels saved)"
    watch = None
    if phases and config.training.observations:
        # Who sees no teacher's labels is watched with all: what others memorise, it cannot.
        watched = names if pool and not gold else tuple(config.teacher.corpora)
        watch = graph.watch(watched, sample, other)
    shown = pool
    if pool is not None and regimen.treatment is not None:
        shown = treated(
            graph,
            regimen.treatment,
            pool=pool,
            sample=sample,
            seed=seed,
            watch=watch,
            other=other,
        )
    train = graph.train(regimen, sample=sample, pool=shown, seed=seed, title=about, watch=watch)
    capped = config.validation.labels == "capped"
    chooser = sample if capped else graph.corpus(config.validation.corpus)
    return Cell(
        regimen=regimen,
        phases=phases,
        distilled=distilled,
        budget=budget,
        subset_seed=subset_seed,
        seed=seed,
        sample=sample,
        pool=pool,
        other=other.name if other else None,
        train=train,
        validation=graph.evaluate(train, chooser, f"validate {about}"),
        test=graph.evaluate(train, graph.corpus(config.test.corpus), f"test {about}"),
    )

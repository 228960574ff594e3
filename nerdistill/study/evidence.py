"""How sure a study's differences are: intervals of each regimen, and the best against the others.

Several trainings of a regimen are needed, which differ by seed or by the sample of original
sentences. Test decides nothing here: the best was chosen on validation.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import numpy as np

from nerdistill.corpus.formats import read_corpus
from nerdistill.metrics.counts import count_spans
from nerdistill.metrics.regimens import paired, summary
from nerdistill.metrics.significance import holm, seeds_needed
from nerdistill.study.builders.site import CORPUS
from nerdistill.study.choice import best_on_validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nerdistill.study.graph import Cell
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace
    from nerdistill.types import Corpus, Sentence

    Json = dict[str, object]
    Model = tuple[int, int]
    Key = tuple[str, str | None, int]

LEVEL = 0.95
SEED = 1
"""Of the draws: the same study has the same intervals."""
FEWEST = 2
"""Trainings of a regimen, or texts, that tell how they differ."""


def evidence(done: Sequence[Cell], workspace: Workspace) -> Json | None:
    """Intervals of the mean test F1, and the best of each budget against every other regimen.

    Args:
        done: cells whose stages have all ended.
        workspace: where their predictions are.

    Returns:
        Plain data: `unit` (what is resampled: documents, or sentences where there is but one),
        `units` (how many), `level`, `regimens` (a row each) and `comparisons` (a row each, with `p`
        and, over all of them, Holm's `p_holm`). None where no regimen was trained twice, or where
        the test corpus is a single sentence.
    """
    groups = _groups(done)
    if not groups:
        return None
    gold, unit = _units(next(iter(groups.values())), workspace)
    if len(gold) < FEWEST:
        return None
    counts = {
        key: np.stack([_counts(gold, cells[model], workspace) for model in sorted(cells)])
        for key, cells in groups.items()
    }
    regimens = [_regimen(key, counts[key]) for key in groups]
    comparisons = [
        _comparison(best, other, counts, groups)
        for best in _best(groups, workspace)
        for other in groups
        if other != best and other[2] == best[2] and groups[other].keys() == groups[best].keys()
    ]
    known = [row for row in comparisons if row["p"] is not None]
    for row, p in zip(known, holm([cast("float", row["p"]) for row in known]), strict=True):
        row["p_holm"] = p
    return {
        "unit": unit,
        "units": len(gold),
        "level": LEVEL,
        "regimens": regimens,
        "comparisons": comparisons,
    }


def _groups(done: Sequence[Cell]) -> dict[Key, dict[Model, Cell]]:
    """The cells of each regimen, pool and budget, by what they differ in; those of one left out."""
    found: dict[Key, dict[Model, Cell]] = {}
    for cell in done:
        group = found.setdefault((cell.regimen.name, cell.distilled, cell.budget), {})
        group[cell.subset_seed, cell.seed] = cell
    return {key: cells for key, cells in found.items() if len(cells) >= FEWEST}


def _units(
    cells: dict[Model, Cell], workspace: Workspace
) -> tuple[list[tuple[Sentence, ...]], str]:
    """What is resampled of the test corpus, and what that is called."""
    stage = next(iter(cells.values())).test
    corpus = read_corpus(workspace.folder(stage.inputs["corpus"]) / CORPUS)
    if len(corpus.documents) >= FEWEST:
        return [document.sentences for document in corpus.documents], "documents"
    return [(sentence,) for sentence in corpus.sentences], "sentences"


def _counts(
    gold: Sequence[tuple[Sentence, ...]], cell: Cell, workspace: Workspace
) -> NDArray[np.int64]:
    """`(units, 3)`: entities right, predicted and in gold."""
    predicted = iter(_predictions(cell.test, workspace).sentences)
    rows = [
        [count_spans(one.spans or (), next(predicted).spans or ()) for one in sentences]
        for sentences in gold
    ]
    return np.array([np.sum(row, axis=0) for row in rows], np.int64)


def _predictions(stage: Stage, workspace: Workspace) -> Corpus:
    return read_corpus(workspace.folder(stage) / "predictions.jsonl")


def _best(groups: dict[Key, dict[Model, Cell]], workspace: Workspace) -> list[Key]:
    """Of each budget the regimen that validation chooses."""
    found = (
        best_on_validation(
            {key: cells.values() for key, cells in groups.items() if key[2] == budget}, workspace
        )
        for budget in dict.fromkeys(key[2] for key in groups)
    )
    return [key for key in found if key is not None]


def _named(key: Key) -> Json:
    return {"regimen": key[0], "distilled": key[1]}


def _regimen(key: Key, counts: NDArray[np.int64]) -> Json:
    found = summary(counts, level=LEVEL, seed=SEED)
    return {
        **_named(key),
        "budget": key[2],
        "trainings": found.seeds,
        "f1": asdict(found.f1),
        "standard_deviation": found.standard_deviation,
    }


def _comparison(
    best: Key,
    other: Key,
    counts: dict[Key, NDArray[np.int64]],
    groups: dict[Key, dict[Model, Cell]],
) -> Json:
    found = paired(counts[other], counts[best], level=LEVEL, seed=SEED)
    needed = seeds_needed(found.per_seed)
    return {
        "budget": best[2],
        "best": _named(best),
        "other": _named(other),
        "ceiling": any(cell.regimen.pools == "gold" for cell in groups[other].values()),
        "difference": asdict(found.difference),
        "p": found.p,
        "p_holm": None,
        "effect_size": found.effect_size,
        "sign_flip_p": found.sign_flip_p,
        "per_training": [round(value, 4) for value in found.per_seed],
        "trainings_needed": None if needed is None else asdict(needed),
    }

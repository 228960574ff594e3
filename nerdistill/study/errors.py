"""How the students of a study err on test: kinds of errors, types confused, new entities."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from nerdistill.metrics.errors import KINDS
from nerdistill.metrics.seen import SEEN, Shown
from nerdistill.metrics.tally import NOTHING, tally
from nerdistill.study.readings import corpus_of, forms_of, predictions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from nerdistill.metrics.tally import Case
    from nerdistill.study.cell import Cell
    from nerdistill.study.groups import Draw, Groups, Key
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]


def errors(groups: Groups, workspace: Workspace) -> Json | None:
    """How often the students of each regimen erred: mean counts of a training.

    Args:
        groups: of cells that are scored on test.
        workspace: where their predictions are.

    Returns:
        Plain data: `rows`, one for each regimen, pool and budget, with `kinds`, `by_type`,
        `by_seen` and `confusion`. Each gold entity and each predicted one is in one count. None
        where no training is finished.
    """
    rows = [_row(key, cells, workspace) for key, cells in groups.items()]
    return {"rows": rows} if rows else None


def shown_to(cell: Cell, workspace: Workspace) -> Shown:
    """The entities that a cell's student was trained on: the data its regimen leaves out are not.

    The whole of both pools counts, also where the training ended before it had shown all of it; of
    a distilled pool that was treated or selected from, what that made of it.
    """
    encoded = (cell.train.inputs.get(name) for name in ("original", "distilled"))
    return Shown(
        *(forms_of(one.inputs["corpus"], workspace) if one else frozenset() for one in encoded)
    )


def _row(key: Key, cells: Mapping[Draw, Cell], workspace: Workspace) -> Json:
    counts: Counter[Case] = Counter()
    for cell in cells.values():
        counts.update(_tally(cell, workspace))
    types = sorted({case.type for case in counts})
    labels = sorted({label for case in counts for label in (case.gold, case.predicted)})
    kinds = _means(counts, len(cells), lambda case: case.kind)
    by_type = _means(counts, len(cells), lambda case: (case.type, case.kind))
    by_seen = _means(counts, len(cells), lambda case: (case.seen, case.kind))
    gold = _means(counts, len(cells), lambda case: (case.seen, case.gold != NOTHING))
    confused = _means(counts, len(cells), lambda case: (case.gold, case.predicted))
    return {
        "regimen": key[0],
        "distilled": key[1],
        "budget": key[2],
        "trainings": len(cells),
        "kinds": {kind: kinds[kind] for kind in KINDS},
        "by_type": {name: {kind: by_type[name, kind] for kind in KINDS} for name in types},
        "by_seen": {
            seen: {"gold": gold[seen, True]} | {kind: by_seen[seen, kind] for kind in KINDS}
            for seen in SEEN
        },
        "confusion": {was: {now: confused[was, now] for now in labels} for was in labels},
    }


def _tally(cell: Cell, workspace: Workspace) -> Counter[Case]:
    gold = list(corpus_of(cell.test.inputs["corpus"], workspace).sentences)
    return tally(gold, predictions_of(cell.test, workspace), shown_to(cell, workspace))


def _means(
    counts: Counter[Case], trainings: int, of: Callable[[Case], Hashable]
) -> defaultdict[Hashable, float]:
    """Cases a training, summed by a part of them; 0 for what never came."""
    sums: Counter[Hashable] = Counter()
    for case, count in counts.items():
        sums[of(case)] += count
    means = {part: round(count / trainings, 4) for part, count in sums.items()}
    return defaultdict(float, means)

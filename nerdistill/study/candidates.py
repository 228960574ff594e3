"""Candidates: new methods, of which only the one that validation chooses meets test.

One is chosen at each budget, for each teacher whose labels they use. Many methods that are all
scored on test make the best of them look better than it is.
"""

from __future__ import annotations

from operator import itemgetter
from statistics import fmean, stdev
from typing import TYPE_CHECKING, cast

from nerdistill.study.evidence import comparison, corrected, named
from nerdistill.study.groups import best_on_validation, grouped
from nerdistill.study.phases import SIMPLE_MIX
from nerdistill.study.stage import in_order

if TYPE_CHECKING:
    from nerdistill.study.cell import Cell
    from nerdistill.study.config import Budget
    from nerdistill.study.graph import Graph
    from nerdistill.study.groups import Groups
    from nerdistill.study.scored import Scored
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]


def meeting_test(graph: Graph, workspace: Workspace) -> list[Cell]:
    """The cells that test scores, as far as it is known yet: all but candidates, and the chosen.

    A teacher's candidate at a budget is chosen once all of them have been scored on validation.
    """
    chosen = {
        cell.train.key for cells in chosen_of(graph, workspace).values() for cell in cells.values()
    }
    return [cell for cell in graph.cells if not cell.regimen.candidate or cell.train.key in chosen]


def chosen_of(graph: Graph, workspace: Workspace) -> Groups:
    """Of each budget and pool the candidate with the best mean validation F1, once all have one."""
    rivals = [cell for cell in graph.cells if cell.regimen.candidate]
    waiting = {_place(cell) for cell in rivals if workspace.record(cell.validation) is None}
    groups = grouped([cell for cell in rivals if _place(cell) not in waiting], workspace)
    found: Groups = {}
    for place in sorted(dict.fromkeys(key[1:] for key in groups), key=itemgetter(1)):
        able = {key: cells.values() for key, cells in groups.items() if key[1:] == place}
        best = best_on_validation(able, workspace)
        if best is not None:
            found[best] = groups[best]
    return found


def _place(cell: Cell) -> tuple[str | None, Budget]:
    """Where candidates compete: a pool and a budget."""
    return cell.distilled, cell.budget


def methods(graph: Graph, tested: Groups, scored: Scored) -> Json | None:
    """What candidates scored on validation, and what the chosen ones gain on test.

    Args:
        graph: the study.
        tested: groups of those that are scored on test.
        scored: reads how.

    Returns:
        Plain data: `rows`, a candidate or Simple Mix at a budget each with its validation F1, the
        sentences beside the pool that a teacher is `asked` about for a seed of it, the `students`
        that this trains and the `seconds` that it takes in the mean until it is scored there, both
        with judges, and whether it was `chosen`; `comparisons` of the chosen with Simple Mix on
        test, corrected after Holm. None without candidates.
    """
    workspace = scored.workspace
    done = [cell for cell in graph.cells if workspace.record(cell.validation)]
    pools = {cell.distilled for cell in done if cell.regimen.candidate}
    if not pools:
        return None
    chosen = chosen_of(graph, workspace)
    rows: list[Json] = []
    for key, cells in grouped(done, workspace).items():
        base = key[0] == SIMPLE_MIX.name and key[1] in pools
        if not base and not any(cell.regimen.candidate for cell in cells.values()):
            continue
        f1 = [cast("float", workspace.result(cell.validation)["f1"]) for cell in cells.values()]
        rows.append(
            {
                **named(key),
                "budget": key[2],
                "trainings": len(f1),
                "asked": round(fmean(asked_for(cell, workspace) for cell in cells.values())),
                "students": students_of(next(iter(cells.values()))),
                "seconds": round(fmean(seconds_of(cell, workspace) for cell in cells.values()), 1),
                "validation_f1": round(fmean(f1), 4),
                "standard_deviation": round(stdev(f1), 4) if len(f1) > 1 else None,
                "chosen": key in chosen,
            }
        )
    comparisons: list[Json] = []
    for key in chosen:
        base_key = (SIMPLE_MIX.name, key[1], key[2])
        if key not in tested or base_key not in tested:
            continue
        if found := comparison(tested[key], tested[base_key], scored):
            sides = {"a": named(key), "b": named(base_key)}
            comparisons.append({"budget": key[2], **sides, **found[0]})
    return {"rows": rows, "comparisons": corrected(comparisons)}


def asked_for(cell: Cell, workspace: Workspace) -> int:
    """How many sentences a teacher labels for a cell, those of its pool aside."""
    own = {stage.key for stage in in_order([cell.pool] if cell.pool else [])}
    more = (stage for stage in in_order([cell.train]) if stage.key not in own)
    audits = (workspace.result(stage) for stage in more if stage.kind == "annotate")
    return sum(cast("int", audit["sentences"]) for audit in audits)


def students_of(cell: Cell) -> int:
    """How many students a cell trains: itself, and those who judge its pool."""
    return sum(stage.kind == "train" for stage in in_order([cell.train]))


def seconds_of(cell: Cell, workspace: Workspace) -> float:
    """What a cell took until it was scored on validation, with the judges that it asks."""
    learnt = (stage for stage in in_order([cell.validation]) if stage.learnt)
    records = (workspace.record(stage) for stage in learnt)
    return sum(cast("float", record["seconds"]) for record in records if record)

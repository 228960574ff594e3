"""The results of a study as one plain document: what `results.json` holds."""

from __future__ import annotations

from importlib.metadata import version
from operator import itemgetter
from pathlib import PurePath
from statistics import fmean
from typing import TYPE_CHECKING, cast

from nerdistill.study.also import also_scores
from nerdistill.study.asking import LOADING
from nerdistill.study.candidates import meeting_test, methods
from nerdistill.study.errors import errors
from nerdistill.study.evidence import evidence
from nerdistill.study.groups import (
    best_of_budget,
    budget_of,
    budgets_of,
    grouped,
    is_ceiling,
    is_rival,
    mean_validation_f1,
)
from nerdistill.study.human_labels import human_labels
from nerdistill.study.labels_saved import labels_saved
from nerdistill.study.mechanism import mechanism
from nerdistill.study.phases import Treatment
from nerdistill.study.questions import order
from nerdistill.study.run_details import run_details
from nerdistill.study.scored import Scored
from nerdistill.study.selection import selection
from nerdistill.study.stages import stages_of
from nerdistill.study.teachers import teachers

if TYPE_CHECKING:
    from nerdistill.study.cell import Cell
    from nerdistill.study.config import OtherTeacher, Teacher
    from nerdistill.study.graph import Graph
    from nerdistill.study.groups import Groups
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace

Json = dict[str, object]


def collect(graph: Graph, workspace: Workspace, command: str | None = None) -> Json:
    """Everything that the finished stages of a study found.

    Only cells whose stages have all ended are in it. The winner is chosen by the mean validation
    F1 over seeds; test is never asked.

    Args:
        graph: the study.
        workspace: where its stages are.
        command: that runs it, fit to be shown.
    """
    config = graph.config
    done = [cell for cell in graph.cells if _finished(cell, workspace)]
    teacher = [
        _teacher(graph, name, graph.annotation(name, other), other, workspace)
        for other in (None, *config.other_teachers)
        for name in config.teacher.corpora
    ]
    teacher += [_on_sample(graph, done, workspace)]
    cells = [_cell(graph, cell, workspace) for cell in done]
    groups = scored_groups(graph, workspace)
    tests = [cell.test for cells in groups.values() for cell in cells.values()]
    scored = Scored(workspace, tests[0].inputs["corpus"]) if tests else None
    return {
        "study": config.name,
        "title": config.title,
        "note": config.note,
        "simulated": config.teacher.annotator == "simulated",
        "student": graph.student_name,
        "labels": graph.types,
        "seeds": config.seeds,
        "steps": config.training.steps,
        "batch_size": config.training.batch_size,
        "learning_rate": config.training.learning_rate,
        "mean_share": config.mean_share,
        "versions": {name: version(name) for name in ("nerdistill", "torch", "transformers")},
        "teacher": [row for row in teacher if row],
        "original": _original(done, workspace),
        "distilled": _distilled(done, workspace),
        "cells": cells,
        "missing_cells": _missing(graph, workspace),
        "winner": _winner(groups, workspace),
        "evidence": scored and evidence(groups, scored),
        "labels_saved": labels_saved(graph, groups, workspace),
        "order": scored and order(groups, scored),
        "methods": scored and methods(graph, groups, scored),
        "selection": selection(done, workspace),
        "teachers": scored and teachers(graph, groups, scored),
        "mechanism": mechanism(groups, workspace),
        "errors": errors(groups, workspace),
        "run": run_details(graph, stages_of(graph, workspace), workspace, command),
    }


def scored_groups(graph: Graph, workspace: Workspace) -> Groups:
    """The cells that are scored on test, by what they have in common."""
    meeting = meeting_test(graph, workspace)
    done = [cell for cell in meeting if _finished(cell, workspace)]
    return grouped([cell for cell in done if workspace.record(cell.test)], workspace)


def _missing(graph: Graph, workspace: Workspace) -> int:
    """Cells that are not finished, a chosen candidate without a score on test among them."""
    meeting = {cell.test.key for cell in meeting_test(graph, workspace)}
    return sum(
        not _finished(cell, workspace)
        or (cell.test.key in meeting and workspace.record(cell.test) is None)
        for cell in graph.cells
    )


def _finished(cell: Cell, workspace: Workspace) -> bool:
    """Whether a cell is ready to be told of: of a candidate test may never score it."""
    needed = [cell.train, cell.validation, *([] if cell.regimen.candidate else [cell.test])]
    return all(workspace.record(stage) for stage in needed)


def _on_sample(graph: Graph, done: list[Cell], workspace: Workspace) -> Json | None:
    """The teacher on the largest original sample that it was asked about; it never saw its labels.

    Where nobody has labelled the other corpora, this alone tells how good it is.
    """
    asked = [
        (budget_of(cell, workspace), stage)
        for cell in done
        if isinstance(cell.regimen.treatment, Treatment) and cell.regimen.treatment.how == "masked"
        if cell.other is None and (stage := graph.annotated_sample(cell.sample))
    ]
    if not asked:
        return None
    budget, stage = max(asked, key=itemgetter(0))
    return _teacher(graph, f"original sample of {budget:,}", stage, None, workspace)


def _teacher(
    graph: Graph, name: str, stage: Stage, other: OtherTeacher | None, workspace: Workspace
) -> Json | None:
    if workspace.record(stage) is None:
        return None
    teacher = graph.teacher(other)
    return {
        "corpus": name,
        "annotator": teacher.annotator,
        "model": other.name if other else _called(teacher),
        "simulated": teacher.annotator == "simulated",
        **workspace.result(stage),
    }


def _called(teacher: Teacher) -> str:
    """A model's name; of a folder the last part, since results leave the house."""
    return PurePath(teacher.model).name if teacher.annotator in LOADING else teacher.model


def _original(done: list[Cell], workspace: Workspace) -> list[Json]:
    samples = {(budget_of(cell, workspace), cell.subset_seed): cell.sample for cell in done}
    return [
        {"budget": budget, "subset_seed": subset_seed, **workspace.result(stage)}
        for (budget, subset_seed), stage in samples.items()
    ]


def _distilled(done: list[Cell], workspace: Workspace) -> list[Json]:
    pools = {cell.distilled: cell.pool for cell in done if cell.pool is not None}
    return [
        {
            "name": name,
            "source": "gold" if stage.params["gold"] else "teacher",
            **workspace.result(stage),
        }
        for name, stage in pools.items()
    ]


def _cell(graph: Graph, cell: Cell, workspace: Workspace) -> Json:
    trained = workspace.result(cell.train)
    stages = (cell.train, cell.validation, cell.test)
    records = [record for stage in stages if (record := workspace.record(stage))]
    seconds = sum(cast("float", record["seconds"]) for record in records)
    return {
        "phases": list(cell.phases),
        "regimen": cell.regimen.name,
        "rival": is_rival([cell]) and not is_ceiling(cell),
        "curve": trained["curve"],
        "schedule": cell.regimen.schedule,
        "teacher": cell.other or _called(graph.config.teacher),
        "distilled": cell.distilled,
        "budget": budget_of(cell, workspace),
        "subset_seed": cell.subset_seed,
        "seed": cell.seed,
        "validation": workspace.result(cell.validation),
        "test": workspace.result(cell.test) if workspace.record(cell.test) else None,
        "also": also_scores(cell, graph.also, workspace),
        "examples": trained["examples"],
        "human_labels": human_labels(cell, workspace),
        "steps": cell.train.params["steps"],
        "learning_rate": cell.train.params["learning_rate"],
        "seconds": round(seconds, 1),
        "model": f"stages/{cell.train.folder_name}/model",
        "tested": f"stages/{cell.test.folder_name}",
    }


def _winner(groups: Groups, workspace: Workspace) -> Json | None:
    """The regimen with the best mean validation F1 at the largest budget; ceilings can't win."""
    largest = max(budgets_of(groups) or [key[2] for key in groups], default=0)
    chosen = best_of_budget(groups, largest, workspace)
    if chosen is None:
        return None
    cells = groups[chosen].values()
    tests = [cast("float", workspace.result(cell.test)["f1"]) for cell in cells]
    return {
        "regimen": chosen[0],
        "setting": next(iter(cells)).regimen.name,
        "distilled": chosen[1],
        "budget": largest,
        "validation_f1": round(mean_validation_f1(cells, workspace), 4),
        "test_f1": round(fmean(tests), 4),
        "chosen_by": "validation",
        "trainings": len(tests),
    }

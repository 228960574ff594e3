"""The human-labelled sentences behind a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from nerdistill.study.cell import Cell
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]


def human_labels(cell: Cell, workspace: Workspace) -> Json:
    """Those that it was trained on, and those that chose."""
    drawn = cast("Json", workspace.result(cell.sample)["human_labels"])
    train = cast("int", drawn["train"]) if "original" in cell.train.inputs else 0
    if cell.pool is not None and cell.pool.params["gold"]:
        train += cast("int", workspace.result(cell.pool)["sentences"])
    return {"train": train, "validation": drawn["validation"]}


def paid(cell: Cell, graph: Graph, workspace: Workspace) -> int:
    """Those that a budget pays for: to train, to choose where that is capped, for the teacher.

    Of the corpus that the teacher's examples are chosen from, people labelled all.
    """
    labels = human_labels(cell, workspace)
    config, count = graph.config, cast("int", labels["train"])
    if config.validation.labels == "capped":
        count += cast("int", labels["validation"])
    if config.teacher.examples and cell.pool is not None:
        examples = graph.corpus(config.teacher.examples)
        count += cast("int", workspace.result(examples)["sentences"])
    return count

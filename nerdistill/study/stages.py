"""The stages of a study in the order in which they can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.study.candidates import meeting_test
from nerdistill.study.stage import in_order

if TYPE_CHECKING:
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace


def stages_of(graph: Graph, workspace: Workspace) -> list[Stage]:
    """Every stage of a study, each after those that it reads.

    First comes what may refuse the study and costs nothing, then all that teachers are asked for:
    a server that is there today may be gone after the trainings.
    Which candidates meet test is known once all are scored on validation: after a first round,
    the workspace tells of more stages.
    """
    config = graph.config
    audits = [
        graph.annotation(name, other)
        for other in (None, *config.other_teachers)
        for name in config.teacher.corpora
    ]
    tested = {cell.test.key for cell in meeting_test(graph, workspace)}
    cells = [
        stage
        for cell in graph.cells
        for stage in (cell.validation, cell.test)
        if stage is cell.validation or stage.key in tested
    ]
    needed = list(in_order(cells))
    texts = [stage for stage in needed if stage.kind == "text"]
    asked = [stage for stage in needed if stage.kind == "annotate"]
    return list(in_order([*graph.also.values(), *texts, *audits, *asked, *cells]))


def rounds(graph: Graph) -> range:
    """How often a study's stages are listed and done: a second time for what validation chose."""
    return range(2 if any(cell.regimen.candidate for cell in graph.cells) else 1)

"""Scores of the same predictions by other gold labels of the same sentences."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nerdistill.metrics.counts import Counts, count_by_type, score_counts
from nerdistill.study.readings import corpus_of, predictions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.study.cell import Cell
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]


def also_scores(cell: Cell, also: Mapping[str, Stage], workspace: Workspace) -> Json:
    """The strict scores of a cell's predictions on test by each further corpus that is read.

    Args:
        cell: without a score on test it has none of these.
        also: the stages that read the corpora, by name; those that have not ended are left out.
        workspace: where all of them are.
    """
    if workspace.record(cell.test) is None:
        return {}
    predicted = predictions_of(cell.test, workspace)
    found: Json = {}
    for name, stage in also.items():
        if workspace.record(stage) is None:
            continue
        sums: defaultdict[str, Counts] = defaultdict(lambda: Counts(0, 0, 0))
        gold = corpus_of(stage, workspace).sentences
        for sentence, spans in zip(gold, predicted, strict=True):
            for label, counts in count_by_type(sentence.spans or (), spans).items():
                sums[label] = Counts(*map(sum, zip(sums[label], counts, strict=True)))
        found[name] = score_counts(sums).to_json()
    return found

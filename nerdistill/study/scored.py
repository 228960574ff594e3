"""What the finished cells of a study scored on test, document by document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nerdistill.metrics.counts import count_spans
from nerdistill.study.readings import corpus_of, predictions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nerdistill.digest import Digest
    from nerdistill.study.graph import Cell
    from nerdistill.study.groups import Draw
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace
    from nerdistill.types import Sentence

FEWEST = 2
"""Texts that can be resampled, and trainings that tell how they differ."""


@dataclass
class Scored:
    """Reads predictions, each once.

    Attributes:
        workspace: where they are.
        test: the stage that read the test corpus.
    """

    workspace: Workspace
    test: Stage
    _counts: dict[Digest, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        corpus = corpus_of(self.test, self.workspace)
        self._units: list[tuple[Sentence, ...]] = [one.sentences for one in corpus.documents]
        self.unit = "documents"
        if len(self._units) < FEWEST:
            self._units, self.unit = [(sentence,) for sentence in corpus.sentences], "sentences"

    @property
    def units(self) -> int:
        """How many texts there are to resample: documents, or sentences where there is but one."""
        return len(self._units)

    def counts(self, cells: Mapping[Draw, Cell]) -> NDArray[np.int64]:
        """`(cells, units, 3)`: entities right, predicted and in gold, the cells in their order."""
        return np.stack([self._of(cells[draw]) for draw in sorted(cells)])

    def _of(self, cell: Cell) -> NDArray[np.int64]:
        key = cell.test.key
        if key not in self._counts:
            predicted = iter(predictions_of(cell.test, self.workspace))
            rows = [
                [count_spans(one.spans or (), next(predicted)) for one in sentences]
                for sentences in self._units
            ]
            self._counts[key] = np.array([np.sum(row, axis=0) for row in rows], np.int64)
        return self._counts[key]

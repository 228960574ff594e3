"""What the finished cells of a study scored on test, document by document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nerdistill.study.readings import corpus_of, predictions_of
from nerdistill.study.texts import unit_counts, units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nerdistill.digest import Digest
    from nerdistill.study.cell import Cell
    from nerdistill.study.groups import Draw
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace


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
        self._units, self.unit = units(corpus_of(self.test, self.workspace))

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
            predicted = predictions_of(cell.test, self.workspace)
            self._counts[key] = unit_counts(self._units, predicted)
        return self._counts[key]

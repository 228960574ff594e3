"""From probabilities of tags to entities: the most probable sequence that IOB2 allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nerdistill.labels import split_tag, tags_to_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nerdistill.types import Span

LEAST = 1e-7
"""What stands for a probability of 0, which half precision knows and a logarithm does not."""


def decode(probabilities: NDArray[np.floating], tags: Sequence[str]) -> tuple[Span, ...]:
    """The entities of one sentence: Viterbi's path, with words independent but for IOB2's rule.

    Args:
        probabilities: `(words, classes)`.
        tags: IOB2 tags in class order.
    """
    forbidden = _forbidden(tags)
    scores = np.log(np.maximum(probabilities.astype(np.float64), LEAST))
    best = scores[0] + forbidden[tags.index("O")]
    came_from: list[NDArray[np.intp]] = []
    for row in scores[1:]:
        paths = best[:, None] + forbidden
        came_from.append(paths.argmax(0))
        best = paths.max(0) + row
    path = [int(best.argmax())]
    for step in reversed(came_from):
        path.append(int(step[path[-1]]))
    return tags_to_spans([tags[number] for number in reversed(path)], "IOB2")


def _forbidden(tags: Sequence[str]) -> NDArray[np.float64]:
    """`(before, after)`: 0, or minus infinity where an `I-` would go on with nothing of its type.

    Before the first word stands as good as an O.
    """
    split = [split_tag(tag) for tag in tags]
    allowed = [
        [after[0] != "I" or (before[0] != "O" and before[1] == after[1]) for after in split]
        for before in split
    ]
    return np.where(np.array(allowed), 0.0, -np.inf)

"""Which students can be trained side by side, and how many a GPU holds, told from their shapes."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import torch

from nerdistill.train.batch import MICRO_BATCH_PIECES
from nerdistill.train.weights import ALIGNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.train.pool import Pool

MOST = 16
"""Students side by side: more gain little, and a kill would cost more."""
USABLE = 0.8
"""Of the free memory: the allocator leaves holes, and matrix products need room of their own."""
PER_WEIGHT = 4 * 6 + 2
"""Bytes: value, gradient, another to compare it with, two moments, transformers' own copy, and the
value in bfloat16."""


def stacks(config: Mapping[str, object]) -> bool:
    """Whether a configuration is that of a plain BERT, whose layers are written out in `stack`."""
    return (
        config.get("model_type") == "bert"
        and not config.get("is_decoder")
        and config.get("position_embedding_type", "absolute") == "absolute"
        and int(str(config.get("hidden_size", 1))) % ALIGNED == 0
    )


def students_that_fit(
    config: Mapping[str, object], pools: Sequence[Pool], *, batch_size: int
) -> int:
    """How many students are trained side by side on this machine: at least 1, at most `MOST`.

    Args:
        config: of the student, as its config.json has it.
        pools: what it is trained on.
        batch_size: sentences a step.
    """
    if not torch.cuda.is_available() or not stacks(config):
        return 1
    free, _ = torch.cuda.mem_get_info()
    longest = heapq.nlargest(batch_size, (length for pool in pools for length in pool.lengths))
    pieces = min(sum(longest), MICRO_BATCH_PIECES)
    each = student_bytes(config, pieces=pieces, longest=max(longest, default=1))
    return max(1, min(MOST, int(free * USABLE / each)))


def student_bytes(config: Mapping[str, object], *, pieces: int, longest: int) -> int:
    """Bytes of GPU memory that one student takes in training.

    Args:
        config: of a BERT.
        pieces: word pieces of a step.
        longest: word pieces of its longest window.
    """
    hidden, layers, inner, heads, vocabulary, positions = (
        int(str(config[name]))
        for name in (
            "hidden_size",
            "num_hidden_layers",
            "intermediate_size",
            "num_attention_heads",
            "vocab_size",
            "max_position_embeddings",
        )
    )
    numbers = (vocabulary + positions) * hidden
    numbers += layers * (4 * hidden**2 + 2 * hidden * inner + 9 * hidden + inner)
    # What the backward pass needs of each piece: matrix products' inputs and outputs in bfloat16;
    # sums, norms and what dropout kept in full precision; scores, probabilities and what of them
    # was kept for each piece that a piece sees.
    kept = layers * (52 * hidden + 4 * inner + 10 * heads * longest)
    return PER_WEIGHT * numbers + pieces * kept

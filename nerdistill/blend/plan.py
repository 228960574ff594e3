"""From a curve and a seed to exact batches.

What holds for every plan: each step has exactly `batch_size` examples; after every step the
distilled examples shown match the integral of the curve to within one example; within a pool no
example comes again before all have come once; the order of a pool depends on the seed alone, so
two regimens of one seed are paired.

Batches hold examples of similar length. A pool's order is cut into windows (the draws of
`window_steps` steps); inside a window the examples are dealt to the steps by length, the steps in a
random order, so that padding is spared and length is not tied to time. That order is the same for
every curve and every seed: students who are trained side by side then have steps of one size.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from nerdistill.blend.curve import mean_share
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.blend.curve import Curve

PoolName = Literal["original", "distilled"]

WINDOW_STEPS = 32


@dataclass(frozen=True, slots=True)
class Pick:
    """One example of one pool."""

    pool: PoolName
    index: int


def distilled_counts(curve: Curve, *, steps: int, batch_size: int) -> list[int]:
    """How many distilled examples each step shows; `(steps,)`, each in [0, batch_size]."""
    # Enough points that even a jump inside a step is placed to an eighth of an example.
    points = 4 * batch_size
    total, shown = 0.0, 0
    counts: list[int] = []
    for step in range(steps):
        total += batch_size * mean_share(curve, step / steps, (step + 1) / steps, points)
        due = math.floor(total + 0.5 + 1e-9)
        counts.append(due - shown)
        shown = due
    return counts


def plan_batches(
    curve: Curve,
    *,
    steps: int,
    batch_size: int,
    original: Sequence[int],
    distilled: Sequence[int],
    seed: int,
    window_steps: int = WINDOW_STEPS,
) -> list[list[Pick]]:
    """The examples of every step.

    Args:
        curve: share of distilled examples over training.
        steps: number of optimizer steps.
        batch_size: examples a step.
        original: the length of each original example, in any unit.
        distilled: the length of each distilled example.
        seed: of the order.
        window_steps: how many steps share their examples out by length.

    Raises:
        ConfigError: no step or no batch, or the curve asks for examples of an empty pool.
    """
    if steps < 1 or batch_size < 1:
        raise ConfigError(
            f"{steps} steps of {batch_size} examples train nothing", "Give at least 1 of each."
        )
    of_distilled = distilled_counts(curve, steps=steps, batch_size=batch_size)
    of_original = [batch_size - count for count in of_distilled]
    dealt = {
        "original": _deal("original", original, of_original, seed, window_steps),
        "distilled": _deal("distilled", distilled, of_distilled, seed, window_steps),
    }
    return [dealt["original"][step] + dealt["distilled"][step] for step in range(steps)]


def _deal(
    pool: PoolName, lengths: Sequence[int], counts: Sequence[int], seed: int, window_steps: int
) -> list[list[Pick]]:
    """Share a pool's endless order out to the steps, by length inside each window."""
    size, wanted = len(lengths), sum(counts)
    if wanted and not size:
        raise ConfigError(
            f"the curve asks for {wanted} {pool} examples, but there are none",
            f"Give {pool} sentences, or a curve that needs none.",
        )
    slots = [step for step, count in enumerate(counts) for _ in range(count)]
    batches: list[list[Pick]] = [[] for _ in counts]
    # A chunk never crosses an epoch, so that no example overtakes one that has not come yet.
    chunks = groupby(range(wanted), key=lambda draw: (draw // size, slots[draw] // window_steps))
    for (epoch, window), chunk in chunks:
        draws = list(chunk)
        order = _epoch_order(pool, size, epoch, seed)
        examples = sorted((order[draw % size] for draw in draws), key=lengths.__getitem__)
        rank = _step_ranks(window, window_steps)
        takers = sorted((slots[draw] for draw in draws), key=lambda s: rank[s % window_steps])
        for step, index in zip(takers, examples, strict=True):
            batches[step].append(Pick(pool, index))
    return batches


def _epoch_order(pool: PoolName, size: int, epoch: int, seed: int) -> list[int]:
    order = list(range(size))
    random.Random(f"{seed}/{pool}/{epoch}").shuffle(order)  # noqa: S311 - not for secrets
    return order


def _step_ranks(window: int, window_steps: int) -> list[int]:
    ranks = list(range(window_steps))
    random.Random(f"window/{window}").shuffle(ranks)  # noqa: S311 - not for secrets
    return ranks

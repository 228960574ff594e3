"""Dropout of several students, each from a stream of its own.

A stream starts anew at each step, from the student's seed and the step: so it need not be saved,
and a student drops the same numbers whoever is trained beside it. Numbers are drawn for real word
pieces only, in the order of the student's own windows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVELS = 1 << 16
"""In how many levels a CPU knows a rate: it draws 16 bits a number, which is fast."""


class Streams:
    """The random numbers of one step.

    Args:
        seeds: one a student.
        step: counted from 0.
        device: where they are needed.
    """

    def __init__(self, seeds: Sequence[int], step: int, device: torch.device) -> None:
        states = [np.random.SeedSequence([seed, step]) for seed in seeds]
        self._device = device
        self._cpu = [np.random.SFC64(state) for state in states] if device.type == "cpu" else []
        self._gpu = [] if self._cpu else [_generator(state, device) for state in states]

    def rows(
        self, counts: Sequence[int], width: int, rate: float, dtype: torch.dtype
    ) -> torch.Tensor:
        """`(students, most rows, width)`: 1 for what is kept, 0 for what is dropped or no row."""
        kept = torch.empty(len(counts), max(counts), width, dtype=dtype, device=self._device)
        for k, count in enumerate(counts):
            self._draw(kept[k, :count].view(-1), k, rate)
            kept[k, count:].zero_()
        return kept

    def flat(self, counts: Sequence[int], rate: float, dtype: torch.dtype) -> torch.Tensor:
        """`(all counts,)`: the numbers of all students, one after the other."""
        kept = torch.empty(sum(counts), dtype=dtype, device=self._device)
        for k, part in enumerate(torch.split(kept, list(counts))):
            self._draw(part, k, rate)
        return kept

    def _draw(self, out: torch.Tensor, student: int, rate: float) -> None:
        if self._gpu:
            out.bernoulli_(1 - rate, generator=self._gpu[student])
            return
        raw = self._cpu[student].random_raw(math.ceil(out.numel() / 4))
        bits = raw.view(np.uint16)[: out.numel()]
        out.copy_(torch.from_numpy(bits >= round(rate * LEVELS)))


def _generator(state: np.random.SeedSequence, device: torch.device) -> torch.Generator:
    seed = int(state.generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator(device).manual_seed(seed)

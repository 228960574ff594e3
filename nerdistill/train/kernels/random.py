"""Dropout from a counter: what a number of a student becomes depends on its place alone.

Philox (Salmon et al., 2011) turns a key and a place into a random number, so that a backward pass
draws again what the forward pass drew, and nothing is kept in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK = 4096
SITES = 128
"""Places that drop out whose keys are made at once: three a layer and two more, a micro-batch."""


class CounterStreams:
    """The random numbers of one step, as `nerdistill.train.dropout.Streams` has them.

    Args:
        seeds: one a student.
        step: counted from 0.
        device: where they are needed.
    """

    def __init__(self, seeds: Sequence[int], step: int, device: torch.device) -> None:
        self._seeds, self._step, self._device = seeds, step, device
        self._tables: list[torch.Tensor] = []
        self._site = 0

    def key(self) -> torch.Tensor:
        """`(students,) int64`: of the next place that drops out."""
        block, place = divmod(self._site, SITES)
        if place == 0:
            self._tables.append(self._keys(block))
        self._site += 1
        return self._tables[block][place]

    def _keys(self, block: int) -> torch.Tensor:
        """`(places, students) int64`."""
        states = [np.random.SeedSequence([seed, self._step, block]) for seed in self._seeds]
        keys = np.stack([state.generate_state(SITES, np.uint64) for state in states], axis=1)
        table = torch.from_numpy(keys.view(np.int64))
        if self._device.type == "cuda":
            table = table.pin_memory().to(self._device, non_blocking=True)
        return table

    def rows(
        self, counts: Sequence[int], width: int, rate: float, dtype: torch.dtype
    ) -> torch.Tensor:
        """`(students, most rows, width)`: 1 for what is kept, 0 for what is dropped or no row."""
        shape = len(counts), max(counts), width
        kept = torch.zeros(shape, dtype=dtype, device=self._device)
        for own, key, count in zip(kept, self.key(), counts, strict=True):
            _draw(own[:count].view(-1), key, rate)
        return kept

    def flat(
        self,
        counts: Sequence[int],
        rate: float,
        dtype: torch.dtype,
        keys: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """`(all counts,)`: the numbers of all students, one after the other; of keys given out."""
        keys = self.key() if keys is None else keys
        kept = torch.empty(sum(counts), dtype=dtype, device=self._device)
        for part, key in zip(torch.split(kept, list(counts)), keys, strict=True):
            _draw(part, key, rate)
        return kept


def _draw(out: torch.Tensor, key: torch.Tensor, rate: float) -> None:
    _kept[(triton.cdiv(out.numel(), BLOCK),)](out, key, out.numel(), rate, BLOCK=BLOCK)


@triton.jit(do_not_specialize=["size"])
def _kept(out, key, size, rate, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    keep = tl.rand(tl.load(key), at) >= rate
    tl.store(out + at, keep.to(out.dtype.element_ty), mask=at < size)

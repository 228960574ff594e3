"""Add rows to the rows of tables that they came from, in an order that never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from collections.abc import Sequence


def add_rows(
    tables: torch.Tensor, rows: torch.Tensor, values: torch.Tensor, counts: Sequence[int]
) -> None:
    """`tables[k, rows[k, i]] += values[k, i]` for each student k and its first `counts[k]` rows.

    Args:
        tables: `(students, entries, width)`; each student's is contiguous.
        rows: `(students, most rows) int64`.
        values: `(students, most rows, width)`, contiguous.
        counts: of each student.
    """
    students, entries, width = tables.shape
    real = torch.arange(rows.shape[1], device=rows.device) < _sent(counts, rows.device)[:, None]
    student = torch.arange(students, device=rows.device)[:, None]
    # Those of no row come last, under a number that no entry has.
    keys = torch.where(real, rows + student * entries, students * entries).flatten()
    ordered, order = torch.sort(keys, stable=True)
    _add[(len(keys),)](
        tables,
        ordered,
        order,
        values,
        len(keys),
        students * entries,
        entries,
        width,
        tables.stride(0),
        BLOCK=triton.next_power_of_2(width),
    )


def _sent(numbers: Sequence[int], device: torch.device) -> torch.Tensor:
    tensor = torch.tensor(numbers)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


@triton.jit(do_not_specialize=["size"])
def _add(tables, ordered, order, values, size, none, entries, width, stride, BLOCK: tl.constexpr):
    start = tl.program_id(0)
    key = tl.load(ordered + start)
    before = tl.load(ordered + tl.maximum(start - 1, 0))
    # The first of those with one key adds them all.
    if (key < none) & ((start == 0) | (before != key)):
        columns = tl.arange(0, BLOCK)
        inside = columns < width
        place = tables + (key // entries) * stride + (key % entries) * width + columns
        total = tl.load(place, mask=inside, other=0.0)
        at = start
        following = key
        while (at < size) & (following == key):
            row = tl.load(order + at)
            total += tl.load(values + row * width + columns, mask=inside, other=0.0)
            at += 1
            following = tl.load(ordered + tl.minimum(at, size - 1))
        tl.store(place, total, mask=inside)

"""AdamW for all students in one pass over their weights (Loshchilov and Hutter, 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch

BLOCK = 4096


def update(
    values: torch.Tensor,
    grads: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    low: torch.Tensor,
    settings: torch.Tensor,
    scales: torch.Tensor,
    decayed: int,
    overwritten: tuple[int, int],
    *,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """Take a step, copy the values in low precision, and set the gradients to zero.

    Args:
        values: `(students, numbers)`, contiguous, as are the others.
        grads: the same.
        first: first moments.
        second: second moments.
        low: gets the values in another precision.
        settings: `(students, 4) float32`: rate, decay, and one minus the power of each beta.
        scales: `(students,) float32`: gradients are divided by that.
        decayed: how many numbers of a student are decayed.
        overwritten: between which numbers the gradients stay as they are.
        betas: of the moments.
        eps: added to the root of the second.
    """
    students, size = values.shape
    _update[(triton.cdiv(size, BLOCK), students)](
        values,
        grads,
        first,
        second,
        low,
        settings,
        scales,
        size,
        decayed,
        *overwritten,
        BETA1=betas[0],
        BETA2=betas[1],
        EPS=eps,
        BLOCK=BLOCK,
        num_warps=8,
    )


@triton.jit
def _update(
    values,
    grads,
    first,
    second,
    low,
    settings,
    scales,
    size,
    decayed,
    kept_from,
    kept_to,
    BETA1: tl.constexpr,
    BETA2: tl.constexpr,
    EPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    student = tl.program_id(1)
    own = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = own < size
    at = student.to(tl.int64) * size + own
    rate = tl.load(settings + student * 4)
    decay = tl.load(settings + student * 4 + 1)
    gone1 = tl.load(settings + student * 4 + 2)
    gone2 = tl.load(settings + student * 4 + 3)
    g = tl.load(grads + at, mask=inside, other=0.0) / tl.load(scales + student)
    m = tl.load(first + at, mask=inside, other=0.0) * BETA1 + g * (1 - BETA1)
    v = tl.load(second + at, mask=inside, other=0.0) * BETA2 + g * g * (1 - BETA2)
    w = tl.load(values + at, mask=inside, other=0.0)
    w = tl.where(own < decayed, w * (1 - rate * decay), w)
    w -= rate / gone1 * m / (tl.sqrt(v) / tl.sqrt(gone2) + EPS)
    tl.store(first + at, m, mask=inside)
    tl.store(second + at, v, mask=inside)
    tl.store(values + at, w, mask=inside)
    tl.store(low + at, w.to(low.dtype.element_ty), mask=inside)
    emptied = inside & ((own < kept_from) | (own >= kept_to))
    tl.store(grads + at, tl.zeros((BLOCK,), tl.float32), mask=emptied)

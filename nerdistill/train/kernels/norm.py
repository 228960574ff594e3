"""A layer's output with its bias, dropped, added to its input and normed, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

PROGRAMS = 528
"""That go through the rows of all students backward: four on each multiprocessor of an H100."""


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm of all students, and the bias of the layer before it.

    Attributes:
        weight: `(students, width)`.
        bias: the same, as are the others.
        shift: the bias of the layer before.
        weight_grad: gradients are added there, as they are to the next two.
        bias_grad: of the norm's.
        shift_grad: of the layer's.
        eps: added to the variance.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    shift: torch.Tensor
    weight_grad: torch.Tensor
    bias_grad: torch.Tensor
    shift_grad: torch.Tensor
    eps: float


def added_norm(
    hidden: torch.Tensor, x: torch.Tensor, key: torch.Tensor, rate: float, norm: Norm
) -> tuple[torch.Tensor, torch.Tensor]:
    """`norm(hidden + dropout(x + shift))`, in the precision of `hidden` and in that of `x`.

    Args:
        hidden: `(students, rows, width)`, contiguous.
        x: the same shape, contiguous.
        key: `(students,) int64`: of dropout.
        rate: of what is dropped.
        norm: its gradients are added where they belong at once.
    """
    found = _AddedNorm.apply(hidden, x, key, rate, norm)
    return cast("tuple[torch.Tensor, torch.Tensor]", found)


class _AddedNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        hidden: torch.Tensor,
        x: torch.Tensor,
        key: torch.Tensor,
        rate: float,
        norm: Norm,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        students, rows, width = hidden.shape
        out, low, summed = torch.empty_like(hidden), torch.empty_like(x), torch.empty_like(hidden)
        told = hidden.new_empty(2, students * rows)
        _forward[(students * rows,)](
            hidden,
            x,
            norm.weight,
            norm.bias,
            norm.shift,
            key,
            out,
            low,
            summed,
            told,
            rows,
            width,
            norm.weight.stride(0),
            rate,
            norm.eps,
            BLOCK=triton.next_power_of_2(width),
            DROPS=rate > 0,
        )
        ctx.save_for_backward(summed, told, key)
        ctx.norm, ctx.rate, ctx.low = norm, rate, x.dtype  # type: ignore[attr-defined]
        ctx.set_materialize_grads(False)
        return out, low

    @staticmethod
    def backward(
        ctx: FunctionCtx, grad: torch.Tensor | None, low: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, None, None, None]:
        summed, told, key = ctx.saved_tensors  # type: ignore[attr-defined]
        norm: Norm = ctx.norm  # type: ignore[attr-defined]
        students, rows, width = summed.shape
        grad = None if grad is None else grad.contiguous()
        low = None if low is None else low.contiguous()
        chunks = max(1, min(rows, PROGRAMS // students))
        partial = summed.new_empty(3, students, chunks, width)
        to_hidden = torch.empty_like(summed)
        to_x = torch.empty_like(summed, dtype=ctx.low)  # type: ignore[attr-defined]
        _backward[(chunks, students)](
            summed if grad is None else grad,
            to_x if low is None else low,
            summed,
            told,
            norm.weight,
            key,
            to_hidden,
            to_x,
            partial,
            rows,
            width,
            norm.weight.stride(0),
            ctx.rate,  # type: ignore[attr-defined]
            triton.cdiv(rows, chunks),
            BLOCK=triton.next_power_of_2(width),
            DROPS=ctx.rate > 0,  # type: ignore[attr-defined]
            FULL=grad is not None,
            LOW=low is not None,
        )
        weight, bias, shift = partial.sum(2)
        norm.weight_grad.add_(weight)
        norm.bias_grad.add_(bias)
        norm.shift_grad.add_(shift)
        return to_hidden, to_x, None, None, None


@triton.jit(do_not_specialize=["rows"])
def _forward(
    hidden,
    x,
    weight,
    bias,
    shift,
    key,
    out,
    low,
    summed,
    told,
    rows,
    width,
    stride,
    rate,
    eps,
    BLOCK: tl.constexpr,
    DROPS: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    student = row // rows
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    at = row * width + columns
    own = student * stride + columns
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(shift + own, mask=inside, other=0.0)
    if DROPS:
        place = (row % rows).to(tl.int32) * width + columns
        keep = tl.rand(tl.load(key + student), place) >= rate
        value = tl.where(keep, value / (1 - rate), 0.0)
    total = value + tl.load(hidden + at, mask=inside, other=0.0)
    mean = tl.sum(total, 0) / width
    centred = tl.where(inside, total - mean, 0.0)
    scale = 1 / tl.sqrt(tl.sum(centred * centred, 0) / width + eps)
    found = centred * scale * tl.load(weight + own, mask=inside, other=0.0)
    found += tl.load(bias + own, mask=inside, other=0.0)
    tl.store(summed + at, total, mask=inside)
    tl.store(out + at, found, mask=inside)
    tl.store(low + at, found.to(low.dtype.element_ty), mask=inside)
    tl.store(told + row, mean)
    tl.store(told + tl.num_programs(0) + row, scale)


@triton.jit(do_not_specialize=["rows", "share"])
def _backward(
    grad,
    low_grad,
    summed,
    told,
    weight,
    key,
    to_hidden,
    to_x,
    partial,
    rows,
    width,
    stride,
    rate,
    share,
    BLOCK: tl.constexpr,
    DROPS: tl.constexpr,
    FULL: tl.constexpr,
    LOW: tl.constexpr,
):
    chunk = tl.program_id(0)
    student = tl.program_id(1)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    gain = tl.load(weight + student.to(tl.int64) * stride + columns, mask=inside, other=0.0)
    seed = tl.load(key + student)
    to_weight = tl.zeros((BLOCK,), tl.float32)
    to_bias = tl.zeros((BLOCK,), tl.float32)
    to_shift = tl.zeros((BLOCK,), tl.float32)
    for own in range(chunk * share, tl.minimum(chunk * share + share, rows)):
        row = student.to(tl.int64) * rows + own
        at = row * width + columns
        g = tl.zeros((BLOCK,), tl.float32)
        if FULL:
            g += tl.load(grad + at, mask=inside, other=0.0)
        if LOW:
            g += tl.load(low_grad + at, mask=inside, other=0.0).to(tl.float32)
        mean = tl.load(told + row)
        scale = tl.load(told + tl.num_programs(1).to(tl.int64) * rows + row)
        normed = (tl.load(summed + at, mask=inside, other=0.0) - mean) * scale
        normed = tl.where(inside, normed, 0.0)
        to_weight += g * normed
        to_bias += g
        inner = g * gain
        along = tl.sum(inner * normed, 0) / width
        d = (inner - normed * along - tl.sum(inner, 0) / width) * scale
        tl.store(to_hidden + at, d, mask=inside)
        if DROPS:
            keep = tl.rand(seed, own * width + columns) >= rate
            d = tl.where(keep, d / (1 - rate), 0.0)
        to_shift += d
        tl.store(to_x + at, d.to(to_x.dtype.element_ty), mask=inside)
    at = (student * tl.num_programs(0) + chunk) * width + columns
    tl.store(partial + at, to_weight, mask=inside)
    size = tl.num_programs(1) * tl.num_programs(0) * width
    tl.store(partial + size + at, to_bias, mask=inside)
    tl.store(partial + 2 * size + at, to_shift, mask=inside)

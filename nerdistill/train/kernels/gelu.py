"""GELU of a layer's output with its bias (Hendrycks and Gimpel, 2016; with the error function)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

BLOCK = 1024
"""Columns of a program."""
PROGRAMS = 1056
"""That go through the rows of all students: eight on each multiprocessor of an H100."""


def biased_gelu(x: torch.Tensor, bias: torch.Tensor, bias_grad: torch.Tensor) -> torch.Tensor:
    """`gelu(x + bias)`.

    Args:
        x: `(students, rows, width)`, contiguous.
        bias: `(students, width)`.
        bias_grad: its gradients are added there at once.
    """
    found = _Gelu.apply(x, bias, bias_grad)
    return cast("torch.Tensor", found)


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: torch.Tensor, bias: torch.Tensor, bias_grad: torch.Tensor
    ) -> torch.Tensor:
        out = torch.empty_like(x)
        grid, share = _shares(x)
        _forward[grid](x, bias, out, *x.shape[1:], bias.stride(0), share, BLOCK=BLOCK)
        ctx.save_for_backward(x, bias)
        ctx.bias_grad = bias_grad  # type: ignore[attr-defined]
        return out

    @staticmethod
    def backward(ctx: FunctionCtx, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, bias = ctx.saved_tensors  # type: ignore[attr-defined]
        back, grad = torch.empty_like(x), grad.contiguous()
        grid, share = _shares(x)
        students, rows, width = x.shape
        partial = bias.new_empty(students, grid[1], width)
        _backward[grid](
            x, bias, grad, back, partial, rows, width, bias.stride(0), share, BLOCK=BLOCK
        )
        ctx.bias_grad.add_(partial.sum(1))  # type: ignore[attr-defined]
        return back, None, None


def _shares(x: torch.Tensor) -> tuple[tuple[int, int, int], int]:
    """The grid by columns, rows and students, and the rows of one program."""
    students, rows, width = x.shape
    columns = triton.cdiv(width, BLOCK)
    chunks = max(1, min(rows, PROGRAMS // (students * columns)))
    return (columns, chunks, students), triton.cdiv(rows, chunks)


@triton.jit(do_not_specialize=["rows", "share"])
def _forward(x, bias, out, rows, width, stride, share, BLOCK: tl.constexpr):
    columns = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    student = tl.program_id(2).to(tl.int64)
    shift = tl.load(bias + student * stride + columns, mask=inside, other=0.0)
    start = tl.program_id(1) * share
    for own in range(start, tl.minimum(start + share, rows)):
        at = (student * rows + own) * width + columns
        value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) + shift
        value *= 0.5 * (1 + tl.erf(value * 0.7071067811865476))
        tl.store(out + at, value.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["rows", "share"])
def _backward(x, bias, grad, back, partial, rows, width, stride, share, BLOCK: tl.constexpr):
    columns = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    student = tl.program_id(2).to(tl.int64)
    shift = tl.load(bias + student * stride + columns, mask=inside, other=0.0)
    total = tl.zeros((BLOCK,), tl.float32)
    start = tl.program_id(1) * share
    for own in range(start, tl.minimum(start + share, rows)):
        at = (student * rows + own) * width + columns
        value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) + shift
        slope = 0.5 * (1 + tl.erf(value * 0.7071067811865476))
        slope += value * tl.exp(-0.5 * value * value) * 0.3989422804014327
        d = tl.load(grad + at, mask=inside, other=0.0).to(tl.float32) * slope
        total += d
        tl.store(back + at, d.to(back.dtype.element_ty), mask=inside)
    place = (student * tl.num_programs(1) + tl.program_id(1)) * width + columns
    tl.store(partial + place, total, mask=inside)

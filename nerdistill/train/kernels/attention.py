"""Self-attention of short windows that lie end to end: a window and head at a time, in registers.

Scores and probabilities never reach memory; the backward pass computes them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import triton
import triton.language as tl

from nerdistill.train import batch as batches

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

    from nerdistill.train.batch import Short

FOUR_WARPS = 64
"""Pieces of a window whose scores four groups of threads hold."""


def attend_short(
    joint: torch.Tensor, short: Short, heads: int, key: torch.Tensor, rate: float
) -> torch.Tensor:
    """What every word piece of a short window sees of it; zeros elsewhere.

    Args:
        joint: `(rows, 3 x hidden)`: queries, keys and values, contiguous.
        short: the windows.
        heads: into which the hidden numbers are split.
        key: `(students,) int64`: of dropout.
        rate: of the probabilities that are dropped.

    Returns:
        `(rows, hidden)`.
    """
    found = _Attend.apply(joint, short, heads, key, rate)
    return cast("torch.Tensor", found)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        joint: torch.Tensor,
        short: Short,
        heads: int,
        key: torch.Tensor,
        rate: float,
    ) -> torch.Tensor:
        width = joint.shape[1] // 3
        out = joint.new_zeros(len(joint), width)
        ctx.save_for_backward(joint, key)
        ctx.short, ctx.heads, ctx.rate = short, heads, rate  # type: ignore[attr-defined]
        for first, count, size in _buckets(short):
            _forward[(count, heads)](
                joint,
                short.table[first:],
                key,
                out,
                width,
                rate,
                (width // heads) ** -0.5,
                SIZE=size,
                HEAD=width // heads,
                DROPS=rate > 0,
                num_warps=_warps(size),
            )
        return out

    @staticmethod
    def backward(
        ctx: FunctionCtx, grad: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None, None]:
        joint, key = ctx.saved_tensors  # type: ignore[attr-defined]
        heads, rate = ctx.heads, ctx.rate  # type: ignore[attr-defined]
        width = joint.shape[1] // 3
        back, grad = torch.zeros_like(joint), grad.contiguous()
        short: Short = ctx.short  # type: ignore[attr-defined]
        for first, count, size in _buckets(short):
            _backward[(count, heads)](
                joint,
                grad,
                short.table[first:],
                key,
                back,
                width,
                rate,
                (width // heads) ** -0.5,
                SIZE=size,
                HEAD=width // heads,
                DROPS=rate > 0,
                num_warps=_warps(size),
            )
        return back, None, None, None, None


def _buckets(short: Short) -> list[tuple[int, int, int]]:
    """First window, number of windows and size of each kernel that has any."""
    starts = (0, *short.ends[:-1])
    return [
        (start, end - start, size)
        for start, end, size in zip(starts, short.ends, batches.SHORT, strict=True)
        if end > start
    ]


def _warps(size: int) -> int:
    """Groups of threads that hold a window's scores in their registers."""
    return 4 if size <= FOUR_WARPS else 8


@triton.jit
def _kept(key, student, pairs, head, pieces, rows, columns, rate):
    place = (pairs * tl.num_programs(1) + head * pieces * pieces) + rows * pieces + columns
    return tl.rand(tl.load(key + student), place) >= rate


@triton.jit
def _probabilities(q, k, columns, pieces, scale):
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    scores = tl.where(columns < pieces, scores, float("-inf"))
    raised = tl.exp(scores - tl.max(scores, 1)[:, None])
    return raised / tl.sum(raised, 1)[:, None]


@triton.jit
def _forward(
    joint,
    table,
    key,
    out,
    width,
    rate,
    scale,
    SIZE: tl.constexpr,
    HEAD: tl.constexpr,
    DROPS: tl.constexpr,
):
    window = table + tl.program_id(0) * 4
    head = tl.program_id(1)
    first = tl.load(window).to(tl.int64)
    pieces = tl.load(window + 1)
    at = tl.arange(0, SIZE)
    inside = (at < pieces)[:, None]
    place = (first + at)[:, None] * (3 * width) + head * HEAD + tl.arange(0, HEAD)[None, :]
    q = tl.load(joint + place, mask=inside, other=0.0)
    k = tl.load(joint + place + width, mask=inside, other=0.0)
    v = tl.load(joint + place + 2 * width, mask=inside, other=0.0)
    columns = at[None, :]
    chosen = _probabilities(q, k, columns, pieces, scale)
    if DROPS:
        keep = _kept(
            key,
            tl.load(window + 2),
            tl.load(window + 3),
            head,
            pieces,
            at[:, None],
            columns,
            rate,
        )
        chosen = tl.where(keep, chosen / (1 - rate), 0.0)
    seen = tl.dot(chosen.to(v.dtype), v, input_precision="ieee")
    place = (first + at)[:, None] * width + head * HEAD + tl.arange(0, HEAD)[None, :]
    tl.store(out + place, seen.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _backward(
    joint,
    grad,
    table,
    key,
    back,
    width,
    rate,
    scale,
    SIZE: tl.constexpr,
    HEAD: tl.constexpr,
    DROPS: tl.constexpr,
):
    window = table + tl.program_id(0) * 4
    head = tl.program_id(1)
    first = tl.load(window).to(tl.int64)
    pieces = tl.load(window + 1)
    at = tl.arange(0, SIZE)
    inside = (at < pieces)[:, None]
    own = head * HEAD + tl.arange(0, HEAD)[None, :]
    place = (first + at)[:, None] * (3 * width) + own
    q = tl.load(joint + place, mask=inside, other=0.0)
    k = tl.load(joint + place + width, mask=inside, other=0.0)
    v = tl.load(joint + place + 2 * width, mask=inside, other=0.0)
    g = tl.load(grad + (first + at)[:, None] * width + own, mask=inside, other=0.0)
    columns = at[None, :]
    # Rows behind the window have no gradient: what is computed for them goes nowhere.
    chosen = _probabilities(q, k, columns, pieces, scale)
    to_chosen = tl.dot(g, tl.trans(v), input_precision="ieee")
    shown = chosen
    if DROPS:
        keep = _kept(
            key,
            tl.load(window + 2),
            tl.load(window + 3),
            head,
            pieces,
            at[:, None],
            columns,
            rate,
        )
        shown = tl.where(keep, chosen / (1 - rate), 0.0)
        to_chosen = tl.where(keep, to_chosen / (1 - rate), 0.0)
    to_v = tl.dot(tl.trans(shown).to(v.dtype), g, input_precision="ieee")
    along = tl.sum(to_chosen * chosen, 1)[:, None]
    to_scores = (chosen * (to_chosen - along) * scale).to(q.dtype)
    to_q = tl.dot(to_scores, k, input_precision="ieee")
    to_k = tl.dot(tl.trans(to_scores), q, input_precision="ieee")
    kind = back.dtype.element_ty
    tl.store(back + place, to_q.to(kind), mask=inside)
    tl.store(back + place + width, to_k.to(kind), mask=inside)
    tl.store(back + place + 2 * width, to_v.to(kind), mask=inside)

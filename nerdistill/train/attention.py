"""Self-attention of windows that lie end to end, whoever's they are: there are no weights in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

    from nerdistill.train.batch import Batch, Group


def attend(
    joint: torch.Tensor, batch: Batch, heads: int, keep: torch.Tensor | None, rate: float
) -> torch.Tensor:
    """What every word piece sees of its window.

    Args:
        joint: `(rows, 3 x hidden)`: queries, keys and values.
        batch: says which rows see each other.
        heads: into which the hidden numbers are split.
        keep: `(pairs x heads,)`: the probabilities that are kept, by student, window and head.
        rate: of those that are not.

    Returns:
        `(rows, hidden)`.
    """
    sizes = [windows * longest for windows, longest in (group.shape for group in batch.groups)]
    laid = move(joint, batch.rows, batch.slots, sum(sizes))
    seen = []
    for group, part in zip(batch.groups, torch.split(laid, sizes), strict=True):
        q, k, v = part.view(*group.shape, 3, heads, -1).permute(2, 0, 3, 1, 4)
        mask = _mask(group, q)
        if keep is None and q.device.type == "cpu":
            out = scaled_dot_product_attention(q, k, v, mask)
        else:
            # Not torch's own: there, all students would share one stream of dropout, and a GPU may
            # add up gradients in any order.
            scores = q * q.shape[-1] ** -0.5 @ k.mT
            scores = scores if mask is None else scores + mask
            chosen = scores.softmax(-1).to(v.dtype)
            chosen = chosen if keep is None else chosen * _kept(group, keep, heads)
            out = chosen @ (v / (1 - rate))
        seen.append(out.transpose(1, 2).reshape(len(part), -1))
    return move(torch.cat(seen), batch.slots, batch.rows, len(joint))


class _Move(torch.autograd.Function):
    """Rows to other places among zeros; each row goes to one place, and its gradient comes back."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: torch.Tensor, source: torch.Tensor, target: torch.Tensor, size: int
    ) -> torch.Tensor:
        ctx.save_for_backward(source, target)
        ctx.size = len(x)  # type: ignore[attr-defined]
        return _moved(x, source, target, size)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        source, target = ctx.saved_tensors  # type: ignore[attr-defined]
        return _moved(grad, target, source, ctx.size), None, None, None  # type: ignore[attr-defined]


def _moved(x: torch.Tensor, source: torch.Tensor, target: torch.Tensor, size: int) -> torch.Tensor:
    return x.new_zeros(size, *x.shape[1:]).index_copy_(0, target, x.index_select(0, source))


def move(
    x: torch.Tensor, source: torch.Tensor | None, target: torch.Tensor | None, size: int
) -> torch.Tensor:
    """`(rows, ...)` to `(size, ...)`: row `source[i]` to row `target[i]`; None leaves all."""
    if source is None or target is None:
        return x
    moved = _Move.apply(x, source, target, size)  # type: ignore[no-untyped-call]
    return cast("torch.Tensor", moved)


def _mask(group: Group, like: torch.Tensor) -> torch.Tensor | None:
    """`(windows, 1, 1, longest)`, to add to the scores: nothing sees what is behind a window."""
    if group.lengths is None:
        return None
    places = torch.arange(group.shape[1], device=like.device)
    outside = places >= group.lengths[:, None]
    return torch.zeros_like(outside, dtype=like.dtype).masked_fill_(outside, -torch.inf)[
        :, None, None
    ]


def _kept(group: Group, keep: torch.Tensor, heads: int) -> torch.Tensor:
    """What a group keeps of its probabilities: `(windows, heads, longest, longest)`."""
    windows, longest = group.shape
    if group.bases is None:
        first, size = group.first * heads, windows * heads * longest**2
        return keep[first : first + size].view(windows, heads, longest, longest)
    places = torch.arange(longest, device=keep.device)
    length = torch.full_like(group.bases, longest) if group.lengths is None else group.lengths
    length = length[:, None, None, None]
    head = torch.arange(heads, device=keep.device)[:, None, None]
    at = group.bases[:, None, None, None] * heads + head * length**2
    at = at + places[:, None] * length + places
    return keep[at.clamp_(max=len(keep) - 1)]

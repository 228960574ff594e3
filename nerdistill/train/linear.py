"""A linear layer of several students: batched matrix products, and gradients where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx


@dataclass(slots=True)
class Linear:
    """A linear layer of all students; its gradients are added where they belong at once.

    Attributes:
        weight: `(students, out, in)`, in the precision to compute in.
        bias: `(students, out)`, the same.
        weight_grad: of the weight, in full precision.
        bias_grad: of the bias, the same.
        stale: whether the weight's gradient is one of an earlier step, to be written over.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    weight_grad: torch.Tensor
    bias_grad: torch.Tensor
    stale: bool = False

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """`(students, rows, in)` to `(students, rows, out)`."""
        out = _Linear.apply(x.to(self.weight.dtype), self, True)  # type: ignore[no-untyped-call]
        return cast("torch.Tensor", out)

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """The same without the bias, which the caller adds, with its gradient."""
        out = _Linear.apply(x.to(self.weight.dtype), self, False)  # type: ignore[no-untyped-call]
        return cast("torch.Tensor", out)


def add_product(out: torch.Tensor, a: torch.Tensor, b: torch.Tensor, beta: int) -> None:
    """`out = beta x out + a @ b`, of low precision, added up in full; `(students, ...)` each."""
    if out.dtype == a.dtype:
        out.baddbmm_(a, b, beta=beta)
    elif out.device.type == "cuda" and _adds_wide():
        torch.baddbmm(out, a, b, beta=beta, out_dtype=out.dtype, out=out)
    elif beta:
        out.add_(torch.bmm(a, b))
    else:
        out.copy_(torch.bmm(a, b))


@cache
def _adds_wide() -> bool:
    """Whether a product of bfloat16 can be added to full precision in one go."""
    out = torch.ones(2, 16, 16, device="cuda")
    low = torch.ones(2, 16, 16, device="cuda", dtype=torch.bfloat16)
    try:
        torch.baddbmm(out, low, low, out_dtype=out.dtype, out=out)
    except (RuntimeError, TypeError):
        return False
    return bool((out == 17).all())  # noqa: PLR2004 - 1 + 16 x 1


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: torch.Tensor, layer: Linear, biased: bool) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.layer, ctx.biased = layer, biased  # type: ignore[attr-defined]
        if not biased:
            return torch.bmm(x, layer.weight.mT)
        if len(x) == 1:
            return torch.addmm(layer.bias[0], x[0], layer.weight[0].t())[None]
        return torch.baddbmm(layer.bias[:, None], x, layer.weight.mT)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        layer: Linear = ctx.layer  # type: ignore[attr-defined]
        if ctx.biased:  # type: ignore[attr-defined]
            layer.bias_grad.add_(grad.sum(1))
        beta = 0 if layer.stale else 1
        layer.stale = False
        if len(x) == 1 and x.dtype == layer.weight_grad.dtype:
            layer.weight_grad[0].addmm_(grad[0].t(), x[0], beta=beta)
            return (grad[0] @ layer.weight[0])[None], None, None
        add_product(layer.weight_grad, grad.mT, x, beta)
        return torch.bmm(grad, layer.weight), None, None

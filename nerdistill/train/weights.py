"""The weights of several students of one shape, in one buffer: a row a student."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIGNED = 16
"""A tensor's first number has a multiple of this: matrix units read it faster."""


class Weights:
    """Values and gradients of students, and who of them is decayed.

    Attributes:
        values: `(students, numbers)`; matrices first, then biases and layer norms.
        grads: the same.
        decayed: how many numbers of a student belong to matrices.
        low: the values in bfloat16, to multiply with; None where that is not wanted.
        low_is_old: whether the values have changed since.
        overwritten: from where to where a step's gradients are written over those before it, so
            that they need no zeros.
        places: for each parameter where it starts, and its shape.
    """

    def __init__(self, models: Sequence[torch.nn.Module], *, low: bool = False) -> None:
        named = [(name, p) for name, p in models[0].named_parameters() if p.requires_grad]
        named.sort(key=lambda item: item[1].ndim <= 1)
        self.places: dict[str, tuple[int, torch.Size]] = {}
        end = self.decayed = 0
        for name, parameter in named:
            self.places[name] = end, parameter.shape
            end += math.ceil(parameter.numel() / ALIGNED) * ALIGNED
            if parameter.ndim > 1:
                self.decayed = end
        self.values = torch.zeros(
            len(models), end, dtype=named[0][1].dtype, device=named[0][1].device
        )
        self.grads = torch.zeros_like(self.values)
        self.low = torch.zeros_like(self.values, dtype=torch.bfloat16) if low else None
        self.low_is_old = True
        self.overwritten = 0, 0
        for k, model in enumerate(models):
            own = dict(model.named_parameters())
            for name in self.places:
                self.view(self.values, name)[k].copy_(own[name].detach())

    def view(self, buffer: torch.Tensor, *names: str) -> torch.Tensor:
        """`(students, *shape)`: a parameter, or several that follow each other as one."""
        start, shape = self.places[names[0]]
        end = start
        for name in names:
            if self.places[name][0] != end:
                raise ValueError(f"{name} does not follow {names}")
            end += self.places[name][1].numel()
        return buffer[:, start:end].view(len(buffer), -1, *shape[1:])

    def renew_low(self) -> None:
        """Copy the values in bfloat16, if they have changed."""
        if self.low is not None and self.low_is_old:
            self.low.copy_(self.values)
            self.low_is_old = False

    def bind(self, model: torch.nn.Module) -> None:
        """Let the only student's model work on these values and gradients."""
        for name, parameter in model.named_parameters():
            if name in self.places:
                parameter.data = self.view(self.values, name)[0]
                parameter.grad = self.view(self.grads, name)[0]

    def write_back(self, models: Sequence[torch.nn.Module]) -> None:
        """Give each model its values, in memory of its own."""
        for k, model in enumerate(models):
            for name, parameter in model.named_parameters():
                if name in self.places:
                    parameter.data = self.view(self.values, name)[k].clone()
                    parameter.grad = None


def multiplies_bf16(device: torch.device) -> bool:
    """Whether a device multiplies matrices in bfloat16 by itself, and so is asked to."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)

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
        places: for each parameter where it starts, and its shape.
    """

    def __init__(self, models: Sequence[torch.nn.Module]) -> None:
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


def optimizer(weights: Weights, student: int, *, decay: float) -> torch.optim.AdamW:
    """AdamW for one student, which decays matrices but neither biases nor layer norms."""
    groups = []
    for part, rate in (
        (slice(weights.decayed), decay),
        (slice(weights.decayed, None), 0.0),
    ):
        values = weights.values[student, part]
        values.grad = weights.grads[student, part]
        groups.append({"params": [values], "weight_decay": rate})
    return torch.optim.AdamW(groups, fused=True)


def moments(adam: torch.optim.AdamW) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The first and second moments of a student, `(numbers,)`, and the steps taken."""
    states = [adam.state[group["params"][0]] for group in adam.param_groups]
    first, second = (torch.cat([s[name] for s in states]) for name in ("exp_avg", "exp_avg_sq"))
    return first, second, float(states[0]["step"])


def set_moments(
    adam: torch.optim.AdamW, first: torch.Tensor, second: torch.Tensor, taken: float
) -> None:
    """Give a new optimizer the moments and steps of another."""
    start = 0
    for group in adam.param_groups:
        values = group["params"][0]
        own = slice(start, start + len(values))
        adam.state[values] = {
            "step": torch.tensor(taken, dtype=torch.float32, device=values.device),
            "exp_avg": first[own].to(values.device, copy=True),
            "exp_avg_sq": second[own].to(values.device, copy=True),
        }
        start = own.stop

"""AdamW for several students, each with rates, clipping and restarts of its own.

Matrices are decayed, biases and layer norms are not. On a CPU each student has torch's own fused
optimizer; on a GPU one kernel updates all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.train.weights import Weights


BETAS = 0.9, 0.999
EPS = 1e-8
"""As torch has them."""


class Adam(Protocol):
    """The optimizer of all students."""

    def restart(self, student: int) -> None:
        """Forget a student's moments."""

    def step(self, rates: Sequence[float], scales: torch.Tensor) -> None:
        """Change all values, and set the gradients to zero where they are not written over.

        Args:
            rates: learning rate of each student.
            scales: `(students,) float32`: gradients are divided by that.
        """

    def moments(self, student: int) -> tuple[torch.Tensor, torch.Tensor, float]:
        """The first and second moments of a student, `(numbers,)`, and the steps taken."""

    def set_moments(
        self, student: int, first: torch.Tensor, second: torch.Tensor, taken: float
    ) -> None:
        """Give a student the moments and steps of another time."""


class TorchAdam:
    """torch's optimizer, one a student.

    Args:
        weights: that change.
        decays: of each student.
    """

    def __init__(self, weights: Weights, decays: Sequence[float]) -> None:
        self._weights, self._decays = weights, decays
        self._adams = [self._new(k) for k in range(len(decays))]

    def restart(self, student: int) -> None:
        """See `Adam`."""
        self._adams[student] = self._new(student)

    def step(self, rates: Sequence[float], scales: torch.Tensor) -> None:
        """See `Adam`."""
        for adam, rate, scale in zip(self._adams, rates, scales, strict=True):
            for group in adam.param_groups:
                group["lr"] = rate
            # The fused step divides the gradients by this as it reads them.
            adam.grad_scale = scale  # type: ignore[attr-defined]
            adam.step()
        self._weights.grads.zero_()
        self._weights.low_is_old = True

    def moments(self, student: int) -> tuple[torch.Tensor, torch.Tensor, float]:
        """See `Adam`."""
        adam = self._adams[student]
        states = [adam.state[group["params"][0]] for group in adam.param_groups]
        first, second = (torch.cat([s[name] for s in states]) for name in ("exp_avg", "exp_avg_sq"))
        return first, second, float(states[0]["step"])

    def set_moments(
        self, student: int, first: torch.Tensor, second: torch.Tensor, taken: float
    ) -> None:
        """See `Adam`."""
        adam = self._adams[student] = self._new(student)
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

    def _new(self, student: int) -> torch.optim.AdamW:
        weights, groups = self._weights, []
        for part, rate in (
            (slice(weights.decayed), self._decays[student]),
            (slice(weights.decayed, None), 0.0),
        ):
            values = weights.values[student, part]
            values.grad = weights.grads[student, part]
            groups.append({"params": [values], "weight_decay": rate})
        return torch.optim.AdamW(groups, betas=BETAS, eps=EPS, fused=True)


class KernelAdam:
    """One kernel for all students, which also renews the weights' copy in bfloat16.

    Args:
        weights: that change; with a copy in low precision.
        decays: of each student.
    """

    def __init__(self, weights: Weights, decays: Sequence[float]) -> None:
        self._weights, self._decays = weights, decays
        self._first = torch.zeros_like(weights.values)
        self._second = torch.zeros_like(weights.values)
        self._taken = [0.0] * len(decays)

    def restart(self, student: int) -> None:
        """See `Adam`."""
        self._first[student].zero_()
        self._second[student].zero_()
        self._taken[student] = 0.0

    def step(self, rates: Sequence[float], scales: torch.Tensor) -> None:
        """See `Adam`."""
        from nerdistill.train.kernels.adamw import update

        self._taken = [taken + 1 for taken in self._taken]
        settings = torch.tensor(
            [
                (rate, decay, *(1 - beta**taken for beta in BETAS))
                for rate, decay, taken in zip(rates, self._decays, self._taken, strict=True)
            ]
        )
        weights, device = self._weights, self._weights.values.device
        if device.type == "cuda":
            settings = settings.pin_memory().to(device, non_blocking=True)
        low = weights.values if weights.low is None else weights.low
        update(
            weights.values,
            weights.grads,
            self._first,
            self._second,
            low,
            settings,
            scales,
            weights.decayed,
            weights.overwritten,
            betas=BETAS,
            eps=EPS,
        )
        weights.low_is_old = False

    def moments(self, student: int) -> tuple[torch.Tensor, torch.Tensor, float]:
        """See `Adam`."""
        return self._first[student], self._second[student], self._taken[student]

    def set_moments(
        self, student: int, first: torch.Tensor, second: torch.Tensor, taken: float
    ) -> None:
        """See `Adam`."""
        self._first[student].copy_(first)
        self._second[student].copy_(second)
        self._taken[student] = taken

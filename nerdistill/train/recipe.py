"""How a student is trained: every number that the result depends on, and the rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nerdistill.blend.curve import Step
from nerdistill.blend.plan import WINDOW_STEPS
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.blend.curve import Curve

Schedule = Literal["single", "restart"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings that all cells of a study share, but for the schedule.

    Attributes:
        steps: optimizer steps.
        batch_size: sentences a step.
        learning_rate: the peak.
        warmup: share of a schedule's steps in which the rate climbs to its peak.
        weight_decay: of AdamW, on weight matrices only.
        clip: largest gradient norm.
        schedule: `single`: one climb and one decay over all steps; `restart`: a new optimizer,
            climb and decay where a step curve switches, as two trainings in a row have.
        window_steps: see `nerdistill.blend.plan`.

    Raises:
        ConfigError: a number that nothing can be trained with.
    """

    steps: int = 400
    batch_size: int = 16
    learning_rate: float = 3e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    schedule: Schedule = "single"
    window_steps: int = WINDOW_STEPS

    def __post_init__(self) -> None:
        sound = {
            "steps": self.steps >= 1,
            "batch_size": self.batch_size >= 1,
            "learning_rate": 0 < self.learning_rate < math.inf,
            "warmup": 0 <= self.warmup <= 1,
            "weight_decay": 0 <= self.weight_decay < math.inf,
            "clip": self.clip > 0,
            "window_steps": self.window_steps >= 1,
        }
        for name, good in sound.items():
            if not good:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}: nothing can be trained with that",
                    "Give a number above 0 (a warm-up between 0 and 1).",
                )


def stage_starts(curve: Curve, recipe: Recipe) -> tuple[int, ...]:
    """The steps at which a schedule starts: (0,), or 0 and the switch for `restart`.

    Raises:
        ConfigError: `restart` with a curve that has no switch.
    """
    if recipe.schedule == "single":
        return (0,)
    if not isinstance(curve, Step):
        raise ConfigError(
            f'schedule = "restart" needs a curve that switches, not {curve}',
            'Use a step curve, or schedule = "single".',
        )
    switch = round(curve.at * recipe.steps)
    return (0, switch) if 0 < switch < recipe.steps else (0,)


def rate_at(step: int, starts: Sequence[int], recipe: Recipe) -> float:
    """The learning rate of a step: a linear climb, then a linear decay towards 0, in each stage."""
    start = max(begin for begin in starts if begin <= step)
    end = min((begin for begin in starts if begin > step), default=recipe.steps)
    length = end - start
    climb = max(1, round(recipe.warmup * length))
    position = step - start
    if position < climb:
        return recipe.learning_rate * (position + 1) / climb
    return recipe.learning_rate * (length - position) / max(1, length - climb)

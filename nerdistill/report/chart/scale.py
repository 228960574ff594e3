"""Scales: from numbers to places on the page, and the numbers that an axis tells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight or logarithmic axis.

    Attributes:
        low: the number at `start`.
        high: the number at `end`; above `low`.
        start: a place, in units of the drawing.
        end: a place; below `start` where the axis points up.
        log: equal ratios are equal lengths.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a number; one beyond the axis lies on its edge."""
        low, high, value = (
            (math.log(self.low), math.log(self.high), math.log(max(value, self.low)))
            if self.log
            else (self.low, self.high, value)
        )
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """At most about `count` round numbers within the axis."""
        return _log_ticks(self, count) if self.log else _ticks(self.low, self.high, count)


def around(values: Iterable[float], *, least: float = 1.0, share: float = 0.08) -> Scale:
    """A scale from 0 to 1 that holds all values with some air; at least `least` long.

    Give it its places with `dataclasses.replace`.
    """
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    air = max((least - (high - low)) / 2, share * (high - low))
    return Scale(low - air, high + air, 0.0, 1.0)


def told(value: float) -> str:
    """A number of an axis."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 6):g}"  # noqa: PLR2004


def _ticks(low: float, high: float, count: int) -> list[float]:
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * part for part in _STEPS if power * part >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [at * step for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(scale: Scale, count: int) -> list[float]:
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for parts in ((1, 2, 5), (1, 3), (1,)):
        found = [part * 10.0**power for power in powers for part in parts]
        found = [value for value in found if scale.low <= value <= scale.high]
        if len(found) <= count:
            return found
    return found[:: math.ceil(len(found) / count)]

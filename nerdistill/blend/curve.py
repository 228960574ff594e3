"""Blending curves: the share of distilled data as a function of training progress.

A regimen is a curve. Original only is the constant 0, distilled only the constant 1, a shuffled
mix a constant between, Simple Mix a step from 1 to 0, its reverse a step from 0 to 1; the decaying
blends are sigmoid, power, cosine, linear and exponential.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESOLUTION = 4096
"""Points of the midpoint rule that integrates a curve over the whole training."""


class Curve(Protocol):
    """The share of distilled data at every moment of training."""

    def distilled_share(self, t: float) -> float:
        """The share in [0, 1] at progress `t` in [0, 1]; pure."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same share throughout."""

    share: float

    def __post_init__(self) -> None:
        _within("share", self.share, 0.0, 1.0)

    def distilled_share(self, t: float) -> float:  # noqa: ARG002 - the share ignores progress
        """`share`, always."""
        return self.share


@dataclass(frozen=True, slots=True)
class Step:
    """One share before `at`, another from there on."""

    at: float = 0.5
    first: float = 1.0
    then: float = 0.0

    def __post_init__(self) -> None:
        for name in ("at", "first", "then"):
            _within(name, getattr(self, name), 0.0, 1.0)

    def distilled_share(self, t: float) -> float:
        """`first` while t < `at`, else `then`."""
        return self.first if t < self.at else self.then


@dataclass(frozen=True, slots=True)
class Linear:
    """1 - t."""

    def distilled_share(self, t: float) -> float:
        """Falls evenly from 1 to 0."""
        return 1.0 - t


@dataclass(frozen=True, slots=True)
class Cosine:
    """(1 + cos(pi t)) / 2."""

    def distilled_share(self, t: float) -> float:
        """Falls from 1 to 0, slowly at both ends."""
        return (1.0 + math.cos(math.pi * t)) / 2.0


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """1 / (1 + e^(k (t - 1/2))), with k the steepness."""

    steepness: float = 12.0

    def __post_init__(self) -> None:
        _within("steepness", self.steepness, 1e-3, 500.0)

    def distilled_share(self, t: float) -> float:
        """Near 1, then falls around the middle, then near 0."""
        return 1.0 / (1.0 + math.exp(self.steepness * (t - 0.5)))


@dataclass(frozen=True, slots=True)
class Power:
    """(1 - t)^p, with p the exponent."""

    exponent: float = 2.0

    def __post_init__(self) -> None:
        _within("exponent", self.exponent, 1e-3, 1e3)

    def distilled_share(self, t: float) -> float:
        """Falls early for p > 1, late for p < 1."""
        return float((1.0 - t) ** self.exponent)


@dataclass(frozen=True, slots=True)
class Exponential:
    """e^(-r t), with r the rate."""

    rate: float = 5.0

    def __post_init__(self) -> None:
        _within("rate", self.rate, 1e-3, 1e3)

    def distilled_share(self, t: float) -> float:
        """Halves again and again."""
        return math.exp(-self.rate * t)


@dataclass(frozen=True, slots=True)
class Warped:
    """A curve in another time: share(t) = shape(t^exponent).

    It keeps the shape's ends and its monotony, and moves where it falls: that is how curves are
    normalised to one mean share. (Raising the share itself to a power would make one curve out of
    all powers.)
    """

    shape: Curve
    exponent: float

    def distilled_share(self, t: float) -> float:
        """The shape's share at the warped time."""
        return self.shape.distilled_share(float(t**self.exponent))


CURVES: dict[str, Callable[..., Curve]] = {
    "constant": Constant,
    "step": Step,
    "linear": Linear,
    "cosine": Cosine,
    "sigmoid": Sigmoid,
    "power": Power,
    "exponential": Exponential,
}


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(
            f"a curve's {name} is {value}", f"Give a {name} between {low:g} and {high:g}."
        )


def make_curve(kind: str, parameters: Mapping[str, float] | None = None) -> Curve:
    """The curve of that name.

    Raises:
        ConfigError: no such curve, no such parameter, or a value out of range.
    """
    if kind not in CURVES:
        raise ConfigError(f"there is no curve {kind!r}", f"Choose one of: {', '.join(CURVES)}.")
    try:
        return CURVES[kind](**(parameters or {}))
    except TypeError as error:
        raise ConfigError(
            f"curve {kind!r} does not take {dict(parameters or {})}",
            f"Its parameters: {CURVES[kind].__doc__}",
        ) from error


def mean_share(
    curve: Curve, start: float = 0.0, end: float = 1.0, points: int = RESOLUTION
) -> float:
    """The curve's mean between two moments, by the midpoint rule."""
    width = (end - start) / points
    shares = (curve.distilled_share(start + (i + 0.5) * width) for i in range(points))
    return math.fsum(shares) / points


def normalise(curve: Curve, mean: float) -> Curve:
    """The curve of the same shape whose mean share over the training is `mean`.

    A constant becomes `mean`, a step between 1 and 0 switches where it must, any other is warped
    in time (see `Warped`); the exponent is found by bisection.

    Raises:
        ConfigError: no warp of this curve has that mean.
    """
    _within("mean_share", mean, 0.0, 1.0)
    if isinstance(curve, Constant):
        return Constant(mean)
    if isinstance(curve, Step):
        at = (mean - curve.then) / (curve.first - curve.then) if curve.first != curve.then else -1
        if not 0 <= at <= 1:
            raise _unreachable(curve, mean)
        return Step(at, curve.first, curve.then)
    low, high = -6.0, 6.0  # of log2(exponent); the mean grows with it, for these fall in time
    if not _warped_mean(curve, low) <= mean <= _warped_mean(curve, high):
        raise _unreachable(curve, mean)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _warped_mean(curve, middle) < mean else (low, middle)
    exponent = 2 ** ((low + high) / 2)
    return curve if math.isclose(exponent, 1.0, abs_tol=1e-4) else Warped(curve, exponent)


def _warped_mean(curve: Curve, log2_exponent: float) -> float:
    return mean_share(Warped(curve, 2**log2_exponent))


def _unreachable(curve: Curve, mean: float) -> ConfigError:
    return ConfigError(
        f"{curve} cannot have the mean share {mean}",
        'Choose a mean_share nearer to the curve\'s own, or mean_share = "as-is".',
    )


def describe(curve: Curve) -> dict[str, object]:
    """The curve as plain data for records: kind, parameters, warp, and its mean share."""
    shape, warp = (curve.shape, curve.exponent) if isinstance(curve, Warped) else (curve, 1.0)
    kind = next(name for name, made in CURVES.items() if isinstance(shape, made))  # type: ignore[arg-type]
    parameters = asdict(shape)  # type: ignore[call-overload]
    return {"kind": kind, **parameters, "warp": warp, "mean_share": round(mean_share(curve), 6)}

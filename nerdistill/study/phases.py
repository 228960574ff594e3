"""The three phases: which regimens each compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nerdistill.blend.curve import Curve, make_curve, normalise
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.study.config import StudyConfig
    from nerdistill.train.recipe import Schedule

Phase = Literal[1, 2, 3]

Pools = Literal["none", "together", "apart", "gold"]
"""Which distilled data: none; all of the teacher's; each corpus alone; gold instead."""

MeanShare = float | Literal["as-is", "natural"]
"""Warp the curve to this mean; leave it; or the distilled pool's share of both pools."""


@dataclass(frozen=True, slots=True)
class Regimen:
    """One way to spend the training budget on original and distilled data."""

    name: str
    curve: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    mean_share: MeanShare | Literal["study"] = "study"
    schedule: Schedule = "single"
    pools: Pools = "together"

    def spec(self, mean_share: float) -> dict[str, object]:
        """What its curve is made from, as plain data; `study` stands for `mean_share`."""
        mean = mean_share if self.mean_share == "study" else self.mean_share
        return {"kind": self.curve, "parameters": dict(self.parameters), "mean_share": mean}


ORIGINAL = Regimen("original", "constant", {"share": 0.0}, "as-is", pools="none")
DISTILLED = Regimen("distilled", "constant", {"share": 1.0}, "as-is")
DISTILLED_APART = Regimen("distilled-apart", "constant", {"share": 1.0}, "as-is", pools="apart")
GOLD_CEILING = Regimen("gold-ceiling", "constant", {"share": 1.0}, "as-is", pools="gold")
MIXED_NATURAL = Regimen("mixed-natural", "constant", {"share": 0.5}, "natural")
MIXED = Regimen("mixed", "constant", {"share": 0.5})
SIMPLE_MIX = Regimen("simple-mix", "step")
REVERSE = Regimen("original-then-distilled", "step", {"first": 0.0, "then": 1.0})

PHASES: dict[Phase, tuple[Regimen, ...]] = {
    1: (ORIGINAL, DISTILLED, DISTILLED_APART, MIXED_NATURAL, GOLD_CEILING),
    2: (
        ORIGINAL,
        DISTILLED,
        MIXED,
        MIXED_NATURAL,
        SIMPLE_MIX,
        Regimen("simple-mix-restart", "step", schedule="restart"),
        REVERSE,
        Regimen(
            "original-then-distilled-restart",
            "step",
            {"first": 0.0, "then": 1.0},
            schedule="restart",
        ),
    ),
    3: (
        SIMPLE_MIX,
        Regimen("sigmoid", "sigmoid"),
        Regimen("power-2", "power", {"exponent": 2.0}),
        Regimen("power-0.5", "power", {"exponent": 0.5}),
        Regimen("cosine", "cosine"),
        Regimen("linear", "linear"),
        Regimen("exponential", "exponential"),
    ),
}
"""The built-in regimens of each phase, in the order of its table."""


def regimens(config: StudyConfig) -> dict[str, tuple[Regimen, tuple[Phase, ...]]]:
    """The regimens that a study runs, by name, each with the phases that it belongs to.

    Raises:
        ConfigError: the study names a regimen that does not exist, or one twice.
    """
    own = tuple(
        Regimen(curve.name, curve.kind, curve.parameters, curve.mean_share, curve.schedule)
        for curve in config.curves
    )
    phases = {**PHASES, 3: (*PHASES[3], *own)}
    known = {regimen.name for members in phases.values() for regimen in members}
    builtin = {regimen.name for members in PHASES.values() for regimen in members}
    for curve in own:
        if curve.name in builtin or [other.name for other in own].count(curve.name) > 1:
            raise ConfigError(
                f"[[curves]]: the name {curve.name!r} is taken", "Give the curve another name."
            )
        make_curve(curve.curve, curve.parameters)
    chosen = known if config.regimens == "all" else {*config.regimens, *(c.name for c in own)}
    if unknown := sorted(chosen - known):
        raise ConfigError(
            f"regimens: there is no {unknown[0]!r}", f"Choose among: {', '.join(sorted(known))}."
        )
    found: dict[str, tuple[Regimen, tuple[Phase, ...]]] = {}
    for phase in sorted(config.phases):
        for regimen in phases[phase]:
            if regimen.name in chosen and _has_data(regimen, config):
                before = found.get(regimen.name, (regimen, ()))[1]
                found[regimen.name] = (regimen, (*before, phase))
    if not found:
        raise ConfigError(
            f"regimens: none of {sorted(chosen)} belongs to phases {config.phases}",
            "Choose other regimens or phases.",
        )
    return found


def _has_data(regimen: Regimen, config: StudyConfig) -> bool:
    if regimen.pools == "gold":
        return bool(config.teacher.ceiling)
    return regimen.pools != "apart" or len(config.teacher.corpora) > 1


def build_curve(spec: Mapping[str, object], *, original: int, distilled: int) -> Curve:
    """The curve of a regimen's spec, for pools of these sizes."""
    parameters = spec["parameters"]
    mean = spec["mean_share"]
    curve = make_curve(str(spec["kind"]), parameters if isinstance(parameters, dict) else {})
    if mean == "natural":
        return normalise(curve, distilled / max(1, original + distilled))
    return normalise(curve, mean) if isinstance(mean, (int, float)) else curve

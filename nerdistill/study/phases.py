"""The phases of a study: which regimens each compares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import product
from typing import TYPE_CHECKING, Literal

from nerdistill.blend.curve import Curve, make_curve, normalise
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.blend.select import By
    from nerdistill.blend.treat import How
    from nerdistill.study.config import StudyConfig
    from nerdistill.train.recipe import Schedule

Phase = Literal[1, 2, 3, 4, 5, 6]

TEACHERS: Phase = 6
"""The phase of several teachers."""

Pools = Literal["none", "together", "apart", "gold"]
"""Which distilled data: none; all of the teacher's; each corpus alone; gold instead."""

MeanShare = float | Literal["as-is", "natural"]
"""Warp the curve to this mean; leave it; or the distilled pool's share of both pools."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to the distilled pool before it is trained on; see `blend.treat`.

    Attributes:
        how: the treatment.
        judges: regimens of the students that are asked about the teacher's labels; all count alike.
        folds: those who learnt from the pool judge a fold that they did not learn from; 1: they
            judge what they learnt.
        beyond: the judges also label the text that nobody labelled, and it joins the pool.
    """

    how: How
    judges: tuple[str, ...]
    folds: int = 2
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sentences of the distilled pool are trained on, as if no others had been labelled.

    Attributes:
        by: what selects them; see `blend.select`.
        share: of the pool's words: all that are compared cost the teacher equally much.
    """

    by: By
    share: float = 0.25


@dataclass(frozen=True, slots=True)
class Regimen:
    """One way to spend the training budget on original and distilled data.

    Attributes:
        name: as tables call it.
        curve: kind of the curve.
        parameters: of the curve.
        mean_share: that it is normalised to; `study`: the study's own.
        schedule: one, or a new one where a step switches.
        pools: which distilled data.
        steps: times the study's steps: what is not 1 is no fair rival, but tells what steps do.
        rate: times the study's learning rate.
        tuning: it is one of the settings that original data alone are tried with.
        candidate: it meets test only if validation chooses it among all candidates.
        treatment: makes another pool of the distilled one first.
    """

    name: str
    curve: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    mean_share: MeanShare | Literal["study"] = "study"
    schedule: Schedule = "single"
    pools: Pools = "together"
    steps: float = 1.0
    rate: float = 1.0
    tuning: bool = False
    candidate: bool = False
    treatment: Treatment | Selection | None = None

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
RESTART = Regimen("simple-mix-restart", "step", schedule="restart")
REVERSE = Regimen("original-then-distilled", "step", {"first": 0.0, "then": 1.0})

SELF_TRAINED = Treatment("relabelled", ("simple-mix",), folds=1)
COMMITTEE = Treatment("relabelled", ("original", "simple-mix"))


def _treated(name: str, treatment: Treatment | Selection, base: Regimen = SIMPLE_MIX) -> Regimen:
    """A regimen on a treated pool."""
    return replace(base, name=name, treatment=treatment, candidate=True)


PHASES: dict[Phase, tuple[Regimen, ...]] = {
    1: (ORIGINAL, DISTILLED, DISTILLED_APART, MIXED_NATURAL, GOLD_CEILING),
    2: (
        ORIGINAL,
        DISTILLED,
        MIXED,
        MIXED_NATURAL,
        SIMPLE_MIX,
        RESTART,
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
    4: (
        SIMPLE_MIX,
        RESTART,
        Regimen("simple-mix-0.25", "step", {"at": 0.25}, "as-is"),
        Regimen("simple-mix-0.75", "step", {"at": 0.75}, "as-is"),
        Regimen("simple-mix-apart", "step", pools="apart"),
        REVERSE,
        MIXED,
        ORIGINAL,
        replace(ORIGINAL, name="original-half", steps=0.5),
        replace(ORIGINAL, name="original-double", steps=2.0),
        Regimen(
            "original-restart",
            "step",
            {"first": 0.0, "then": 0.0},
            "as-is",
            schedule="restart",
            pools="none",
        ),
    ),
    5: (
        SIMPLE_MIX,
        _treated("confidence", Treatment("confidence", ("simple-mix",))),
        _treated("masked", Treatment("masked", ("distilled",))),
        _treated("agreed", Treatment("agreed", ("simple-mix",))),
        _treated("self-trained", SELF_TRAINED),
        _treated("self-trained-unlabelled", replace(SELF_TRAINED, beyond=True)),
        _treated("relabelled", Treatment("relabelled", ("simple-mix",))),
        _treated("committee", COMMITTEE),
        _treated("committee-mixed", COMMITTEE, MIXED),
        _treated("committee-unlabelled", replace(COMMITTEE, beyond=True)),
        _treated("select-random", Selection("random")),
        _treated("select-diverse", Selection("diverse")),
        _treated("select-uncertain", Selection("uncertain")),
    ),
    6: (),
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
    others = taught_by_others(config)
    phases = {**PHASES, 3: (*PHASES[3], *own), TEACHERS: (ORIGINAL, *others) if others else ()}
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
        near = get_close_matches(unknown[0], known, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"regimens: there is no {unknown[0]!r}",
            f"{meant}Choose among: {', '.join(sorted(known))}.",
        )
    found: dict[str, tuple[Regimen, tuple[Phase, ...]]] = {}
    for phase in sorted(config.phases):
        for regimen in phases[phase]:
            if regimen.name in chosen and _has_data(regimen, config):
                before = found.get(regimen.name, (regimen, ()))[1]
                found[regimen.name] = (regimen, (*before, phase))
    if not found:
        raise ConfigError(
            f"regimens: none of {sorted(chosen)} is of phases {config.phases} and has its data",
            "Choose other regimens or phases, or name their data: unlabelled, or teacher.ceiling.",
        )
    return found


def tuned(config: StudyConfig) -> tuple[Regimen, ...]:
    """The further settings that original data alone are tried with, where budgets make a curve."""
    original = config.original
    if len({*original.budgets, *original.ladder}) == 1 or ORIGINAL.name not in regimens(config):
        return ()
    return tuple(
        replace(
            ORIGINAL,
            name=f"original-steps-{steps:g}-rate-{rate:g}",
            steps=steps,
            rate=rate,
            tuning=True,
        )
        for steps, rate in product(original.tune.steps, original.tune.learning_rate)
        if (steps, rate) != (1.0, 1.0)
    )


def taught_by_others(config: StudyConfig) -> tuple[Regimen, ...]:
    """The regimens that the other teachers' labels are tried with.

    Raises:
        ConfigError: one does not exist, does not ask for a teacher's labels, or lacks its data.
    """
    known = {one.name: one for members in PHASES.values() for one in members}
    known = {name: one for name, one in known.items() if one.pools == "together"}
    if TEACHERS not in config.phases or not config.other_teachers:
        return ()
    names = [other.name for other in config.other_teachers]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"[[other_teachers]]: the name {name!r} is taken", "Give one another name."
            )
    for name in config.other_teachers_regimens:
        if name not in known:
            raise ConfigError(
                f"other_teachers_regimens: no regimen {name!r} learns from one teacher's labels",
                f"Choose among: {', '.join(sorted(known))}.",
            )
        if not _has_data(known[name], config):
            raise ConfigError(
                f"other_teachers_regimens: {name!r} learns from text that nobody labelled",
                'Name corpora of such text: unlabelled = ["…"].',
            )
    return tuple(known[name] for name in config.other_teachers_regimens)


def _has_data(regimen: Regimen, config: StudyConfig) -> bool:
    if regimen.pools == "gold":
        return bool(config.teacher.ceiling)
    if isinstance(regimen.treatment, Treatment) and regimen.treatment.beyond:
        return bool(config.unlabelled)
    return regimen.pools != "apart" or len(config.teacher.corpora) > 1


def build_curve(spec: Mapping[str, object], *, original: int, distilled: int) -> Curve:
    """The curve of a regimen's spec, for pools of these sizes."""
    parameters = spec["parameters"]
    mean = spec["mean_share"]
    curve = make_curve(str(spec["kind"]), parameters if isinstance(parameters, dict) else {})
    if mean == "natural":
        return normalise(curve, distilled / max(1, original + distilled))
    return normalise(curve, mean) if isinstance(mean, (int, float)) else curve

"""Teacher quality: what distilled data gain over original data alone, teacher by teacher."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING, cast

import numpy as np

from nerdistill.metrics.saved import monotone
from nerdistill.study.evidence import comparison, corrected
from nerdistill.study.groups import budgets_of
from nerdistill.study.phases import ORIGINAL, taught_by_others

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.study.graph import Graph
    from nerdistill.study.groups import Groups, Key
    from nerdistill.study.scored import Scored

    Json = dict[str, object]


def teachers(graph: Graph, groups: Groups, scored: Scored) -> Json | None:
    """What each teacher's labels gain, and from which teacher F1 on they gain anything.

    Returns:
        Plain data: `rows`, one for each teacher, budget and regimen with the teacher's F1 and the
        gain in test F1 over original data alone, p corrected after Holm for all of a budget; and
        `break_even`, one for each budget and regimen. Candidates are left out, since test scores
        only some teachers'. None where the study has but one teacher, or no corpus of theirs has
        gold.
    """
    config, workspace = graph.config, scored.workspace
    names = [one.name for one in taught_by_others(config) if not one.candidate]
    rows: list[Json] = []
    for other in (None, *config.other_teachers):
        audits = [graph.annotation(name, other) for name in config.teacher.corpora]
        if any(workspace.record(stage) is None for stage in audits):
            continue
        f1 = _f1([workspace.result(stage) for stage in audits])
        name = other.name if other else config.teacher.model
        pool = "+".join(config.teacher.corpora) + (f" by {other.name}" if other else "")
        for budget in budgets_of(groups):
            base: Key = (ORIGINAL.name, None, budget)
            for regimen in names:
                key: Key = (regimen, pool, budget)
                if f1 is None or key not in groups or base not in groups:
                    continue
                if found := comparison(groups[key], groups[base], scored):
                    about: Json = {"teacher": name, "teacher_f1": f1, "budget": budget}
                    gain = {"gain": found[0]["difference"], "p": found[0]["p"], "p_holm": None}
                    rows.append({**about, "regimen": regimen, **gain})
    if len({row["teacher"] for row in rows}) < 2:  # noqa: PLR2004 - one is no ladder
        return None
    keys = dict.fromkeys((cast("int", row["budget"]), str(row["regimen"])) for row in rows)
    return {"rows": corrected(rows), "break_even": [_break_even(*key, rows) for key in keys]}


def _f1(audits: Sequence[Json]) -> float | None:
    """Of all corpora that have gold, in per cent, by their counts of entities; None without."""
    counts = np.zeros(3)
    for audit in audits:
        errors = cast("dict[str, int]", audit["errors"])
        if not errors:
            continue
        right = errors["correct"]
        paired = sum(errors[kind] for kind in ("type", "boundary", "boundary_and_type"))
        counts += (right, right + paired + errors["spurious"], right + paired + errors["missed"])
    return round(float(200 * counts[0] / (counts[1] + counts[2])), 2) if counts.any() else None


def _break_even(budget: int, regimen: str, rows: Sequence[Json]) -> Json:
    """The teacher F1 at which the gain becomes 0, and those at which the ends of its interval do.

    An end of the interval that no teacher bounds is None; one that lies beyond all of them is the
    F1 of the last on its way.
    """
    own = [row for row in rows if (row["budget"], row["regimen"]) == (budget, regimen)]
    own.sort(key=lambda row: cast("float", row["teacher_f1"]))
    f1 = [cast("float", row["teacher_f1"]) for row in own]
    at, first, last = (
        _crossing(f1, [cast("dict[str, float]", row["gain"])[end] for row in own])
        for end in ("value", "high", "low")
    )
    return {
        "budget": budget,
        "regimen": regimen,
        "teacher_f1": _finite(at),
        "at_most": f1[0] if at == -inf else None,
        "more_than": f1[-1] if at == inf else None,
        "interval": {"low": _finite(min(first, f1[-1])), "high": _finite(max(last, f1[0]))},
    }


def _crossing(f1: Sequence[float], gains: Sequence[float]) -> float:
    """The teacher F1 at which a fit that never falls reaches 0.

    Infinite where it is above 0 with every teacher (-), or with none (+).
    """
    fitted = monotone(np.array([gains]))[0]
    if fitted[0] >= 0:
        return -inf
    if fitted[-1] < 0:
        return inf
    after = int(np.argmax(fitted >= 0))
    share = -fitted[after - 1] / (fitted[after] - fitted[after - 1])
    return float(f1[after - 1] + share * (f1[after] - f1[after - 1]))


def _finite(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None

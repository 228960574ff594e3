"""What a part of the teacher's labels is worth: points of F1, and what each of them costs."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import TYPE_CHECKING, cast

from nerdistill.study.evidence import named
from nerdistill.study.groups import grouped
from nerdistill.study.phases import ORIGINAL, SIMPLE_MIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.study.cell import Cell
    from nerdistill.study.groups import Draw
    from nerdistill.study.workspace import Workspace

    Json = dict[str, object]

UNITS = ("words", "sentences", "tokens")
"""What a stage that selects tells, of its part and, with `of_` before, of the whole pool."""

Costs = dict[str, int | None]
"""By unit; None for tokens that the teacher's backend does not count."""


def selection(done: Sequence[Cell], workspace: Workspace) -> Json | None:
    """What each way to select sentences costs and gains, beside the whole pool.

    The cost is told in words that the teacher is asked to label, in sentences, and where they are
    known in tokens of prompts and replies: these are what is paid for.

    Args:
        done: cells that are scored on validation.
        workspace: where their results are.

    Returns:
        Plain data: `rows`, one for each way, pool and budget, and one for Simple Mix on the whole
        pool, with mean `words`, `sentences` and `tokens` (`of_…`: in the whole pool), the F1 on
        validation, the `gain` over original data alone in the draws that both have, its
        `standard_deviation`, `words_per_point` and `tokens_per_point`. None stands for what is not
        known, and for the price of a gain that is not there; None is returned where no regimen
        selects.
    """
    groups = grouped(done, workspace)
    costs = {key: _costs(cells, workspace) for key, cells in groups.items()}
    wholes = {key[1:]: told for key, told in costs.items() if told}
    rows: list[Json] = []
    for key, cells in groups.items():
        told = costs[key]
        if key[0] == SIMPLE_MIX.name and key[1:] in wholes:
            whole = wholes[key[1:]]
            told = {at + unit: whole[f"of_{unit}"] for unit in UNITS for at in ("", "of_")}
        if told:
            alone = groups.get((ORIGINAL.name, None, key[2]), {})
            about = {**named(key), "budget": key[2], "trainings": len(cells), **told}
            rows.append({**about, **_gain(told, cells, alone, workspace)})
    return {"rows": rows} if rows else None


def _costs(cells: Mapping[Draw, Cell], workspace: Workspace) -> Costs:
    """Mean numbers of what was selected, and of how much; empty where nothing was."""
    read = [cell.train.inputs.get("distilled") for cell in cells.values()]
    pools = [encoded.inputs["corpus"] for encoded in read if encoded]
    found = [workspace.result(pool) for pool in pools if pool.kind == "select"]
    if not found:
        return {}
    return {
        name: None
        if any(told[name] is None for told in found)
        else round(fmean(cast("int", told[name]) for told in found))
        for name in (at + unit for unit in UNITS for at in ("", "of_"))
    }


def _gain(
    told: Costs, cells: Mapping[Draw, Cell], alone: Mapping[Draw, Cell], workspace: Workspace
) -> Json:
    """The F1 of some cells, and what they gain over others in the draws that both have."""
    f1, base = (
        {draw: cast("float", workspace.result(cell.validation)["f1"]) for draw, cell in of.items()}
        for of in (cells, alone)
    )
    gains = [f1[draw] - base[draw] for draw in f1 if draw in base]
    gain = round(fmean(gains), 4) if gains else None
    return {
        "validation_f1": round(fmean(f1.values()), 4),
        "gain": gain,
        "standard_deviation": round(stdev(gains), 4) if len(gains) > 1 else None,
        "words_per_point": _price(told["words"], gain),
        "tokens_per_point": _price(told["tokens"], gain),
    }


def _price(cost: int | None, gain: float | None) -> int | None:
    return round(cost / gain) if cost is not None and gain is not None and gain > 0 else None

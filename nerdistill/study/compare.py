"""Two studies side by side: how their settings, teachers, regimens and winners differ."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

from nerdistill.errors import InputError, WorkspaceError
from nerdistill.study.compare_pairs import pairs, study_of

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.compare_pairs import Pair

Json = dict[str, object]

SETTINGS = (
    *("study", "simulated", "student", "labels", "seeds", "steps", "batch_size", "learning_rate"),
    *("mean_share", "missing_cells"),
)
"""What the results say of a study as a whole."""
NEEDED = frozenset({*SETTINGS, "versions", "teacher", "cells", "winner"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that differs; a side that does not tell it has None."""

    name: str
    a: object
    b: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two studies.

    Attributes:
        settings: those that differ.
        teachers: the F1 of both on each corpus that either labelled, in per cent; None where there
            is no gold.
        winners: of both, as results.json has them; None where nothing is finished.
        winners_agree: whether they are one regimen on one pool; None where one is missing.
        pairs: the regimens of both, then those of one.
    """

    settings: tuple[Difference, ...]
    teachers: tuple[Difference, ...]
    winners: tuple[Json | None, Json | None]
    winners_agree: bool | None
    pairs: tuple[Pair, ...]

    def to_json(self) -> Json:
        """As plain data."""
        return asdict(self)


def compare(a: Path, b: Path) -> Comparison:
    """The studies of two workspaces.

    Raises:
        InputError: a folder holds no results.
        WorkspaceError: results or a record are damaged.
        CorpusError: predictions are.
    """
    ours, theirs = read_results(a), read_results(b)
    winners = cast("Json | None", ours["winner"]), cast("Json | None", theirs["winner"])
    settings = _side_by_side(_settings(ours), _settings(theirs))
    if ours.get("run") and theirs.get("run"):  # older results do not tell
        settings += _side_by_side(_digests(ours), _digests(theirs))
    return Comparison(
        tuple(one for one in settings if one.a != one.b),
        tuple(_side_by_side(_teachers(ours), _teachers(theirs))),
        winners,
        _agree(*winners),
        pairs(study_of(a, ours), study_of(b, theirs)),
    )


def read_results(workspace: Path) -> Json:
    """What `results.json` in a workspace holds.

    Raises:
        InputError: there is no such folder, or no results in it.
        WorkspaceError: they are damaged.
    """
    if not workspace.is_dir():
        raise InputError(f"workspace {workspace} does not exist", "Name the folder of a study.")
    file = workspace / "results.json"
    remedy = f"Run `nerdistill study report STUDY --workspace {workspace}`, which writes it."
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{workspace} holds no results.json", remedy) from error
    except ValueError as error:
        raise WorkspaceError(f"{file} is damaged", remedy) from error
    if not isinstance(results, dict):
        raise WorkspaceError(f"{file} holds no results of a study", remedy)
    if missing := NEEDED - results.keys():
        raise WorkspaceError(f"{file} is not whole: it lacks {min(missing)}", remedy)
    return results


def _settings(results: Json) -> Json:
    """What may differ, by name: the study's own settings, then its teachers and versions."""
    found: Json = {name.replace("_", " "): results[name] for name in SETTINGS}
    cells = cast("list[Json]", results["cells"])
    found["budgets"] = list(dict.fromkeys(cell["budget"] for cell in cells))
    subsets = list(dict.fromkeys(cell["subset_seed"] for cell in cells))
    each = all(cell["subset_seed"] == cell["seed"] for cell in cells)
    found["subset seeds"] = "each seed draws its own" if each else subsets
    for row in cast("list[Json]", results["teacher"]):
        found[f"teacher {row['model']} of {row['corpus']}"] = str(row["annotator"])
    versions = cast("Json", results["versions"])
    return found | {f"version of {name}": value for name, value in versions.items()}


def _digests(results: Json) -> Json:
    digests = cast("Json", cast("Json", results["run"])["digests"])
    return {f"digest of {name}": value for name, value in digests.items()}


def _teachers(results: Json) -> Json:
    rows = cast("list[Json]", results["teacher"])
    several = len({row["model"] for row in rows}) > 1
    return {
        f"{row['corpus']} by {row['model']}" if several else str(row["corpus"]): row["f1"]
        for row in rows
    }


def _side_by_side(a: Json, b: Json) -> list[Difference]:
    return [Difference(name, a.get(name), b.get(name)) for name in {**a, **b}]


def _agree(a: Json | None, b: Json | None) -> bool | None:
    if a is None or b is None:
        return None
    return all(a[name] == b[name] for name in ("regimen", "distilled"))

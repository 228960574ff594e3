"""A regimen of one study against the same regimen of another.

At one budget, on pools of one name; of what is left, a regimen that each has once is held against
the other's on whatever pool, since other teachers label other corpora. Trainings with the same
seeds are compared on the test texts of both. Without their predictions, or with other texts,
nothing is tested: then a difference may be chance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, cast

import numpy as np

from nerdistill.corpus.formats import read_corpus
from nerdistill.errors import WorkspaceError
from nerdistill.metrics.regimens import RegimenComparison, paired
from nerdistill.metrics.significance import holm
from nerdistill.study.builders.site import CORPUS
from nerdistill.study.texts import FEWEST, unit_counts, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from nerdistill.types import Corpus, Span

Json = dict[str, object]
Key = tuple[str, str | None, int]
"""Regimen, distilled pool, budget."""
Cells = dict[tuple[int, int], Json]
"""The trainings of a regimen, by the seeds of their subset and of their own."""

LEVEL = 0.95
SEED = 1
"""Of the draws: the same two studies have the same p."""
UNSEEN = "predictions are missing in a workspace, or its results are old (study report renews them)"


@dataclass(frozen=True, slots=True)
class Side:
    """What one study has of a regimen: means over trainings, in per cent.

    Attributes:
        trainings: how many.
        validation_f1: on validation.
        test_f1: on test.
        standard_deviation: of test F1 over trainings (n - 1), in points; None with one.
    """

    trainings: int
    validation_f1: float
    test_f1: float
    standard_deviation: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A regimen that both studies have, or one of them.

    Attributes:
        regimen: how the data are blended.
        budget: original sentences.
        distilled: the pools of both; None where there is none.
        a: the first study's; None where it has none.
        b: the second study's; None where it has none.
        difference: mean test F1 of b less that of a, in points; None where one has none.
        per_seed: the same of each two trainings with the same seeds.
        same_trainings: how many of these are one and the same training in both.
        test: of `per_seed`, over other seeds and other texts; None where nothing can be tested.
        p_holm: its p, corrected for all regimens that are tested.
        untested: why nothing was tested; empty where it was.
    """

    regimen: str
    budget: int
    distilled: tuple[str | None, str | None]
    a: Side | None
    b: Side | None
    difference: float | None = None
    per_seed: tuple[float, ...] = ()
    same_trainings: int = 0
    test: RegimenComparison | None = None
    p_holm: float | None = None
    untested: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """One of the two: its workspace, and the trainings of each regimen."""

    workspace: Path
    groups: dict[Key, Cells]


def study_of(workspace: Path, results: Json) -> Study:
    """The trainings that the results of a workspace tell of."""
    groups: dict[Key, Cells] = {}
    for cell in cast("list[Json]", results["cells"]):
        if cell["test"] is None:  # a candidate that validation did not choose
            continue
        distilled = cast("str | None", cell["distilled"])
        key = (str(cell["regimen"]), distilled, cast("int", cell["budget"]))
        seeds = cast("int", cell["subset_seed"]), cast("int", cell["seed"])
        groups.setdefault(key, {})[seeds] = cell
    return Study(workspace, groups)


def pairs(a: Study, b: Study) -> tuple[Pair, ...]:
    """The regimens that both have, in the order of the first, then those that one has.

    Raises:
        WorkspaceError: a record is damaged.
        CorpusError: predictions are.
    """
    gold, fault = _common_gold(a, b)
    found = [_pair(keys, a, b, gold, fault) for keys in _matches(a, b)]
    tested = iter(holm([one.test.p for one in found if one.test and one.test.p is not None]))
    return tuple(
        replace(one, p_holm=next(tested)) if one.test and one.test.p is not None else one
        for one in found
    )


def _matches(a: Study, b: Study) -> Iterator[tuple[Key | None, Key | None]]:
    """The regimens of both that belong together, then those without their like."""
    left = [key for key in a.groups if key not in b.groups]
    right = [key for key in b.groups if key not in a.groups]
    yield from ((key, key) for key in a.groups if key in b.groups)
    alike = {ours: _alike(ours, right) for ours in left if len(_alike(ours, left)) == 1}
    once = {ours: found[0] for ours, found in alike.items() if len(found) == 1}
    yield from once.items()
    yield from ((key, None) for key in left if key not in once)
    yield from ((None, key) for key in right if key not in once.values())


def _alike(key: Key, among: Sequence[Key]) -> list[Key]:
    return [one for one in among if (one[0], one[2]) == (key[0], key[2])]


def _pair(
    keys: tuple[Key | None, Key | None], a: Study, b: Study, gold: Corpus | None, fault: str
) -> Pair:
    ours, theirs = (
        {} if key is None else study.groups[key] for key, study in zip(keys, (a, b), strict=True)
    )
    regimen, _, budget = next(key for key in keys if key is not None)
    pools = tuple(None if key is None else key[1] for key in keys)
    pair = Pair(regimen, budget, (pools[0], pools[1]), _side(ours.values()), _side(theirs.values()))
    if pair.a is None or pair.b is None:
        return pair
    common = sorted(ours.keys() & theirs.keys())
    same = sum(ours[seeds]["model"] == theirs[seeds]["model"] for seeds in common)
    pair = replace(
        pair,
        difference=round(pair.b.test_f1 - pair.a.test_f1, 4),
        per_seed=tuple(round(_f1(theirs[one]) - _f1(ours[one]), 4) for one in common),
        same_trainings=same,
    )
    if len(common) < FEWEST:
        count = "no seed" if not common else "one seed"
        return replace(pair, untested=f"{count} in both, which tells nothing of others")
    if same == len(common):
        return replace(pair, untested="the same trainings in both")
    counts = None if gold is None else _counts(gold, [ours, theirs], [a, b], common)
    if counts is None:
        return replace(pair, untested=fault or UNSEEN)
    return replace(pair, test=paired(*counts, level=LEVEL, seed=SEED))


def _side(cells: Iterable[Json]) -> Side | None:
    found = list(cells)
    if not found:
        return None
    f1 = [_f1(cell) for cell in found]
    return Side(
        len(found),
        round(fmean(_f1(cell, "validation") for cell in found), 4),
        round(fmean(f1), 4),
        round(stdev(f1), 4) if len(f1) > 1 else None,
    )


def _f1(cell: Json, part: str = "test") -> float:
    return cast("float", cast("Json", cell[part])["f1"])


def _common_gold(a: Study, b: Study) -> tuple[Corpus | None, str]:
    """The test texts of both with their gold; else why there are none."""
    ours, theirs = _gold(a), _gold(b)
    if ours is None or theirs is None:
        return None, UNSEEN
    if [(one.tokens, one.spans) for one in ours.sentences] != [
        (one.tokens, one.spans) for one in theirs.sentences
    ]:
        return None, "the test texts or their gold differ, so F1s do not compare"
    if len(units(ours)[0]) < FEWEST:
        return None, "the test corpus is a single sentence"
    return ours, ""


def _gold(study: Study) -> Corpus | None:
    """The test corpus of a study; None where the workspace does not hold it."""
    cells = (cell for group in study.groups.values() for cell in group.values())
    for cell in cells:
        file = study.workspace / str(cell.get("tested", "")) / "record.json"
        try:
            inputs = json.loads(file.read_text(encoding="utf-8"))["stage"]["inputs"]
            path = study.workspace / "stages" / f"corpus-{inputs['corpus'][:20]}" / CORPUS
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                f"{file} is damaged", "Run the study again: what is damaged is then told."
            ) from error
        return read_corpus(path) if path.is_file() else None
    return None


def _counts(
    gold: Corpus, sides: Sequence[Cells], studies: Sequence[Study], seeds: Sequence[tuple[int, int]]
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]] | None:
    """`(seeds, units, 3)` of both studies; None where predictions are missing."""
    parts, _ = units(gold)
    files = [
        [study.workspace / str(cells[one].get("tested", "")) / "predictions.jsonl" for one in seeds]
        for cells, study in zip(sides, studies, strict=True)
    ]
    if not all(file.is_file() for row in files for file in row):
        return None
    return [np.stack([unit_counts(parts, _spans(file)) for file in row]) for row in files]


def _spans(file: Path) -> list[tuple[Span, ...]]:
    """The entities that a student predicted in each sentence."""
    return [sentence.spans or () for sentence in read_corpus(file).sentences]

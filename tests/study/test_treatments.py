"""Treated pools in a study: who judges what, and that the study runs, resumes and reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.blend.folds import cut_folds
from nerdistill.corpus.formats import read_corpus
from nerdistill.progress import Silent
from nerdistill.study.executors import prepare
from nerdistill.study.phases import PHASES, Treatment
from nerdistill.study.runner import run_study
from nerdistill.study.stage import in_order
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.student_factory import one_thread
from tests.study.test_study_run import Json, _cells, _graph, study, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage

__all__ = ["one_thread", "study"]

TREATED = [one.name for one in PHASES[5] if isinstance(one.treatment, Treatment)]
REGIMENS = f"regimens={json.dumps(['simple-mix', *TREATED])}"


@dataclass(frozen=True, slots=True)
class Ran:
    """A study with every treatment, finished."""

    graph: Graph
    workspace: Workspace
    results: Json


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run for all who look at it, with students side by side."""
    folder = tmp_path_factory.mktemp("treated")
    graph, workspace = treating(write_study(folder)), Workspace(folder / "work")
    return Ran(graph, workspace, run_study(graph, workspace, Silent(), cohort=16))


def treating(study: Path, *settings: str) -> Graph:
    """A study of the treatments of phase 5 alone."""
    return _graph(study, "phases=[5]", REGIMENS, "seeds=[1]", *settings)


def _shown(graph: Graph) -> dict[str, Stage]:
    """The pool that each treated regimen trains on."""
    return {
        cell.regimen.name: cell.train.inputs["distilled"].inputs["corpus"]
        for cell in graph.cells
        if cell.regimen.candidate
    }


def _documents(stage: Stage, workspace: Workspace) -> set[str]:
    corpus = read_corpus(workspace.folder(stage) / "corpus.jsonl", format="jsonl")
    return {document.id for document in corpus.documents}


def test_no_held_out_sentence_makes_labels(study: Path) -> None:
    """What a treated pool is made of reads validation and test only to count duplicates."""
    graph = treating(study)
    held_out = {graph.corpus(name).key for name in ("validation", "test")}
    for pool in _shown(graph).values():
        # What trainings are watched with changes none of them.
        for stage in (one for one in in_order([pool]) if one.kind != "watch"):
            read = {role for role, one in stage.inputs.items() if one.key in held_out}
            assert read <= {"heldout-validation", "heldout-test"}


def test_nobody_judges_what_it_learnt(ran: Ran) -> None:
    """Judges of a fold have never seen a document of it; the exception is called self-trained."""
    for name, pool in _shown(ran.graph).items():
        judged = [one for one in in_order([pool]) if one.kind == "predict"]
        assert judged
        overlaps = False
        for stage in judged:
            taught = stage.inputs["model"].inputs.get("distilled")
            seen = _documents(taught.inputs["corpus"], ran.workspace) if taught else set()
            overlaps |= bool(seen & _documents(stage.inputs["corpus"], ran.workspace))
        assert overlaps == (name == "self-trained")


def test_folds_are_whole_documents_of_the_pool(ran: Ran) -> None:
    """A fold and the rest are the pool, and what cuts a pool cuts it the same way every time."""
    pool = ran.graph.cells[0].pool
    assert pool is not None
    whole = read_corpus(ran.workspace.folder(pool) / "corpus.jsonl", format="jsonl")
    own = [{document.id for document in fold.documents} for fold in cut_folds(whole, 2)]
    for stage in (one for one in stages_of(ran.graph, ran.workspace) if one.kind == "fold"):
        fold = cast("int", stage.params["fold"])
        wanted = own[fold] if stage.params["part"] == "own" else own[1 - fold]
        assert _documents(stage, ran.workspace) == wanted


def test_treated_regimens_stand_beside_simple_mix(ran: Ran) -> None:
    """All have scores and the same pool's name, and show equally much of it."""
    cells = _cells(ran.results)
    assert [cell["regimen"] for cell in cells] == ["simple-mix", *TREATED]
    assert {str(cell["distilled"]) for cell in cells} == {"web"}
    assert len({sum(cast("dict[str, int]", c["examples"]).values()) for c in cells}) == 1
    for name, pool in _shown(ran.graph).items():
        told = ran.workspace.result(pool)
        assert told["sentences"] == 36
        assert (told["changed"] == 0) == (name in {"confidence", "masked", "agreed"})


def test_a_second_run_builds_nothing(ran: Ran) -> None:
    """Students, what they said and what came of it are kept, as all else is."""
    records = [
        ran.workspace.folder(stage) / "record.json" for stage in stages_of(ran.graph, ran.workspace)
    ]
    before = [record.stat().st_mtime_ns for record in records]
    assert run_study(ran.graph, ran.workspace, Silent()) == ran.results
    assert [record.stat().st_mtime_ns for record in records] == before


def test_cohorts_wait_for_their_pools(ran: Ran) -> None:
    """Judges are trained side by side, then those who learn from what they said."""
    trainings = [stage for stage in stages_of(ran.graph, ran.workspace) if stage.kind == "train"]
    beside = {ran.workspace.result(stage)["students"] for stage in trainings}
    learners, unwatched = len(TREATED), sum("watch" not in one.inputs for one in trainings)
    assert beside == {learners, unwatched, len(trainings) - learners - unwatched}


def test_what_waits_for_students_is_left_to_those_who_train(study: Path, tmp_path: Path) -> None:
    """Executors prepare what no student is needed for: pools are cut, none is treated yet."""
    graph, workspace = treating(study), Workspace(tmp_path / "work")
    assert prepare(graph, workspace, Silent())
    done = {stage.kind for stage in stages_of(graph, workspace) if workspace.record(stage)}
    assert done == {"annotate", "corpus", "sample", "distil", "fold", "encode", "watch"}


def test_what_judges_share_is_trained_once(study: Path) -> None:
    """Treatments with the same judges share their trainings, and cells' own students judge, too."""
    graph = treating(study, 'regimens="all"', "phases=[1, 3, 5]")
    stages = in_order([cell.validation for cell in graph.cells])
    trainings = [stage for stage in stages if stage.kind == "train"]
    cells = {cell.train.key for cell in graph.cells}
    # Two folds of simple-mix, and two more students of the original sample.
    assert len({stage.key for stage in trainings} - cells) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_asks_other_judges(study: Path, seed: int) -> None:
    """A treated pool belongs to one seed and one original sample."""
    pools = _shown(treating(study, f"seeds=[{seed}]"))
    others = _shown(treating(study, f"seeds=[{seed}]", "original.subset_seeds=[5]"))
    third = _shown(treating(study, f"seeds=[{seed + 2}]"))
    for name, pool in pools.items():
        assert pool.key not in {others[name].key, third[name].key}

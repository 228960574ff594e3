"""What is kept back from training, and what trainings are watched with."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.corpus.formats import read_corpus
from nerdistill.progress import Silent
from nerdistill.study.builders.site import CORPUS, HELD_OUT
from nerdistill.study.runner import run_stages
from nerdistill.study.stage import in_order
from nerdistill.study.workspace import Workspace
from nerdistill.train.watch import load_watch
from tests.study.test_study_run import _graph, _write_corpus, study

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.train.watch import Watch

__all__ = ["study"]

CEILING = 'teacher.ceiling=["web"]'


@pytest.fixture
def large(study: Path) -> Path:
    """The study with more sentences to label: of 120 six are kept back."""
    _write_corpus(study.parent / "web.jsonl", 40, 2)
    return study


def done(workspace: Workspace, *stages: Stage) -> Workspace:
    """The workspace with these stages finished."""
    run_stages("some", list(in_order(list(stages))), workspace, Silent())
    return workspace


def ids(workspace: Workspace, stage: Stage, name: str) -> list[str]:
    """Of the sentences in a stage's file."""
    return [one.id for one in read_corpus(workspace.folder(stage) / name).sentences]


def watched(graph: Graph, workspace: Workspace) -> tuple[Watch, dict[str, object]]:
    """What the trainings of the first cell's budget are watched with, and what is told of it."""
    stage = graph.watch(("web",), graph.cells[0].sample)
    done(workspace, stage)
    return load_watch(workspace.folder(stage)), workspace.result(stage)


def test_the_same_sentences_are_kept_back_of_gold(large: Path, tmp_path: Path) -> None:
    """Whole documents but for the last; told, in no pool, whoever has labelled it."""
    graph = _graph(large)
    pools = graph.distilled(("web",)), graph.distilled(("web",), gold=True)
    workspace = done(Workspace(tmp_path / "work"), *pools)
    kept, of_gold = (ids(workspace, pool, HELD_OUT) for pool in pools)
    assert kept == of_gold
    assert len(kept) == 6
    assert len({name.rpartition("#")[0] for name in kept}) == 2
    for pool in pools:
        trained_on = ids(workspace, pool, CORPUS)
        assert len(trained_on) == 114
        assert not {*trained_on} & {*kept}
        result = workspace.result(pool)
        assert (result["sentences"], result["heldout"]) == (114, 6)


def test_of_a_small_corpus_all_is_trained_on(study: Path, tmp_path: Path) -> None:
    """36 sentences can spare none."""
    pool = _graph(study).distilled(("web",))
    result = done(Workspace(tmp_path / "work"), pool).result(pool)
    assert (result["sentences"], result["heldout"]) == (36, 0)


def test_trainings_are_watched_with_all_three_parts(large: Path, tmp_path: Path) -> None:
    """Held-out sentences of both kinds, and those of the pool in which the teacher errs."""
    graph, workspace = _graph(large, CEILING), Workspace(tmp_path / "work")
    watch, result = watched(graph, workspace)
    assert (len(watch.original), len(watch.distilled)) == (12, 6)
    assert len(watch.memory) == result["memory"] == result["sentences_with_errors"]
    places = cast("dict[str, int]", result["places"])
    assert len(watch.places) == sum(places.values()) > 0
    assert {*watch.places.sentences.tolist()} == {*range(len(watch.memory))}
    # All words of the sentences have both labels, and they differ at each place.
    assert watch.places.gold.shape == watch.memory.classes.shape
    first = watch.memory.words[watch.memory.windows]
    for sentence, start, end in zip(
        watch.places.sentences, watch.places.starts, watch.places.ends, strict=True
    ):
        at = slice(first[sentence] + start, first[sentence] + end)
        assert (watch.memory.classes[at] != watch.places.gold[at]).any()


def test_without_gold_nothing_is_known_of_errors(large: Path, tmp_path: Path) -> None:
    """Losses are watched all the same."""
    watch, result = watched(_graph(large), Workspace(tmp_path / "work"))
    assert (len(watch.memory), len(watch.places), result["places"]) == (0, 0, {})
    assert len(watch.distilled) == 6


def test_capped_validation_is_what_is_watched(large: Path, tmp_path: Path) -> None:
    """Then no further human labels are read."""
    graph = _graph(large, 'validation.labels="capped"', "original.budgets=[18]")
    workspace = Workspace(tmp_path / "work")
    watch, result = watched(graph, workspace)
    sample = graph.cells[0].sample
    assert result["original"] == len(ids(workspace, sample, "validation.jsonl")) > 0
    assert len(watch.original) == result["original"]


def test_every_regimen_has_the_watch_of_what_it_may_memorise(large: Path) -> None:
    """Original-only and gold that of the teacher's whole pool, a corpus apart its own."""
    phases = 'regimens="all"', "phases=[1]"
    two = 'teacher.corpora=["web","more"]', 'corpora.more.path="web.jsonl"'
    graph = _graph(large, CEILING, *phases, *two)
    titles = {
        (cell.regimen.name, cell.distilled): cell.train.inputs["watch"].title
        for cell in graph.cells
    }
    whole = "choose what to watch of web+more"
    assert titles["original", None] == titles["gold-ceiling", "gold web"] == whole
    assert titles["distilled", "web+more"] == whole
    assert titles["distilled-apart", "more"] == "choose what to watch of more"
    assert all(
        "watch" not in cell.train.inputs for cell in _graph(large, "training.observations=0").cells
    )

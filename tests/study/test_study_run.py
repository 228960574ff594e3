"""A whole small study with a real, tiny student: run, killed, resumed, reported."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import cast

import pytest

from nerdistill.errors import ConfigError
from nerdistill.progress import Silent
from nerdistill.study.graph import Graph
from nerdistill.study.load import load_study
from nerdistill.study.results import collect
from nerdistill.study.runner import run_study
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.student_factory import save_tiny_student

Json = dict[str, object]

PEOPLE = ["Ada", "Bela", "Chen", "Dora", "Emil", "Fay"]
PLACES = ["Ulm", "Vaduz", "Wick", "Ypres", "Zug", "Tartu"]
FRAMES = ["{p} lives in {l} .", "In {l} , {p} won .", "{p} left {l} for good .", "It rained ."]

STUDY = """
name = "tiny"
title = "A tiny study"
regimens = ["original", "distilled", "simple-mix", "sigmoid"]
seeds = [1, 2]
[corpora.human]
path = "human.jsonl"
[corpora.web]
path = "web.jsonl"
[corpora.validation]
path = "validation.jsonl"
[corpora.test]
path = "test.jsonl"
[teacher]
annotator = "simulated"
corpora = ["web"]
[original]
corpus = "human"
budgets = [12]
[validation]
corpus = "validation"
[test]
corpus = "test"
[student]
path = "student"
[training]
steps = 6
batch_size = 4
learning_rate = 1e-3
"""


def _write_corpus(path: Path, documents: int, seed: int) -> None:
    """Made-up sentences, three a document."""
    draw = random.Random(seed)
    lines = []
    for document in range(documents):
        for number in range(3):
            person, place = draw.choice(PEOPLE), draw.choice(PLACES)
            tokens = draw.choice(FRAMES).format(p=person, l=place).split()
            entities = [
                {"start": i, "end": i + 1, "label": "PER" if token == person else "LOC"}
                for i, token in enumerate(tokens)
                if token in {person, place}
            ]
            # A number makes each sentence one of its own.
            tokens.append(str(1000 * seed + 3 * document + number))
            name = f"{path.stem}/{document}#{number}"
            lines.append(json.dumps({"id": name, "tokens": tokens, "entities": entities}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_study(folder: Path) -> Path:
    """A study with its data and its student, all in one folder."""
    for seed, (name, documents) in enumerate(
        {"human": 10, "web": 12, "validation": 4, "test": 4}.items(), start=1
    ):
        _write_corpus(folder / f"{name}.jsonl", documents, seed)
    save_tiny_student(folder / "student", [*PEOPLE, *PLACES, *" ".join(FRAMES).split()])
    path = folder / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study in a folder of its own."""
    return write_study(tmp_path)


def _graph(study: Path, *settings: str) -> Graph:
    root, student = f"data.root={study.parent}", f"student.path={study.parent / 'student'}"
    return Graph(load_study(study, [root, student, *settings]))


def _cells(results: Json) -> list[Json]:
    return cast("list[Json]", results["cells"])


def _without_seconds(results: Json) -> str:
    """Results without what every run has of its own: its times and its machine."""
    cells = [{k: v for k, v in cell.items() if k != "seconds"} for cell in _cells(results)]
    return json.dumps({**results, "cells": cells, "run": None})


def test_a_study_runs_and_runs_again_at_once(study: Path, tmp_path: Path) -> None:
    """All cells are there with both scores, and a second run builds nothing."""
    graph, workspace = _graph(study), Workspace(tmp_path / "work")
    results = run_study(graph, workspace, Silent())
    cells = _cells(results)
    assert [(cell["regimen"], cell["seed"]) for cell in cells] == [
        (regimen, seed)
        for seed in (1, 2)
        for regimen in ("original", "distilled", "simple-mix", "sigmoid")
    ]
    for cell in cells:
        shown = cast("dict[str, int]", cell["examples"])
        assert sum(shown.values()) == 6 * 4
        assert cast("Json", cell["test"])["gold"] == cast("Json", cells[0]["test"])["gold"]
    records = [workspace.folder(stage) / "record.json" for stage in stages_of(graph, workspace)]
    before = [record.stat().st_mtime_ns for record in records]
    assert run_study(_graph(study), workspace, Silent()) == results
    assert [record.stat().st_mtime_ns for record in records] == before


def test_two_seeds_say_how_sure_they_are(study: Path, tmp_path: Path) -> None:
    """Means are those of the cells; the best by validation meets each other regimen once."""
    results = run_study(_graph(study), Workspace(tmp_path / "work"), Silent())
    evidence = cast("Json", results["evidence"])
    assert (evidence["unit"], evidence["units"]) == ("documents", 4)
    means: dict[str, float] = {}
    for row in cast("list[Json]", evidence["regimens"]):
        f1 = [
            cast("dict[str, float]", cell["test"])["f1"]
            for cell in _cells(results)
            if cell["regimen"] == row["regimen"]
        ]
        interval = cast("dict[str, float]", row["f1"])
        assert interval["value"] == pytest.approx(fmean(f1), abs=1e-3)
        assert interval["low"] <= interval["value"] <= interval["high"]
        assert row["trainings"] == len(f1) == 2
        means[str(row["regimen"])] = fmean(f1)
    winner = str(cast("Json", results["winner"])["regimen"])
    comparisons = cast("list[Json]", evidence["comparisons"])
    assert {cast("Json", row["best"])["regimen"] for row in comparisons} == {winner}
    others = [str(cast("Json", row["other"])["regimen"]) for row in comparisons]
    assert sorted([*others, winner]) == sorted(means)
    for row, other in zip(comparisons, others, strict=True):
        difference = cast("dict[str, float]", row["difference"])["value"]
        assert difference == pytest.approx(means[winner] - means[other], abs=1e-3)
        assert cast("float", row["p"]) <= cast("float", row["p_holm"]) <= 1


def test_one_seed_says_nothing_of_others(study: Path, tmp_path: Path) -> None:
    """There is no spread to tell of."""
    results = run_study(_graph(study, "seeds=[1]"), Workspace(tmp_path / "work"), Silent())
    assert results["evidence"] is None


def test_a_single_test_sentence_proves_nothing(study: Path, tmp_path: Path) -> None:
    """There is nothing to resample, and the study still ends with its tables."""
    test = study.with_name("test.jsonl")
    test.write_text(test.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    settings = 'regimens=["original"]'
    results = run_study(_graph(study, settings), Workspace(tmp_path / "work"), Silent())
    assert len(_cells(results)) == 2
    assert results["evidence"] is None


def test_what_two_phases_share_is_trained_once(study: Path) -> None:
    """Simple Mix stands in phases 2 and 3, with one training a seed."""
    graph = _graph(study)
    shared = [cell for cell in graph.cells if cell.regimen.name == "simple-mix"]
    assert [cell.phases for cell in shared] == [(2, 3), (2, 3)]
    trainings = [
        stage for stage in stages_of(graph, Workspace(study.parent)) if stage.kind == "train"
    ]
    assert len(trainings) == len(graph.cells) == 8


def test_teacher_does_not_touch_original_only(study: Path) -> None:
    """Another teacher leaves an original-only training as it was, where nothing is observed."""
    unseen = "training.observations=0"
    first, second = _graph(study, unseen), _graph(study, unseen, "teacher.error_scale=2.0")
    keys = [
        {cell.regimen.name: cell.train.key for cell in graph.cells} for graph in (first, second)
    ]
    assert keys[0]["original"] == keys[1]["original"]
    assert keys[0]["sigmoid"] != keys[1]["sigmoid"]


def test_simulated_labels_are_called_so(study: Path, tmp_path: Path) -> None:
    """Nobody can take a simulated teacher for a real one."""
    results = run_study(_graph(study, "seeds=[1]"), Workspace(tmp_path / "work"), Silent())
    assert results["simulated"] is True
    assert cast("list[Json]", results["teacher"])[0]["simulated"] is True


def test_winner_is_chosen_on_validation(study: Path, tmp_path: Path) -> None:
    """The winner has the best mean validation F1, whatever test says."""
    results = run_study(_graph(study), Workspace(tmp_path / "work"), Silent())
    means: dict[str, float] = {}
    for cell in _cells(results):
        f1 = cast("float", cast("Json", cell["validation"])["f1"])
        means[str(cell["regimen"])] = means.get(str(cell["regimen"]), 0.0) + f1 / 2
    winner = cast("Json", results["winner"])
    assert winner["validation_f1"] == pytest.approx(max(means.values()), abs=1e-3)
    assert means[str(winner["regimen"])] == max(means.values())


def test_capped_validation_comes_out_of_the_budget(study: Path, tmp_path: Path) -> None:
    """Training and validation labels together are the budget, and share no document."""
    graph = _graph(study, 'validation.labels="capped"', "original.budgets=[18]", "seeds=[1]")
    workspace = Workspace(tmp_path / "work")
    results = run_study(graph, workspace, Silent())
    labels = cast("dict[str, int]", cast("list[Json]", results["original"])[0]["human_labels"])
    assert labels["train"] + labels["validation"] == 18
    assert 0 < labels["validation"] <= 18 // 5
    folder = workspace.folder(graph.cells[0].sample)
    parts = [
        {json.loads(line)["id"].split("#")[0] for line in (folder / name).read_text().splitlines()}
        for name in ("corpus.jsonl", "validation.jsonl")
    ]
    assert not parts[0] & parts[1]


def test_original_sample_is_apart_from_the_teacher(study: Path, tmp_path: Path) -> None:
    """Documents that the teacher labelled are never drawn as original."""
    both = (study.parent / "human.jsonl").read_text() + (study.parent / "web.jsonl").read_text()
    (study.parent / "human.jsonl").write_text(both)
    graph, workspace = (
        _graph(study, "seeds=[1]", "original.budgets=[30]"),
        Workspace(tmp_path / "w"),
    )
    results = run_study(graph, workspace, Silent())
    text = (workspace.folder(graph.cells[0].sample) / "corpus.jsonl").read_text()
    assert '"web/' not in text
    assert cast("list[Json]", results["original"])[0]["shared_with_teacher"] == 36


def test_too_few_original_sentences_stops_with_the_count(study: Path, tmp_path: Path) -> None:
    """Where fewer sentences remain than asked for, the run says how many there are."""
    with pytest.raises(ConfigError, match="30"):
        run_study(_graph(study, "original.budgets=[31]"), Workspace(tmp_path / "work"), Silent())


def test_type_outside_the_schema_is_named(study: Path, tmp_path: Path) -> None:
    """A label that the schema lacks stops the study with file, sentence and type."""
    file = study.parent / "human.jsonl"
    file.write_text(file.read_text().replace('"PER"', '"VIP"'))
    with pytest.raises(ConfigError, match=r"human\.jsonl: sentence human/\S+: type 'VIP'"):
        run_study(_graph(study), Workspace(tmp_path / "work"), Silent())


def test_killed_anywhere_it_ends_with_the_same_results(study: Path, tmp_path: Path) -> None:
    """Killed with -9 after any number of stages: the next run finishes, with equal results."""
    settings = ("seeds=[1]",)
    whole = run_study(_graph(study, *settings), Workspace(tmp_path / "whole"), Silent())
    place = tmp_path / "killed"
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from nerdistill.progress import Silent\n"
        "from nerdistill.study import workspace\n"
        "from nerdistill.study.lease import Pace\n"
        "from nerdistill.study.runner import run_study\n"
        "from tests.study.test_study_run import _graph\n"
        "study, place, stop = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])\n"
        "write, count = workspace.write_whole, [0]\n"
        "def dying(path, text):\n"
        "    count[0] += 1\n"
        "    if count[0] == stop: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    write(path, text)\n"
        "workspace.write_whole = dying\n"
        "pace = Pace(beat=0.1, lives=0.5, look=0.1)\n"
        "run_study(_graph(study, 'seeds=[1]'), workspace.Workspace(place, pace), Silent())\n"
    )
    ends = []
    for stop in (3, 5, 2, 99):
        done = subprocess.run(
            [sys.executable, "-c", code, str(study), str(place), str(stop)],
            cwd=Path(__file__).parents[2],
            check=False,
        )
        ends.append(done.returncode)
    assert ends == [-signal.SIGKILL] * 3 + [0]
    resumed = collect(_graph(study, *settings), Workspace(place))
    assert _without_seconds(resumed) == _without_seconds(whole)

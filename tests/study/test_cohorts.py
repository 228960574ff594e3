"""A study whose students are trained side by side."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import torch

from nerdistill.cli.main import _run
from nerdistill.progress import PlainLines, Silent
from nerdistill.study.cohorts import Cohorts
from nerdistill.study.lease import Pace
from nerdistill.study.runner import run_study
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from nerdistill.train.memory import student_bytes, students_that_fit
from tests.student_factory import one_thread
from tests.study.test_study_run import Json, _cells, _graph, study

if TYPE_CHECKING:
    from nerdistill.study.stage import Stage

__all__ = ["one_thread", "study"]


def _trainings(study: Path, *settings: str) -> list[Stage]:
    stages = stages_of(_graph(study, *settings), Workspace(study.parent))
    return [stage for stage in stages if stage.kind == "train"]


def test_students_learn_side_by_side_what_they_learn_alone(study: Path, tmp_path: Path) -> None:
    """Cohorts of three change neither scores nor losses, and are told in the record."""
    alone, together = (Workspace(tmp_path / name) for name in ("alone", "together"))
    results = [
        run_study(_graph(study), workspace, Silent(), cohort=cohort)
        for workspace, cohort in ((alone, 1), (together, 3))
    ]
    scores = [[cell["test"] for cell in _cells(one)] for one in results]
    assert scores[0] == scores[1]
    for stage in _trainings(study):
        one, other = alone.result(stage), together.result(stage)
        assert one["students"] == 1
        assert cast("list[float]", one["losses"]) == pytest.approx(
            cast("list[float]", other["losses"]), abs=1e-4
        )
        assert one["examples"] == other["examples"]
    sizes = [cast("int", together.result(stage)["students"]) for stage in _trainings(study)]
    assert sorted(sizes) == [2, 2, 3, 3, 3, 3, 3, 3]
    assert not list(together.root.glob("checkpoints/*"))
    assert not list(together.root.glob("stages/.*"))


def test_a_stage_that_another_runner_holds_is_not_in_the_cohort(
    study: Path, tmp_path: Path
) -> None:
    """The others are trained; the one that is held comes later."""
    pace = Pace(beat=0.1, lives=0.3, look=0.05)
    workspace = Workspace(tmp_path / "work", pace)
    held, *_ = _trainings(study, "seeds=[1]")
    other = Workspace(tmp_path / "work", pace)
    lease = other.leases.take(held.folder_name)
    assert lease is not None
    lease._ended.set()  # its holder stands still
    run_study(_graph(study, "seeds=[1]"), workspace, Silent(), cohort=4)
    sizes = [workspace.result(one)["students"] for one in _trainings(study, "seeds=[1]")]
    assert sizes == [1, 3, 3, 3]


DYING = """
import os, signal, sys
from pathlib import Path
import torch
from nerdistill.progress import PlainLines, Silent
from nerdistill.study.lease import Pace
from nerdistill.study.runner import run_study
from nerdistill.study.workspace import Workspace
from nerdistill.train import resume
from nerdistill.train.checkpoint import Checkpoints
from tests.study.test_study_run import _graph
torch.set_num_threads(1)
resume.SECONDS = resume.BYTES_PER_SECOND = 0.0
resume.Saving.begin = lambda *_: None
resume.SHARE = 1e9
save, left = Checkpoints.save, [7]
def dying(place, snapshot):
    save(place, snapshot)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
Checkpoints.save = dying
workspace = Workspace(Path(sys.argv[2]), Pace(beat=0.1, lives=0.3, look=0.05))
run_study(_graph(Path(sys.argv[1]), "seeds=[1]"), workspace, Silent(), cohort=4)
"""


def test_the_next_runner_goes_on_in_mid_training(study: Path, tmp_path: Path) -> None:
    """A cohort that is killed between two students' checkpoints ends with the same weights."""
    place = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(study), str(place)],
        cwd=Path(__file__).parents[2],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    shutil.rmtree(place / "leases")  # as if long after: whoever is late makes a smaller cohort
    stream = io.StringIO()
    for name, progress in (("killed", PlainLines(stream)), ("whole", Silent())):
        workspace = Workspace(tmp_path / name, Pace(beat=0.1, lives=0.3, look=0.05))
        run_study(_graph(study, "seeds=[1]"), workspace, progress, cohort=4)
    assert "goes on after step 1\n" in stream.getvalue()
    assert not list(place.glob("checkpoints/*"))
    for stage in _trainings(study, "seeds=[1]"):
        one, other = (
            (tmp_path / name / "stages" / stage.folder_name / "model" / "model.safetensors")
            for name in ("killed", "whole")
        )
        assert one.read_bytes() == other.read_bytes()


def test_only_trainings_of_one_size_and_step_go_together(study: Path, tmp_path: Path) -> None:
    """Another number of steps, or a checkpoint where the others have none, keeps apart."""
    workspace = Workspace(tmp_path / "work")
    first, second, third, *_ = _trainings(study)
    (longer, *_) = _trainings(study, "training.steps=7")
    assert len({one.key for one in (first, second, third, longer)}) == 4
    ready = [first, longer, second, third]
    assert Cohorts(workspace, 9).around(first, ready) == [first, second, third]
    assert Cohorts(workspace, 2).around(first, ready) == [first, second]
    assert Cohorts(workspace, 1).around(first, ready) == [first]
    place = workspace.checkpoints(second).folder
    place.mkdir(parents=True)
    (place / f"{4:09d}-{'0' * 64}.safetensors").touch()
    assert Cohorts(workspace, 9).around(first, ready) == [first, third]
    assert Cohorts(workspace, 9).around(second, ready) == [second]


def test_other_architectures_are_trained_one_by_one(study: Path, tmp_path: Path) -> None:
    """Only a plain BERT's layers are written out for several students."""
    ready = _trainings(study)
    cohorts = Cohorts(Workspace(tmp_path / "work"), 9)
    assert len(cohorts.around(ready[0], ready)) > 1
    file = study.parent / "student" / "config.json"
    config = json.loads(file.read_text())
    for change in ({"model_type": "electra"}, {"is_decoder": True}, {"hidden_size": 40}):
        file.write_text(json.dumps(config | change))
        assert cohorts.around(ready[0], ready) == [ready[0]]


def test_without_a_gpu_students_are_trained_one_by_one(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU cohorts gain nothing; on a GPU their number is what its free memory holds."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = json.loads((study.parent / "student" / "config.json").read_text())
    assert not Cohorts(Workspace(tmp_path), None).several
    assert students_that_fit(config, [], batch_size=4) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    each = student_bytes(config, pieces=0, longest=1)
    free = [1, 4 * each, 1000 * each]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free.pop(0), 0))
    assert [students_that_fit(config, [], batch_size=4) for _ in range(3)] == [1, 3, 16]


def test_a_students_memory_is_told_from_its_shape() -> None:
    """For bert-base: 26 bytes for each of 109 million weights, and its activations."""
    base: Json = {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "intermediate_size": 3072,
        "num_attention_heads": 12,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
    }
    assert student_bytes(base, pieces=0, longest=1) == pytest.approx(26 * 108.9e6, rel=0.01)
    step = student_bytes(base, pieces=1000, longest=60) - student_bytes(base, pieces=0, longest=1)
    assert 0.4e9 < step < 1.2e9


@pytest.mark.parametrize("value", ["0", "-1", "some"])
def test_a_cohort_is_a_number(study: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is refused in one line."""
    assert _run(["study", "run", str(study), "--cohort", value]) == 2
    assert "neither auto nor a number above 0" in capsys.readouterr().err

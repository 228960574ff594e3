"""Where a study stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.progress import Silent
from nerdistill.study.runner import run_stages, run_study
from nerdistill.study.stages import stages_of
from nerdistill.study.standing import standing
from nerdistill.study.workspace import Workspace
from tests.study.test_study_run import _graph, study

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["study"]

ONE = ("seeds=[1]", 'regimens=["original"]', "training.steps=1")
TWO = ("seeds=[1, 2]", *ONE[1:])


def test_nothing_is_known_before_the_start(study: Path, tmp_path: Path) -> None:
    """All is left, and no time is made up."""
    found = standing(_graph(study, *TWO), Workspace(tmp_path / "work"))
    assert found.seconds_left is None
    assert not any(stage.finished for stage in found.stages)
    assert [cell.left for cell in found.cells] == [("train", "validation", "test")] * 2
    assert not (tmp_path / "work").exists()


def test_what_is_left_takes_as_long_as_its_like_took(study: Path, tmp_path: Path) -> None:
    """One of two trainings is finished: the other takes about as long."""
    workspace = Workspace(tmp_path / "work")
    run_study(_graph(study, *ONE), workspace, Silent())
    found = standing(_graph(study, *TWO), workspace)
    kinds = {kind.kind: kind for kind in found.kinds}
    assert (kinds["train"].stages, kinds["train"].finished) == (2, 1)
    assert kinds["train"].seconds_left == pytest.approx(kinds["train"].seconds, abs=0.11)
    assert kinds["corpus"].seconds_left == 0
    assert found.seconds_left == pytest.approx(
        kinds["train"].seconds + kinds["evaluate"].seconds, abs=0.3
    )
    assert [cell.left for cell in found.cells] == [(), ("train", "validation", "test")]


def test_who_is_at_a_stage_is_told(study: Path, tmp_path: Path) -> None:
    """The holder of a training's lease stands at its cell, and nowhere once it is finished."""
    graph, workspace = _graph(study, *ONE), Workspace(tmp_path / "work")
    stages = stages_of(graph, workspace)
    at = next(place for place, stage in enumerate(stages) if stage.kind == "train")
    run_stages("start", stages[:at], workspace, Silent())
    with workspace._leased(stages[at]):
        found = standing(graph, workspace)
    assert "process" in str(found.cells[0].holder)
    assert [stage.kind for stage in found.stages if stage.holder] == ["train"]
    run_study(graph, workspace, Silent())
    assert standing(graph, workspace).cells[0].holder is None

"""What trainings recorded, by regimen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.progress import Silent
from nerdistill.study.mechanism import _row, mechanism
from nerdistill.study.runner import run_study
from nerdistill.study.workspace import Workspace
from tests.student_factory import one_thread
from tests.study.test_study_run import Json, _graph, _write_corpus, study

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["one_thread", "study"]


def seen(step: int, loss: float, *, cosine: float | None, said: list[int]) -> Json:
    """An observation in which the teacher errs at ten places, four of them missed entities."""
    return {
        "step": step,
        "loss_original": loss,
        "loss_distilled": None,
        "cosine": cosine,
        "memory": {"missed": said, "type": [0, 6, 0]},
    }


def test_a_row_holds_means_over_trainings() -> None:
    """By step; None where nothing was measured; shares of each kind of error and of all."""
    trainings = [
        [seen(0, 2.0, cosine=0.5, said=[4, 0, 0]), seen(5, 1.0, cosine=None, said=[1, 2, 1])],
        [seen(0, 3.0, cosine=0.25, said=[2, 0, 2]), seen(5, 0.5, cosine=0.1, said=[1, 3, 0])],
    ]
    assert _row(("mixed", "web", 12), trainings) == {
        "regimen": "mixed",
        "distilled": "web",
        "budget": 12,
        "trainings": 2,
        "steps": [0, 5],
        "loss_original": [2.5, 0.75],
        "loss_distilled": [None, None],
        "cosine": [0.375, 0.1],
        "memory": {
            "missed": {
                "places": 4,
                "repeats": [0.75, 0.25],
                "gold": [0.0, 0.625],
                "other": [0.25, 0.125],
            },
            "type": {
                "places": 6,
                "repeats": [0.0, 0.0],
                "gold": [1.0, 1.0],
                "other": [0.0, 0.0],
            },
            "all": {
                "places": 10,
                "repeats": [0.3, 0.1],
                "gold": [0.6, 0.85],
                "other": [0.1, 0.05],
            },
        },
    }


def test_a_study_tells_what_its_students_memorised(study: Path, tmp_path: Path) -> None:
    """A row a regimen, with a number a step; more looks are not more steps of training."""
    _write_corpus(study.parent / "web.jsonl", 40, 2)
    settings = 'teacher.ceiling=["web"]', "training.observations=3"
    graph, workspace = _graph(study, *settings), Workspace(tmp_path / "work")
    results = run_study(graph, workspace, Silent())
    rows = cast("list[Json]", cast("Json", results["mechanism"])["rows"])
    assert [(row["regimen"], row["distilled"]) for row in rows] == [
        ("original", None),
        ("distilled", "web"),
        ("simple-mix", "web"),
        ("sigmoid", "web"),
    ]
    for row in rows:
        assert (row["budget"], row["trainings"], row["steps"]) == (12, 2, [0, 2, 4, 6])
        for name in ("loss_original", "loss_distilled", "cosine"):
            assert all(isinstance(number, float) for number in cast("list[object]", row[name]))
        memory = cast("dict[str, dict[str, list[float]]]", row["memory"])
        assert memory.keys() > {"all", "missed"}
        for said in memory.values():
            shares = zip(said["repeats"], said["gold"], said["other"], strict=True)
            assert [sum(one) for one in shares] == pytest.approx([1.0] * 4, abs=1e-5)
    assert mechanism({}, workspace) is None


def test_where_nothing_was_observed_nothing_is_told(study: Path, tmp_path: Path) -> None:
    """The results say so by None."""
    settings = "training.observations=0", "seeds=[1]", 'regimens=["original"]'
    results = run_study(_graph(study, *settings), Workspace(tmp_path / "work"), Silent())
    assert results["mechanism"] is None

"""The commands of `nerdistill study`, as a user calls them."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.cli.main import _run
from nerdistill.cli.study_status import SHOWN
from tests.study.test_study_run import study

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["study"]


@pytest.fixture
def where(study: Path, tmp_path: Path) -> list[str]:
    """The study, small, and its workspace."""
    settings = (
        f"data.root={study.parent}",
        f"student.path={study.parent / 'student'}",
        "training.steps=1",
        'regimens=["original"]',
    )
    words = [word for setting in settings for word in ("--set", setting)]
    return [str(study), "--workspace", str(tmp_path / "work"), *words]


def call(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Standard output of a command that succeeds."""
    assert _run([str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_a_run_leaves_all_that_is_shown(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cells, winner and command; a report afterwards finds nothing to change."""
    told = call(capsys, "study", "run", *where, "--progress", "none")
    work = tmp_path / "work"
    assert f"Winner: {work / 'winner'}" in told
    assert "<!DOCTYPE html>" in (work / "report.html").read_text()
    assert len(list(csv.DictReader((work / "cells.csv").read_text().splitlines()))) == 2
    run = json.loads((work / "results.json").read_text())["run"]
    assert run["command"].startswith("nerdistill study run study.toml --set data.root=")
    assert str(tmp_path) not in run["command"]
    names = ("results.json", "cells.csv", "report.md", "report.html", "winner")
    before = [(work / name).stat().st_mtime_ns for name in names]
    assert call(capsys, "study", "report", *where) == told
    assert [(work / name).stat().st_mtime_ns for name in names] == before
    out = tmp_path / "found.jsonl"
    words = ("--out", out, "--progress", "none")
    call(capsys, "predict", work / "winner", tmp_path / "test.jsonl", *words)
    assert out.is_file()


def test_status_fits_a_screen(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is left is cut off after some lines; JSON lists all."""
    seeds = ("--set", f"seeds={list(range(40))}")
    lines = call(capsys, "study", "status", *where, *seeds).splitlines()
    assert lines[0].startswith("tiny: 0 of ")
    assert "  cells        0 of 40" in lines
    assert sum(line.startswith("  left: ") for line in lines) == SHOWN
    assert lines[-1].endswith("more (--json lists all)")
    assert not any("about" in line for line in lines)
    found = json.loads(call(capsys, "study", "status", *where, *seeds, "--json"))
    assert len(found["cells"]) == 40
    assert found["seconds_left"] is None
    assert not any(stage["finished"] for stage in found["stages"])


def test_status_tells_about_how_long_the_rest_takes(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A study that goes on with more seeds has trainings to judge by; a finished one has none."""
    call(capsys, "study", "run", *where, "--progress", "none")
    lines = call(capsys, "study", "status", *where).splitlines()
    assert not any("left" in line for line in lines)
    told = call(capsys, "study", "status", *where, "--set", "seeds=[1, 2, 3]")
    assert "  left: about " in told
    assert "  left: original, 12 original, seed 3\n" in told


def test_two_workspaces_are_compared(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables, or the same as JSON; a folder without results is told with the remedy."""
    call(capsys, "study", "run", *where, "--progress", "none")
    work = tmp_path / "work"
    told = call(capsys, "study", "compare", work, work)
    assert "the same trainings in both" in told
    found = json.loads(call(capsys, "study", "compare", work, work, "--json"))
    assert found["winners_agree"] is True
    assert [pair["untested"] for pair in found["pairs"]] == ["the same trainings in both"]
    assert _run(["study", "compare", str(work), str(tmp_path)]) == 2
    assert "Run `nerdistill study report STUDY --workspace" in capsys.readouterr().err

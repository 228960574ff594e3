"""Several runners of one study in one workspace, of which some die or fall asleep."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.progress import Silent
from nerdistill.study.results import collect
from nerdistill.study.runner import run_study
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.study.test_study_run import _graph, _without_seconds, study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

__all__ = ["study"]

SETTINGS = ("seeds=[1]", 'regimens=["original", "distilled"]')
ROOT = Path(__file__).parents[2]
FOREVER, SOON = 300.0, 1.0
"""Seconds that a lease lives: longer than any test, or as short as a test can wait."""


@dataclass
class Runner:
    """A runner that was started; see `tests.study.runner_process`."""

    process: subprocess.Popen[str]
    built: list[str] = field(default_factory=list)
    last: str = ""

    def until_training(self) -> str:
        """Wait until it trains; the stage that it is at."""
        self._read("training")
        return self.built[-1]

    def go_on(self) -> None:
        """Let it train."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Wait until it has ended; its exit code and what it said."""
        self._read(None)
        assert self.process.stderr
        said = self.process.stderr.read()
        return self.process.wait(), said

    def _read(self, end: str | None) -> None:
        stream: IO[str] | None = self.process.stdout
        assert stream
        for line in stream:
            kind, _, name = line.rstrip("\n").partition(" ")
            if kind == end:
                return
            if kind == "build":
                self.built.append(name)
            else:
                self.last = line
        assert end is None, f"ended before {end}"


@contextmanager
def started(study: Path, place: Path, lives: float) -> Iterator[Runner]:
    """A runner for as long as the block runs."""
    words = [str(study), str(place), str(lives), *SETTINGS]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.study.runner_process", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Runner(process)
        finally:
            process.kill()


def names(study: Path) -> list[str]:
    """The folders of all stages."""
    return [
        stage.folder_name for stage in stages_of(_graph(study, *SETTINGS), Workspace(study.parent))
    ]


def check(study: Path, place: Path, alone: Path) -> None:
    """A workspace holds what a single runner makes, byte for byte, and nothing else."""
    whole = run_study(_graph(study, *SETTINGS), Workspace(alone), Silent())
    together = collect(_graph(study, *SETTINGS), Workspace(place))
    assert _without_seconds(together) == _without_seconds(whole)
    assert sorted(path.name for path in (place / "stages").iterdir()) == sorted(names(study))
    assert [path.name for path in (place / "leases").iterdir()] == ["replies"]
    for path in (alone / "stages").rglob("*"):
        if path.is_file() and path.name != "record.json":
            same = place / path.relative_to(alone)
            assert same.read_bytes() == path.read_bytes(), path


def test_two_runners_share_the_work(study: Path, tmp_path: Path) -> None:
    """Each trains at the same time as the other, and no stage is built twice."""
    place = tmp_path / "work"
    with started(study, place, FOREVER) as one, started(study, place, FOREVER) as other:
        assert one.until_training() != other.until_training()
        for runner in (one, other):
            runner.go_on()
        ends = [one.end(), other.end()]
    assert [code for code, _ in ends] == [0, 0]
    assert Counter(one.built + other.built) == Counter(names(study))
    assert _without_seconds(json.loads(one.last)) == _without_seconds(json.loads(other.last))
    check(study, place, tmp_path / "alone")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_other_takes_over(study: Path, tmp_path: Path, number: signal.Signals) -> None:
    """A runner that is killed or suspended loses its stage; one that wakes up ends well."""
    place = tmp_path / "work"
    with started(study, place, SOON) as first, started(study, place, SOON) as second:
        taken = first.until_training()
        first.process.send_signal(number)
        second.until_training()
        second.go_on()
        code, said = second.end()
        assert code == 0, said
        assert taken in second.built
        assert f"(process {first.process.pid}) is at it" in said
        if number == signal.SIGSTOP:
            first.process.send_signal(signal.SIGCONT)
            first.go_on()
            code, said = first.end()
            assert code == 0, said
            assert "another runner took over" in said
            assert first.built[-1] == taken
    check(study, place, tmp_path / "alone")

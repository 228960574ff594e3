"""A training that is killed goes on, and ends with the bytes it would have ended with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from nerdistill.digest import digest_of
from nerdistill.train.checkpoint import Checkpoints
from nerdistill.train.fit import fit
from tests.student_factory import save_tiny_student
from tests.train.killed import Ending, jobs
from tests.train.runs import WORDS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder that knows the words."""
    return save_tiny_student(tmp_path / "student", WORDS)


def nothing() -> None:
    """Let a training go on."""


def finish(student: Path, place: Path, count: int, *, every: int = 2) -> Ending:
    """Train to the end, from wherever a training was left; what was said."""
    ending = Ending(-1, nothing)
    records = fit(jobs(student, place, count), progress=ending, title="t", every=every)
    assert [len(record.losses) for record in records] == [9] * count
    return ending


def killed(student: Path, place: Path, count: int, *stop: str) -> None:
    """Train in a process that is killed."""
    words = [str(student), str(place), str(count), *stop]
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.killed", *words],
        cwd=ROOT,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def left(student: Path, place: Path, count: int = 1) -> list[Path]:
    """Train until just after the sixth step, of which checkpoints are left; the last first."""

    def stop() -> None:
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        fit(jobs(student, place, count), progress=Ending(7, stop), title="t", every=2)
    return sorted((place / "checkpoints-1").iterdir(), reverse=True)


def assert_same(student: Path, place: Path, count: int) -> None:
    """The models in `place` are those of a training that nobody disturbed."""
    whole = place.with_name("whole")
    finish(student, whole, count, every=100)
    for seed in range(1, count + 1):
        weights = [one / f"out-{seed}" / "model.safetensors" for one in (place, whole)]
        assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize(
    ("count", "stop", "step"),
    [
        (1, ["1"], 0),
        (1, ["4"], 2),
        (2, ["5"], 4),
        (2, ["save", "3"], 2),  # the second student's file of step 4 is half there
    ],
)
def test_killed_anywhere_a_training_ends_with_the_same_bytes(
    student: Path, tmp_path: Path, count: int, stop: list[str], step: int
) -> None:
    """In mid-epoch, alone or beside another, and in the middle of a checkpoint."""
    killed(student, tmp_path / "place", count, *stop)
    ending = finish(student, tmp_path / "place", count)
    assert ending.said == ([f"goes on after step {step}"] if step else [])
    assert_same(student, tmp_path / "place", count)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    student: Path, tmp_path: Path, damage: str
) -> None:
    """It is told, and the result is the same."""
    last, before = left(student, tmp_path / "place")
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 1
    cut = {"flipped": len(data), "truncated": len(data) // 2, "empty": 0}[damage]
    last.write_bytes(bytes(data[:cut]))
    ending = finish(student, tmp_path / "place", 1, every=100)
    assert f"{last} is damaged" in ending.said[0]
    assert ending.said[1] == "goes on after step 4"
    assert before.name.startswith("000000004-")
    assert_same(student, tmp_path / "place", 1)


@pytest.mark.parametrize("step", [6, 4])
def test_what_was_seen_is_kept(student: Path, tmp_path: Path, step: int) -> None:
    """A training that goes on has seen what an undisturbed one sees, no step twice or never."""
    for file in left(student, tmp_path / "place", 2)[: (6 - step) // 2]:
        file.unlink()
    observed = []
    for place in ("place", "whole"):
        ending = Ending(-1, nothing)
        own = jobs(student, tmp_path / place, 2)
        records = fit(own, progress=ending, title="t", every=100)
        assert ending.said == ([f"goes on after step {step}"] if place == "place" else [])
        observed.append([record.observations for record in records])
    assert observed[0] == observed[1]
    assert [[one.step for one in own] for own in observed[0]] == [[0, 2, 4, 7, 9]] * 2


def test_where_all_are_damaged_training_starts_anew(student: Path, tmp_path: Path) -> None:
    """Nothing of them is used."""
    for file in left(student, tmp_path / "place"):
        file.write_bytes(file.read_bytes()[:-1])
    ending = finish(student, tmp_path / "place", 1)
    assert ending.said[-1] == "no checkpoint can be used: training starts anew"
    assert_same(student, tmp_path / "place", 1)


def test_another_trainings_checkpoint_is_not_used(student: Path, tmp_path: Path) -> None:
    """A checkpoint tells what training it is of."""
    left(student, tmp_path)
    said: list[str] = []
    other = Checkpoints(tmp_path / "checkpoints-1", digest_of("other"))
    assert other.steps() == [6, 4]
    assert other.load(6, said.append) is None
    assert "belongs to another training" in said[0]


def test_one_goes_on_without_the_other(student: Path, tmp_path: Path) -> None:
    """A student of a cohort may go on alone; what has changed is told."""
    left(student, tmp_path / "place", 2)
    ending = finish(student, tmp_path / "place", 1)
    assert ending.said == ["goes on after step 6 (students 2 then, 1 now: last digits may differ)"]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_who_asks_a_training_to_end_gets_a_checkpoint(
    student: Path, tmp_path: Path, number: signal.Signals, error: type[BaseException]
) -> None:
    """The step is finished and saved, then the signal does what it did before."""

    def leave(*_: object) -> None:
        raise SystemExit

    before = signal.signal(signal.SIGTERM, leave)
    try:
        ending = Ending(5, partial(os.kill, os.getpid(), number))
        with pytest.raises(error):
            fit(jobs(student, tmp_path / "place", 1), progress=ending, title="t", every=100)
        assert signal.getsignal(signal.SIGTERM) is leave
    finally:
        signal.signal(signal.SIGTERM, before)
    assert jobs(student, tmp_path / "place", 1)[0].checkpoints.steps() == [5]  # type: ignore[union-attr]
    assert finish(student, tmp_path / "place", 1).said == ["goes on after step 5"]
    assert_same(student, tmp_path / "place", 1)

"""`kill -9` at any step of installing: a second run completes, and all is as if undisturbed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.bundle.installing import HERE, INSTALL, make_files, starts, tree, works
from tests.bundle.making import make_bundle

if TYPE_CHECKING:
    from tests.bundle.installing import Files, Tree
    from tests.bundle.making import Made

DRIVER = Path(__file__).with_name("killed.py")


class Runs:
    """Runs of the real bootstrap.py, each killed at a step."""

    def __init__(self, place: Path, files: Files, machine: dict[str, Any]) -> None:
        self.place = place
        self.made = make_bundle(place, files, target=HERE)
        (place / "facts.json").write_text(json.dumps(machine))

    def run(
        self, root: Path, step: int = 0, made: Made | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Install a bundle, and die at a step; 0: run through."""
        one = made or self.made
        own = (one.folder / "bootstrap.py", self.place / "facts.json", step, self.place / "log")
        words = ("--into", root, "--python", sys.executable, "--jobs", 1, "--key", one.key.file)
        command = (sys.executable, "-I", DRIVER, *own, "install", one.folder, *words)
        return subprocess.run(
            [str(word) for word in command], check=False, capture_output=True, text=True
        )

    @property
    def log(self) -> list[str]:
        """What the last whole run did."""
        return (self.place / "log").read_text().splitlines()


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, files: Files, this_machine: dict[str, Any]
) -> Runs:
    """Runs with one bundle."""
    return Runs(tmp_path_factory.mktemp("runs"), files, this_machine)


@pytest.fixture(scope="module")
def undisturbed(runs: Runs) -> tuple[list[str], Tree]:
    """The steps of an undisturbed run, and what there is after it."""
    root = runs.place / "undisturbed"
    done = runs.run(root)
    assert done.returncode == 0, done.stderr
    assert works(root)
    return runs.log, tree(root)


def check(runs: Runs, step: int, wanted: Tree) -> None:
    """Kill at a step, look at what there is, run again."""
    root = runs.place / f"root-{step}"
    assert runs.run(root, step).returncode == -signal.SIGKILL
    # Never is a version marked that is not whole, nor current before it is marked.
    for marked in root.glob("versions/*/installed.json"):
        name = marked.parent.relative_to(root).as_posix()
        found = tree(root)
        assert json.loads(marked.read_bytes())["name"] == "demo"
        assert {path for path in wanted if path.startswith(name)} <= {*found}
        assert starts(marked.parent)
    assert works(root) or not os.path.lexists(root / "current")
    done = runs.run(root)
    assert done.returncode == 0, done.stderr
    assert tree(root) == wanted
    assert works(root)


def last_ones(steps: list[str]) -> list[int]:
    """The last step of each kind, and those of each program that is started."""
    last = {one.split()[0]: number for number, one in enumerate(steps, 1)}
    programs = [number for number, one in enumerate(steps, 1) if "subprocess" in one]
    return sorted({*last.values(), *programs})


def test_killed_at_the_last_step_of_each_kind(
    runs: Runs, undisturbed: tuple[list[str], Tree]
) -> None:
    """Folders, parts, names, programs, bits, the mark, the link."""
    steps, wanted = undisturbed
    chosen = last_ones(steps)
    assert len(chosen) > 10
    for step in chosen:
        check(runs, step, wanted)


@pytest.mark.slow
def test_killed_at_every_step(runs: Runs, undisturbed: tuple[list[str], Tree]) -> None:
    """Each of them."""
    steps, wanted = undisturbed
    for step in sorted({*range(1, len(steps) + 1)} - {*last_ones(steps)}):
        check(runs, step, wanted)


def test_killed_again_and_again(runs: Runs, undisturbed: tuple[list[str], Tree]) -> None:
    """One kill after another in one folder: each run goes on with what the others left."""
    steps, wanted = undisturbed
    root = runs.place / "again"
    for step in range(5, len(steps), len(steps) // 8):
        assert runs.run(root, step).returncode in (0, -signal.SIGKILL)
    assert runs.run(root).returncode == 0
    assert tree(root) == wanted
    assert works(root)


def test_what_is_installed_outlives_a_kill(
    runs: Runs, files: Files, undisturbed: tuple[list[str], Tree]
) -> None:
    """While a later version is killed at its start, in its midst and at its end, one works."""
    root = runs.place / "outlives"
    assert runs.run(root).returncode == 0
    first = (root / "current").readlink()
    study = {"offline_assets/studies/demo.toml": b"later"}
    later = make_bundle(runs.place, {**files, **study}, name="later", version=2, target=HERE)
    count = len(undisturbed[0])
    for step in (2, count // 2, count - 4):
        assert runs.run(root, step, later).returncode == -signal.SIGKILL
        assert works(root)
        assert (root / "current").readlink() == first
    assert runs.run(root, 0, later).returncode == 0
    assert (root / "current").readlink() != first
    assert works(root)


KILLER = f"""\
import os, pathlib, signal
orphan = pathlib.Path(os.environ["TMPDIR"]).parents[2] / "orphan"
if not orphan.exists():
    orphan.write_text(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
{INSTALL}"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system has no pidfd_open")
def test_no_program_outlives_the_installer(tmp_path: Path, this_machine: dict[str, Any]) -> None:
    """A pip without its installer would write on while the next run makes the same folder."""
    runs = Runs(tmp_path, make_files(tmp_path, KILLER), this_machine)
    root = tmp_path / "root"
    assert runs.run(root).returncode == -signal.SIGKILL
    try:
        watched = os.pidfd_open(int((root / "orphan").read_text()))
    except ProcessLookupError:
        watched = None
    if watched is not None:
        ended, _, _ = select.select([watched], [], [], 60)
        os.close(watched)
        assert ended
    assert runs.run(root).returncode == 0
    assert works(root)

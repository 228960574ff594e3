"""A disk that is full, at any step: the place and the remedy are told, and nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.bundle.installing import HERE
from tests.bundle.making import make_bundle

if TYPE_CHECKING:
    from tests.bundle.installing import Files

DRIVER = Path(__file__).with_name("filled.py")


def in_namespace(*words: object) -> subprocess.CompletedProcess[str]:
    """A command that may mount, or skip."""
    program = shutil.which("unshare")
    if program is None:
        pytest.skip("there is no unshare here")
    alone = [program, "-m"] if os.geteuid() == 0 else [program, "-rm"]
    trial = [*alone, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if subprocess.run(trial, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    command = [*alone, *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_disk_that_fills(files: Files, tmp_path: Path, this_machine: dict[str, Any]) -> None:
    """By bytes and by files, on an empty disk and beside an installed version.

    Each run stops a little later than the one before: at the first folder, while files are
    unpacked, while the environment is made, at the mark, at the link. With room it completes.
    """
    study = {"offline_assets/studies/demo.toml": b"later"}
    first = make_bundle(tmp_path, files, target=HERE)
    later = make_bundle(tmp_path, {**files, **study}, name="later", version=2, target=HERE)
    (tmp_path / "facts.json").write_text(json.dumps(this_machine))
    disk = tmp_path / "disk"
    disk.mkdir()
    own = (first.folder / "bootstrap.py", tmp_path / "facts.json", first.key.file, disk)
    done = in_namespace(sys.executable, "-I", DRIVER, *own, first.folder, later.folder)
    assert done.returncode == 0, done.stderr
    fresh, beside = json.loads(done.stdout)
    for runs, works in ((fresh, False), (beside, True)):
        assert len(runs) > 10
        *failed, last = runs
        for run in failed:
            assert run["code"] == 1, run
            assert run["works"] is works, run
            assert run["same"], run
            assert str(disk / "root") in run["said"], run
            assert "Free space" in run["said"], run
        assert last["code"] == 0, last
        assert last["works"], last
        assert "MiB free, the bundle needs" in runs[0]["said"]
        assert {run["reached"] for run in failed} == {"verified:", "unpacking", "making"}

"""`nerdistill doctor`, as a user calls it: in a shell with traps, and where much is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, get_args

from nerdistill.cli.main import _run
from nerdistill.doctor.finding import Status

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

START = "from nerdistill.cli.main import main; main()"


def doctor(place: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call it in a folder, in a shell with these variables."""
    return subprocess.run(
        [sys.executable, "-P", "-c", START, "doctor", "--no-gpu", "--progress", "none", *words],
        cwd=place,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_json(tmp_path: Path) -> None:
    """Each group is looked at, no check breaks, the exit code is that of the failures."""
    done = doctor(tmp_path, "--json", HF_HUB_OFFLINE="enabled")
    told = json.loads(done.stdout)
    groups = dict.fromkeys(one["group"] for one in told["findings"])
    assert list(groups) == [
        "Installation",
        "Models and data",
        "GPU",
        "Disk",
        "Workspace",
        "System",
        "Offline",
    ]
    assert done.returncode == (1 if told["failures"] else 0)
    assert {one["status"] for one in told["findings"]} <= set(get_args(Status))
    assert not [one for one in told["findings"] if "the check itself broke" in one["found"]]
    by_name = {one["name"]: one for one in told["findings"]}
    assert by_name["shell"]["remedy"] == "export HF_HUB_OFFLINE=1"
    assert by_name["guard in children"]["status"] == "ok"
    assert told["proof"] is None
    assert list(tmp_path.iterdir()) == []


def test_a_broken_installation(tmp_path: Path) -> None:
    """Libraries that do not import, no home: a line each, every other check made, exit code 1."""
    for name in ("sqlite3", "transformers"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('no {name} today')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = doctor(tmp_path, PYTHONPATH=path, NERDISTILL_HOME=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "Traceback" not in done.stdout
    lines = done.stdout.splitlines()
    for start in (
        "  failure transformers      cannot be imported: ImportError: no transformers today",
        "  failure workspace         the check itself broke: ImportError: no sqlite3 today",
        "  failure assets            there is no folder offline_assets/",
        "  ok      guard             armed",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert any(line.lstrip().startswith("remedy: ") for line in lines)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """What each level of proof means, with examples."""
    assert _run(["doctor", "--help"]) == 0
    told = capsys.readouterr().out
    for words in ("network namespace", "strace", "not proven", "Examples:"):
        assert words in told

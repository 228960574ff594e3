"""probe.py: what it tells of a machine, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nerdistill.bundle.bare import probe
from nerdistill.bundle.target import read_target
from tests.bundle.old_python import OLD, old_python

SCRIPT = Path(__file__).parents[2] / "scripts" / "probe.py"
NEW = "NVIDIA H100 80GB HBM3, 81559, 9.0\nNVIDIA H100 80GB HBM3, 81559, [N/A]\n"


def run(python: str, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script as a user starts it."""
    return subprocess.run(
        [python, "-I", SCRIPT, "--out", out, "--path", out.parent],
        env={"PATH": os.environ["PATH"], "HOME": str(out.parent), **environment},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("version", ["here", OLD[0]])
def test_it_tells_what_a_bundle_needs_to_know(tmp_path: Path, version: str) -> None:
    """On every Python from 3.6 on it writes a target.json that the connected side reads."""
    python = sys.executable if version == "here" else old_python(version)
    done = run(python, tmp_path / "target.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"written: {tmp_path / 'target.json'}"
    told = read_target(tmp_path / "target.json")
    assert told.machine == platform.machine()
    assert told.glibc >= (2, 17)
    whole = json.loads((tmp_path / "target.json").read_text())
    assert {one["path"] for one in whole["mounts"]} >= {"/", "~"}
    assert all(one["free_bytes"] >= 0 for one in whole["mounts"])


def test_it_holds_nothing_private(tmp_path: Path) -> None:
    """No value of a variable, and nothing beyond what is named here."""
    proxy = "http://user:hunter2@proxy.example:3128"
    done = run(sys.executable, tmp_path / "t.json", https_proxy=proxy, NO_PROXY="intranet")
    assert done.returncode == 0
    text = (tmp_path / "t.json").read_text()
    told = json.loads(text)
    assert told["proxies"] == ["NO_PROXY", "https_proxy"]
    assert not {word for word in ("hunter2", "proxy.example", "intranet") if word in text}
    kept = {"clock", "compilers", "cpu", "driver", "gpus", "kernel", "libc", "limits", "machine"}
    kept |= {"made", "memory_mib", "mounts", "os", "proxies", "pythons", "schema_version"}
    assert {*told} == {*kept, "selinux", "slurm", "strace", "umask", "user_namespaces"}


@pytest.mark.parametrize("version", ["here", OLD[0]])
def test_it_names_nobody(tmp_path: Path, version: str) -> None:
    """Neither home nor folder nor a path elsewhere tells the user's name or the machine's."""
    python = sys.executable if version == "here" else old_python(version)
    home, scratch = tmp_path / "x" / "alice", tmp_path / f"alice.{platform.node()}" / "malice"
    for folder in (home / "bin", home / "secret" / "bin", scratch):
        folder.mkdir(parents=True)
    for place, told in ((home, "3.9.1"), (home / "secret", "3.10.1"), (scratch, "3.12.1")):
        about = {"version": told, "implementation": "cpython", "venv": True, "headers": False}
        path = place / "bin" / "python3"
        path.parent.mkdir(exist_ok=True)
        program(path, f"echo '{json.dumps(about)}'")
    (tmp_path / "link").symlink_to(home)
    folders = [tmp_path / "link" / "bin", home / "secret" / "bin", scratch / "bin"]
    done = subprocess.run(
        [python, "-I", SCRIPT, "--path", home / "bin"],
        env={
            "HOME": str(tmp_path / "link"),
            "USER": "alice",
            "TMPDIR": str(scratch),
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
        },
        cwd=home / "secret",
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = (home / "secret" / "target.json").read_text()
    assert re.findall(rf"\b(?:alice|secret|{re.escape(platform.node())})\b", text) == []
    told = json.loads(text)
    mounts = {one["path"] for one in told["mounts"]}
    assert mounts >= {"/", "/tmp", "~", "~/bin", "."}  # noqa: S108 - looked at
    elsewhere = "/$USER.$HOSTNAME/malice"
    assert any(path.endswith(elsewhere) for path in mounts)
    pythons = [one["path"] for one in told["pythons"]]
    assert pythons[:2] == ["~/bin/python3", "./bin/python3"]
    assert pythons[2].endswith(f"{elsewhere}/bin/python3")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path: Path, text: str) -> None:
    """A program that does that."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_gpus_and_driver(programs: Path) -> None:
    """As nvidia-smi tells them; a capability that is no number is unknown."""
    asked = f"printf '{NEW}'"
    program(programs / "nvidia-smi", f'case "$1" in *driver*) echo 550.54.15;; *) {asked};; esac')
    told = probe.facts()
    assert told["driver"] == "550.54.15"
    assert [one["compute_capability"] for one in told["gpus"]] == ["9.0", None]
    assert told["gpus"][0]["memory_mib"] == 81559
    assert any("H100" in line for line in probe.summary(told))


def test_an_old_nvidia_smi(programs: Path) -> None:
    """One that does not know the compute capability is asked again without it."""
    text = 'case "$1" in *cap*) echo \'Field "compute_cap" is not a valid field\'; exit 2;;'
    program(programs / "nvidia-smi", f"{text} *) echo 'Tesla P40, 22919';; esac")
    (gpu,) = probe.facts()["gpus"]
    assert gpu == {"name": "Tesla P40", "memory_mib": 22919, "compute_capability": None}


def test_programs_that_fail_or_hang(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They count as missing, and are not waited for without an end."""
    monkeypatch.setattr(probe, "SECONDS", 0.2)
    program(programs / "nvidia-smi", "echo NVIDIA-SMI has failed; exit 9")
    program(programs / "gcc", "while :; do :; done")
    program(programs / "cc", "echo 'cc (Red Hat 8.5.0-22) 8.5.0'")
    told = probe.facts()
    assert told["gpus"] == []
    assert told["compilers"] == {"gcc": None, "cc": "8.5.0", "clang": None, "nvcc": None}
    assert any("no GPU is seen" in line for line in probe.summary(told))


def test_what_is_missing_is_said_with_what_to_do() -> None:
    """Old Pythons, no compiler, no namespaces, noexec: each with what follows."""
    told = probe.facts()
    told.update(
        pythons=[{"version": "3.9.18", "venv": True}],
        gpus=[{"name": "A", "memory_mib": 1, "compute_capability": "8.0"}],
        compilers=dict.fromkeys(("gcc", "cc", "clang", "nvcc")),
        user_namespaces=False,
        mounts=[
            {"path": "/data", "type": "nfs4", "exec": False, "readonly": True, "network": True}
        ],
    )
    said = "\n".join(probe.summary(told))
    for words in (
        "older than 3.11: give `bundle create` a --python-archive",
        "no C compiler: vLLM's kernels need gcc",
        "user namespaces are off",
        "/data: noexec, read-only, nfs4, a network file system",
    ):
        assert words in said


def test_it_writes_where_it_is_told_or_says_why_not(tmp_path: Path) -> None:
    """A folder that is not there is one line, not a traceback."""
    done = run(sys.executable, tmp_path / "absent" / "t.json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "absent" / "t.json") in done.stderr

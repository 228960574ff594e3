"""The checks are given the facts of the machine and the home that they run in."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.doctor import libraries
from nerdistill.doctor.checks import checks
from nerdistill.doctor.finding import examine
from nerdistill.doctor.known import Wishes
from nerdistill.progress import Silent
from tests.bundle.installed import installed

if TYPE_CHECKING:
    from nerdistill.doctor.finding import Finding


def found(group: str, workspace: Path, *, hashed: bool = False) -> dict[str, Finding]:
    """What the checks of one group find, by name."""
    wishes = Wishes(workspace, None, airgap=False, hashed=hashed, gpu=True)
    looks = [check for check in checks(wishes, Silent()) if check.group == group]
    return {one.name: one for made in examine(looks, Silent()) for one in made.findings}


def test_an_install_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flipped byte is found where every byte is asked for; the remedy installs again."""
    home, _ = installed(tmp_path)
    monkeypatch.setenv("NERDISTILL_HOME", str(home))
    assert {one.status for one in found("Models and data", tmp_path).values()} == {"ok"}
    weights = home / "models" / "small" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert found("Models and data", tmp_path)["assets"].status == "ok"
    told = found("Models and data", tmp_path, hashed=True)["assets"]
    assert (told.status, "model.safetensors is damaged" in told.found) == ("failure", True)
    assert "bootstrap.py install" in told.remedy


def test_a_home_that_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, and what does not need it is still looked at."""
    monkeypatch.setenv("NERDISTILL_HOME", str(tmp_path / "nowhere"))
    told = found("Models and data", tmp_path)
    assert [(one.name, one.status) for one in told.values()] == [("assets", "failure")]
    assert "NERDISTILL_HOME" in told["assets"].remedy
    assert {"clock", "limits", "SELinux", "proof"} <= set(found("System", tmp_path))


def test_a_workspace_that_is_to_be_made(tmp_path: Path) -> None:
    """The folder above it is looked at, and nothing is made."""
    told = found("Workspace", tmp_path / "new" / "study")
    assert {one.status for one in told.values()} <= {"ok", "note"}
    assert list(tmp_path.iterdir()) == []


def test_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are really used: of this user, of this process, of the workspace."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    told = found("Disk", tmp_path)
    assert str(tmp_path) in told["workspace"].found
    assert str(tmp_path) in told["temporary files"].found
    assert (told["home folder"].status, "there is no" in told["home folder"].found) == (
        "warning",
        True,
    )


@pytest.mark.skipif(bool(importlib.util.find_spec("vllm")), reason="vLLM is installed here")
@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_a_gpu_with_a_torch_for_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is really tried, and a token only where vLLM is."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        '#!/bin/sh\ncase "$1" in *driver*) echo 580.95.05 ;; '
        '*) echo "NVIDIA H100, 81559, 9.0" ;; esac\n'
    )
    smi.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    torch = {"name": "torch", "version": "2.13.0+cpu", "cuda": None, "built": "", "sees": False}
    monkeypatch.setattr(libraries, "import_all", lambda: {"torch": torch})
    told = found("GPU", tmp_path)
    assert told["GPU"].found == "1 NVIDIA H100 (capability 9.0); driver 580.95.05"
    assert told["torch's CUDA"].status == "warning"
    assert told["Triton"].status == "failure"
    lacks = "No module named 'triton'|not compiled with CUDA|no NVIDIA driver"
    assert re.search(lacks, told["Triton"].found)
    assert (told["one token"].status, told["one token"].found) == (
        "skipped",
        "vLLM is not installed",
    )

"""Libraries are imported in a process apart: one that crashes does not hide the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.doctor.libraries import Torch, check_libraries, import_all, torch_of
from nerdistill.doctor.site import Site

if TYPE_CHECKING:
    import pytest

SITE = Site(Path("/opt/venv"), Path("/opt"))


def test_a_crash_and_an_error_are_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that aborts, the one that raises and the one that hangs; those after are tried."""
    (tmp_path / "whole.py").write_text("__version__ = '1.5'\n")
    (tmp_path / "aborts.py").write_text("import os; os.abort()\n")
    (tmp_path / "raises.py").write_text("raise OSError('libcudart.so\\nnot found')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    told = import_all(["aborts", "raises", "nowhere", "whole"])

    assert told["whole"]["version"] == "1.5"
    found = {one.name: one for one in check_libraries(told, SITE)}
    assert "SIGABRT" in found["aborts"].found
    assert "OSError: libcudart.so not found" in found["raises"].found
    assert "No module named 'nowhere'" in found["nowhere"].found
    assert found["libraries"].found == "whole 1.5"
    assert [one.status for one in found.values()].count("failure") == 3


def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file server that does not answer."""
    (tmp_path / "hangs.py").write_text("import signal; signal.pause()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = import_all(["hangs"], seconds=0.5)
    assert told["hangs"]["error"] == "it did not answer in time"


def test_torch_tells_what_it_was_built_for() -> None:
    """The real one; and None where it could not be imported."""
    import torch

    told = import_all(["torch"])
    found = torch_of(told)
    assert told["torch"]["version"] == torch.__version__
    assert found is not None
    assert (found.cuda, found.sees) == (torch.version.cuda, torch.cuda.is_available())
    assert torch_of({"torch": {"error": "ImportError"}}) is None
    assert torch_of({"torch": {"cuda": "13.0", "built": "sm_90", "sees": True}}) == Torch(
        "13.0", "sm_90", sees=True
    )

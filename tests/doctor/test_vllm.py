"""vLLM is looked for in the environment that is named, or in this one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from nerdistill.doctor.vllm import ask_vllm, check_vllm

HERE = Path(sys.executable)


def pretended(place: Path, code: str) -> Path:
    """A Python whose vLLM is some code."""
    (place / "vllm.py").write_text(code)
    python = place / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{place}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    return python


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_not_installed_is_a_note_unless_it_was_named() -> None:
    """Who names a Python for it wants it."""
    told = ask_vllm(HERE)
    assert told["there"] is False
    (found,) = check_vllm(told, HERE, named=False)
    assert (found.status, "not installed: only" in found.found) == ("note", True)
    (found,) = check_vllm(told, HERE, named=True)
    assert (found.status, "--vllm-python" in found.remedy) == ("failure", True)


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("__version__ = '0.32.0'", "ok", "0.32.0, of"),
        (
            "print('INFO'); raise ImportError('libcuda.so.1')",
            "failure",
            "ImportError: libcuda.so.1",
        ),
        ("import os; os.abort()", "failure", "SIGABRT"),
    ],
)
def test_it_is_really_imported(code: str, status: str, told: str, tmp_path: Path) -> None:
    """Whole, broken, or crashing as it is imported."""
    python = pretended(tmp_path, code)
    (found,) = check_vllm(ask_vllm(python), python, named=True)
    assert (found.status, told in found.found) == (status, True), found


def test_a_python_that_is_nowhere(tmp_path: Path) -> None:
    """The path is told, and no traceback."""
    python = tmp_path / "nowhere"
    (found,) = check_vllm(ask_vllm(python), python, named=True)
    assert (found.status, f"{python} cannot be started" in found.found) == ("failure", True)

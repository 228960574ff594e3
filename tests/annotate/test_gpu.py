"""Waiting for a GPU's memory, with a program in nvidia-smi's place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.gpu import memory_used, wait_until_free
from nerdistill.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tell = Callable[[str], None]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Makes nvidia-smi tell one text after the other, a call each; the last one stays."""
    program = tmp_path / "nvidia-smi"
    texts = tmp_path / "texts"
    program.write_text(
        f'#!/bin/sh\nhead -n 1 {texts} | tr ";" "\\n"\n'
        f"if [ $(wc -l < {texts}) -gt 1 ]; then sed -i 1d {texts}; fi\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def tell(text: str) -> None:
        texts.write_text(text)

    return tell


def test_memory_by_gpu(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the GPUs that this process may use, by number or name; one in parts tells nothing."""
    tell("0, GPU-aa, 5;1, GPU-bb, 71000;2, GPU-cc, [N/A]\n")
    assert memory_used() == {"0": 5, "1": 71000}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert memory_used() == {"1": 71000}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa")
    assert memory_used() == {"0": 5}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert memory_used() == {}


def test_memory_that_becomes_free(tell: Tell) -> None:
    """It waits as long as more is in use than before."""
    tell("0, GPU-aa, 71000\n0, GPU-aa, 600\n0, GPU-aa, 9999\n")
    wait_until_free({"0": 500})
    assert memory_used() == {"0": 9999}


def test_memory_that_stays_in_use_is_told(tell: Tell) -> None:
    """After the limit it names the GPU and what to look at."""
    tell("0, GPU-aa, 71000\n")
    with pytest.raises(AnnotationError, match=r"GPU 0 has 71,000 MiB in use, 500 before.*nvidia"):
        wait_until_free({"0": 500}, limit=0)


def test_no_gpu_no_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without nvidia-smi, or with one that fails, there is nothing to wait for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert memory_used() == {}
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o700)
    assert memory_used() == {}
    wait_until_free({}, limit=0)

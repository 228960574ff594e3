"""A real vLLM with a tiny model: one server for the tests that only ask."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.serve import ServeSettings, served
from nerdistill.progress import Silent
from tests.vllm.tiny_model import save_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.annotate.serve import Server

KEY = "canary-0123456789"
# vLLM 0.32 on a CPU dies of a prompt that it takes in parts while a request has a seed: whole
# prompts alone, then.
WHOLE = ("--max-num-batched-tokens", "32768")
ON_A_CPU = ("--enforce-eager", "--gpu-memory-utilization", "0.3", *WHOLE)


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has vLLM."""
    named = os.environ.get("NERDISTILL_VLLM_PYTHON")
    if not named:
        pytest.fail("NERDISTILL_VLLM_PYTHON names no Python: run scripts/test-vllm")
    return Path(named)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's folder."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def settings(tiny: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> ServeSettings:
    """How to start vLLM on it."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    log = tmp_path_factory.mktemp("logs") / "vllm.log"
    return ServeSettings(tiny, python=python, extra=ON_A_CPU, log=log, patience=600)


@pytest.fixture(scope="session")
def server(settings: ServeSettings) -> Iterator[Server]:
    """A server that wants a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_API_KEY", KEY)
        with served(settings, Silent()) as running:
            yield running

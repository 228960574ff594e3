"""A hub on loopback, and a process that may ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.connected import connected
from tests.hub_server import open_hub
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.connected import Connected
    from tests.hub_server import Hub

CARD = """\
---
license: apache-2.0
language: en
---
# A tiny student
"""


@pytest.fixture(scope="session")
def one_hub() -> Iterator[Hub]:
    """The server, for as long as the tests run."""
    with open_hub() as hub:
        yield hub


@pytest.fixture
def hub(one_hub: Hub) -> Hub:
    """The hub, as if just started."""
    for held in (
        one_hub.repositories,
        one_hub.gated,
        one_hub.drops,
        one_hub.failing,
        one_hub.log,
    ):
        held.clear()
    return one_hub


@pytest.fixture(scope="session")
def outside(one_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    """Calls functions where the hub can be reached."""
    with connected(one_hub.url, tmp_path_factory.mktemp("hf-home")) as call:
        yield call


@pytest.fixture(scope="session")
def tiny_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny student, laid out as a repository: with a card, pickles and other libraries' files."""
    folder = save_tiny_student(tmp_path_factory.mktemp("repository") / "tiny", ["Ada", "Ulm"])
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    (folder / ".gitattributes").write_text("*.bin filter=lfs\n", encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"onnx")
    (folder / "onnx" / "model.safetensors").write_bytes(b"other weights")
    return folder

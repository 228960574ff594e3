"""A hub on loopback, and a process that may ask it; a home of nerdistill's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.hub_fixtures import hub, one_hub, outside, tiny_repository

__all__ = ["home", "hub", "one_hub", "outside", "tiny_repository"]

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, tiny_repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with what ships and a tiny student in the place of the demo's; the current folder."""
    place = tmp_path / "home"
    shutil.copytree(CHECKOUT / "offline_assets", place / "offline_assets")
    (place / "models").mkdir()
    shutil.copy(CHECKOUT / "models" / "README.md", place / "models")
    shutil.copytree(tiny_repository, place / "models" / "minilm")
    monkeypatch.setenv("NERDISTILL_HOME", str(place))
    monkeypatch.chdir(place)
    return place

"""Models and data: whole or named, a student there or not, readable, not everybody's to change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nerdistill.bundle.intact import Fault, shape_faults
from nerdistill.bundle.inventory import Inventory, Item, take_inventory
from nerdistill.doctor.holdings import (
    check_access,
    check_assets,
    check_student,
    private_places,
    smallest,
)
from tests.bundle.installed import DATA, MODEL, installed, put

LETTERS = {"offline_assets/datasets/letters/train.conll": b"Ada B-PER\n"}


def test_whole(tmp_path: Path) -> None:
    """How it was looked at is told, and never more than that."""
    home, _ = installed(tmp_path)
    inventory = take_inventory(home)
    (found,) = check_assets(inventory, shape_faults(inventory), hashed=False)
    assert (found.status, found.found) == (
        "ok",
        "3 of demo 1 and beside it, whole (by name and size)",
    )
    (found,) = check_assets(inventory, [], hashed=True)
    assert "every byte read" in found.found


def test_faults_are_named_but_not_all_of_many(tmp_path: Path) -> None:
    """Five, then their number."""
    item = Item("x", "wheel", "wheels/x", None, None, ())
    faults = [Fault(item, f"wheels/{i}", "is missing", "Install again.") for i in range(7)]
    found = list(check_assets(Inventory(tmp_path, None, ()), faults, hashed=False))
    assert {one.status for one in found} == {"failure"}
    assert [one.found for one in found[-2:]] == ["wheels/4 is missing", "2 faults more"]
    assert "assets verify" in found[-1].remedy


def test_students(tmp_path: Path) -> None:
    """Without one nothing can be trained; of several the smallest is the quickest to try."""
    (found,) = check_student(take_inventory(tmp_path))
    assert (found.status, "models/" in found.remedy) == ("warning", True)
    put(tmp_path / "models" / "large", {**MODEL, "vocab.txt": b"word\n"})
    put(tmp_path / "models" / "small", MODEL)
    inventory = take_inventory(tmp_path)
    (found,) = check_student(inventory)
    assert (found.status, found.found) == ("ok", "large, small")
    student = smallest(inventory, "student")
    assert student is not None
    assert student.name == "small"
    assert smallest(inventory, "teacher") is None


def test_what_everybody_can_change(tmp_path: Path) -> None:
    """A model that anybody can change may be another one tomorrow."""
    put(tmp_path / "models" / "small", MODEL)
    (tmp_path / "models" / "gone").symlink_to("nowhere")
    tmp_path.chmod(0o755)
    (tmp_path / "models").chmod(0o755)
    assert [one.status for one in check_access(tmp_path)] == ["ok"]
    (tmp_path / "models").chmod(0o777)
    (found,) = check_access(tmp_path)
    assert (found.status, found.remedy) == ("warning", f"chmod o-w {tmp_path / 'models'}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read(tmp_path: Path) -> None:
    """As after a copy with another umask."""
    put(tmp_path / "models" / "small", MODEL)
    (tmp_path / "models" / "small" / "config.json").chmod(0)
    (found,) = check_access(tmp_path)
    assert (found.status, "config.json" in found.found) == ("failure", True)
    assert "chmod -R a+rX" in found.remedy


def test_private_corpora_are_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its installer alone may read is told with whom to ask; opening it all is not advised."""
    home, _ = installed(tmp_path, {**DATA, **LETTERS})
    places = private_places(take_inventory(home))
    folder = "offline_assets/datasets/letters"
    assert places == {"offline_assets/datasets", folder, *LETTERS}
    closed = str(home / folder)
    monkeypatch.setattr(os, "access", lambda path, _: not str(path).startswith(closed))
    (found,) = [one for one in check_access(home, private=places) if one.name == "reading"]
    assert (found.status, "--group NAME" in found.remedy) == ("note", True)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "demo")
    (found,) = [one for one in check_access(home, private=places) if one.name == "reading"]
    assert found.status == "failure"

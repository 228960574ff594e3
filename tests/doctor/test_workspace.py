"""Locks, SQLite and permissions are really tried where the workspace will lie."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from nerdistill.doctor.workspace import check_workspace
from nerdistill.study.lease import Lease, Leases

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_that_works(tmp_path: Path) -> None:
    """All is tried, and nothing is left."""
    found = {one.name: one.status for one in check_workspace(tmp_path, None)}
    assert found == dict.fromkeys(["file system", "leases", "reply store", "permissions"], "ok")
    assert list(tmp_path.iterdir()) == []


def test_a_network_file_system_is_told(tmp_path: Path) -> None:
    """With what the project does about it."""
    first = next(iter(check_workspace(tmp_path, "nfs4")))
    assert (first.status, "nfs4" in first.found, "lease" in first.found) == ("note", True, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """One failure, with another place as remedy."""
    tmp_path.chmod(0o500)
    *_, found = check_workspace(tmp_path, None)
    tmp_path.chmod(0o700)
    assert (found.status, "--workspace" in found.remedy) == ("failure", True)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    """The system's own words are told."""
    (tmp_path / "file").touch()
    *_, found = check_workspace(tmp_path / "file", None)
    assert (found.status, "Not a directory" in found.found) == ("failure", True)


def test_locks_and_sqlite_that_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that gives a lease twice, and one on which SQLite can't lock."""

    def careless(self: Leases, name: str) -> Lease | None:
        return take(type(self)(self.root / str(id(self))), name)

    def broken(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("locking protocol")

    take = Leases.take
    monkeypatch.setattr(Leases, "take", careless)
    monkeypatch.setattr(sqlite3, "connect", broken)
    found = {one.name: one for one in check_workspace(tmp_path, None)}
    assert (found["leases"].status, found["reply store"].status) == ("failure", "failure")
    assert "two runners" in found["leases"].found
    assert "--workspace" in found["reply store"].remedy


def test_bits_that_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk of another system's: the results would be for everybody's eyes."""
    monkeypatch.setattr(os, "chmod", lambda *_: None)
    os.umask(0o022)
    try:
        *_, found = check_workspace(tmp_path, None)
    finally:
        os.umask(0o077)
    assert (found.name, found.status) == ("permissions", "warning")
    assert "0644" in found.found

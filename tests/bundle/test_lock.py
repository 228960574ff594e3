"""One installer at a time, and a root that is left as it was found."""

from __future__ import annotations

import errno
import fcntl
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.lock import BUSY, alone, existing
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing

if TYPE_CHECKING:
    from pathlib import Path

ALL = Sharing.of(None)


def is_held(path: Path) -> bool:
    """Whether somebody else has the lock."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_second_one_is_refused(tmp_path: Path) -> None:
    """As long as the first one works; a file that somebody left locks nobody out."""
    (tmp_path / BUSY).write_bytes(b"")
    with alone(str(tmp_path), ALL):
        with pytest.raises(Refused, match=r"is running\. Wait"), alone(str(tmp_path), ALL):
            pass
        assert is_held(tmp_path / BUSY)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_was_just_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens it while the one before ends would hold a lock that nobody else sees."""
    real, calls = fcntl.flock, list[int]()

    def flock(handle: int, how: int) -> None:
        if not calls:
            (tmp_path / BUSY).unlink()
        calls.append(handle)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with alone(str(tmp_path), ALL):
        monkeypatch.undo()
        assert is_held(tmp_path / BUSY)
    assert len(calls) == 2


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There one may install all the same."""

    def flock(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with alone(str(tmp_path), ALL):
        assert (tmp_path / BUSY).exists()


def test_folders_that_stay_empty_are_removed(tmp_path: Path) -> None:
    """Those that were made, up to the one that was there; not where something lies in them."""
    root = tmp_path / "a" / "b" / "root"
    with alone(str(root), ALL):
        (root / "versions").mkdir()
    assert list(tmp_path.iterdir()) == []
    with alone(str(root), ALL):
        (root / "versions" / "x").mkdir(parents=True)
    assert [path.name for path in root.rglob("*")] == ["versions", "x"]


def test_what_exists_of_a_path(tmp_path: Path) -> None:
    """The nearest folder above it; a file is none."""
    (tmp_path / "file").write_bytes(b"")
    assert existing(str(tmp_path)) == str(tmp_path)
    assert existing(str(tmp_path / "a" / "b")) == str(tmp_path)
    assert existing(str(tmp_path / "file" / "b")) == str(tmp_path)

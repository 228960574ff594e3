"""Volumes are plain tars, written once, of files that did not change meanwhile."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.plan import LEAST, Member, plan_volumes
from nerdistill.bundle.write import Journal, measure, write_volumes
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILES = {
    "data/a.bin": bytes(range(256)) * 3000,
    "data/b.bin": bytes(range(255, -1, -1)) * 2000,
    "scripts/run": b"#!/bin/sh\n",
    "texte/Ä-längere-Namen-als-ein-Kopf-fasst-" + "x" * 90 + ".txt": b"",
    "texts/c.txt": b"0123456789" * 300_000,
}
"""With a limit of a mebibyte the last one is split."""


class InterruptedHereError(Exception):
    """As if the process ended here."""


def ignore(_: int) -> None:
    """Nobody looks at the progress."""


def planned(place: Path, files: Mapping[str, bytes] = FILES) -> list[list[Member]]:
    """Write files, and plan volumes of a mebibyte for them."""
    assets = []
    for path, data in files.items():
        origin = place / path
        origin.parent.mkdir(parents=True, exist_ok=True)
        origin.write_bytes(data)
        file = AssetFile(origin, path, executable=path.startswith("scripts/"))
        assets.append(Asset(path, "document", "test", None, None, (file,)))
    return plan_volumes(list(measure(assets, ignore).values()), LEAST)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The bundle's folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def journal(tmp_path: Path) -> Journal:
    """That of the folder, as a new process reads it."""
    return Journal(tmp_path / "cache" / "journal.json")


def inodes(out: Path) -> dict[str, int]:
    """Which files are the very same."""
    return {path.name: path.stat().st_ino for path in out.iterdir()}


def test_volumes_are_told_as_they_are(tmp_path: Path, out: Path) -> None:
    """Their length, within the limit, their digest and that of each piece."""
    plan = planned(tmp_path / "in")
    ticks: list[int] = []
    done = write_volumes(out, plan, journal(tmp_path), ticks.append)
    assert sum(ticks) == sum(map(len, FILES.values()))
    assert [one.name for one in done] == sorted(path.name for path in out.iterdir())
    for volume, members in zip(done, plan, strict=True):
        data = (out / volume.name).read_bytes()
        assert volume.size == len(data) <= LEAST
        assert volume.sha256 == hashlib.sha256(data).hexdigest()
        pieces = [FILES[one.sized.file.path][one.offset : one.offset + one.size] for one in members]
        assert [hashlib.sha256(piece).hexdigest() for piece in pieces] == list(volume.pieces)


def test_a_plain_tar_reads_them(tmp_path: Path, out: Path) -> None:
    """Also the system's own; the pieces of a split file are joined by their names' order."""
    write_volumes(out, planned(tmp_path / "in"), journal(tmp_path), ignore)
    program = shutil.which("tar")
    if program is None:
        pytest.skip("this machine has no tar")
    got = tmp_path / "got"
    got.mkdir()
    for volume in sorted(out.iterdir()):
        done = subprocess.run([program, "-xf", volume, "-C", got], capture_output=True, check=True)
        assert done.stderr == b""
    for path, data in FILES.items():
        whole = got / path
        parts = sorted(whole.parent.glob(f"{whole.name}.*-of-*"))
        found = b"".join(part.read_bytes() for part in parts) if parts else whole.read_bytes()
        assert found == data
    assert (got / "scripts/run").stat().st_mode & 0o111
    assert len(list(got.glob("texts/c.txt.*"))) == 3


def test_nothing_of_this_machine_is_in_them(tmp_path: Path, out: Path) -> None:
    """No owner, no time; so the same files make the same bytes."""
    write_volumes(out, planned(tmp_path / "in"), journal(tmp_path), ignore)
    for path in out.iterdir():
        with tarfile.open(path) as tar:
            for one in tar:
                assert (one.uid, one.gid, one.uname, one.gname, one.mtime) == (0, 0, "", "", 0)
                assert one.mode in {0o644, 0o755}


def test_an_interrupted_run_goes_on(tmp_path: Path, out: Path) -> None:
    """What was finished is the very same file afterwards; the rest is as of one run."""
    plan = planned(tmp_path / "in")
    left = [len(plan[0]) + len(plan[1])]

    def tick(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise InterruptedHereError

    with pytest.raises(InterruptedHereError):
        write_volumes(out, plan, journal(tmp_path), tick)
    before = inodes(out)
    assert len(before) >= 1
    done = write_volumes(out, plan, journal(tmp_path), ignore)
    assert before.items() <= inodes(out).items()
    (tmp_path / "again").mkdir()
    assert write_volumes(tmp_path / "again", plan, Journal(tmp_path / "other"), ignore) == done


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_volume_is_written_again(tmp_path: Path, out: Path, harm: str) -> None:
    """The journal alone is not believed."""
    plan = planned(tmp_path / "in")
    done = write_volumes(out, plan, journal(tmp_path), ignore)
    volume = out / done[1].name
    data = volume.read_bytes()
    if harm == "remove":
        volume.unlink()
    else:
        volume.write_bytes(data[:-1] + b"x" if harm == "flip" else data[:-1])
    assert write_volumes(out, plan, journal(tmp_path), ignore) == done
    assert volume.read_bytes() == data


@pytest.mark.parametrize("text", ["", "[]", '{"vol-0001.tar": {"plan": 1}}', "{"])
def test_a_damaged_journal_costs_time_only(tmp_path: Path, out: Path, text: str) -> None:
    """Then everything is written again."""
    plan = planned(tmp_path / "in")
    done = write_volumes(out, plan, journal(tmp_path), ignore)
    (tmp_path / "cache" / "journal.json").write_text(text)
    assert write_volumes(out, plan, journal(tmp_path), ignore) == done


def test_other_content_is_another_volume(tmp_path: Path, out: Path) -> None:
    """A volume of the same name and length is not kept for another plan."""
    write_volumes(out, planned(tmp_path / "in"), journal(tmp_path), ignore)
    before = inodes(out)
    changed = {**FILES, "scripts/run": b"#!/bin/no\n"}
    write_volumes(out, planned(tmp_path / "in", changed), journal(tmp_path), ignore)
    same = [name for name, inode in inodes(out).items() if before[name] == inode]
    assert 0 < len(same) < len(before)


@pytest.mark.parametrize("harm", [b"9876543210", b"longer than it was", b"01234", b""])
def test_a_file_that_changes_meanwhile_is_named(tmp_path: Path, out: Path, harm: bytes) -> None:
    """Its volume is not written, and nothing half is left."""
    plan = planned(tmp_path / "in", {"a": b"0123456789"})
    (tmp_path / "in" / "a").write_bytes(harm)
    with pytest.raises(BundleError, match=r"in/a changed while it was bundled"):
        write_volumes(out, plan, journal(tmp_path), ignore)
    assert list(out.iterdir()) == []


def test_a_split_file_that_changes_between_two_volumes_is_named(tmp_path: Path, out: Path) -> None:
    """Each piece alone could not show it."""
    plan = planned(tmp_path / "in", {"big": bytes(3 * LEAST)})
    origin = tmp_path / "in" / "big"

    def tick(_: int) -> None:
        data = origin.read_bytes()
        origin.write_bytes(b"x" + data[1:])

    with pytest.raises(BundleError, match=r"big changed while it was bundled"):
        write_volumes(out, plan, journal(tmp_path), tick)


def test_two_files_at_one_path_are_refused(tmp_path: Path) -> None:
    """The error names both."""
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"")
    files = tuple(AssetFile(tmp_path / name, "same") for name in ("one", "two"))
    with pytest.raises(BundleError, match="called same") as caught:
        measure([Asset("a", "document", "test", None, None, files)], ignore)
    assert "one and" in caught.value.hint
    assert "two" in caught.value.hint


def test_only_regular_files_are_carried(tmp_path: Path) -> None:
    """A folder, a pipe and a link to nothing are refused by name."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("pipe", "link", "."):
        file = AssetFile(tmp_path / name, "file")
        with pytest.raises(BundleError, match="no regular file"):
            measure([Asset("a", "document", "test", None, None, (file,))], ignore)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_what_is_finished(tmp_path: Path, out: Path) -> None:
    """Nothing half stays; with room the next run ends as if nothing had been."""
    plan = planned(tmp_path / "in", {"a": bytes(1000), "b": bytes(LEAST - 20000)})
    plan = [plan[0][:1], plan[0][1:] or plan[1]]
    with room_for(LEAST // 2), pytest.raises(OSError, match="File too large"):
        write_volumes(out, plan, journal(tmp_path), ignore)
    before = inodes(out)
    assert before.keys() == {"vol-0001.tar"}
    write_volumes(out, plan, journal(tmp_path), ignore)
    assert inodes(out).keys() == {"vol-0001.tar", "vol-0002.tar"}
    assert before.items() <= inodes(out).items()

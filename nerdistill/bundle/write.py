"""Write a bundle's volumes: plain tars with nothing of the machine that made them."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.hashing import sha256_all
from nerdistill.bundle.bare.manifest import member_name
from nerdistill.bundle.plan import BLOCK, Member, Sized
from nerdistill.digest import digest_of
from nerdistill.errors import BundleError
from nerdistill.files import sync, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from nerdistill.bundle.asset import Asset, AssetFile

CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume that is written; `pieces` has the sha256 of each of its members, in order."""

    name: str
    size: int
    sha256: str
    pieces: tuple[str, ...]


def volume_name(number: int) -> str:
    """The file name of a volume, counted from 1."""
    return f"vol-{number:04d}.tar"


def measure(assets: Sequence[Asset], tick: Callable[[int], None]) -> dict[str, Sized]:
    """The length and digest of every file, by its path in the bundle.

    Raises:
        BundleError: two files have one path, or one is not a regular file.
    """
    files: dict[str, AssetFile] = {}
    for file in (file for asset in assets for file in asset.files):
        if file.path in files:
            raise BundleError(
                f"two files of the bundle are called {file.path}",
                f"{files[file.path].origin} and {file.origin}: rename one of them.",
            )
        if not file.origin.is_file():
            raise BundleError(f"{file.origin} is no regular file", "Remove it, or name a file.")
        files[file.path] = file
    origins = sorted({str(file.origin.resolve()) for file in files.values()})
    digests = sha256_all(origins, None, tick)
    return {
        path: Sized(file, file.origin.stat().st_size, digests[str(file.origin.resolve())])
        for path, file in files.items()
    }


class Journal:
    """Which volumes an interrupted run has finished, so that they are not written again.

    Args:
        file: in the cache, not in the bundle.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            told = {}
        self.told: dict[str, dict[str, object]] = told if isinstance(told, dict) else {}

    def find(self, folder: Path, name: str, plan: str) -> Volume | None:
        """A finished volume of this plan, its bytes hashed again; None where there is none."""
        told = self.told.get(name, {})
        path, pieces = folder / name, told.get("pieces")
        if told.get("plan") != plan or not path.is_file() or not isinstance(pieces, list):
            return None
        digest = sha256_all([str(path)])[str(path)]
        if digest != told.get("sha256"):
            return None
        return Volume(name, path.stat().st_size, digest, tuple(map(str, pieces)))

    def keep(self, volume: Volume, plan: str) -> None:
        """Remember a volume that has its name."""
        self.told[volume.name] = {
            "plan": plan,
            "sha256": volume.sha256,
            "pieces": list(volume.pieces),
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, json.dumps(self.told))


def write_volumes(
    folder: Path,
    planned: Sequence[Sequence[Member]],
    journal: Journal,
    tick: Callable[[int], None],
) -> list[Volume]:
    """Write each planned volume, or keep the one that an earlier run finished.

    Args:
        folder: the bundle's.
        planned: the members of each volume.
        journal: of earlier runs into this folder.
        tick: told of bytes as they are written.

    Raises:
        BundleError: a file has changed since it was hashed.
        OSError: the disk is full; the volumes that are finished stay.
    """
    done: list[Volume] = []
    for number, members in enumerate(planned, 1):
        name = volume_name(number)
        plan = digest_of(
            [[one.sized.file.path, one.sized.sha256, one.offset, one.size] for one in members]
        )
        volume = journal.find(folder, name, plan)
        if volume is None:
            volume = _write(folder, name, members, tick)
            journal.keep(volume, plan)
        else:
            tick(sum(one.size for one in members))
        done.append(volume)
    _check_split([member.sized for members in planned for member in members if member.count > 1])
    return done


def _check_split(files: Sequence[Sized]) -> None:
    """A file in several volumes may have changed between two of them: look at it once more."""
    wanted = {str(one.file.origin): one for one in files}
    for origin, digest in sha256_all(sorted(wanted)).items():
        if digest != wanted[origin].sha256:
            raise _changed(wanted[origin].file)


def _write(
    folder: Path, name: str, members: Sequence[Member], tick: Callable[[int], None]
) -> Volume:
    aside = folder / f".{name}.part"
    try:
        with aside.open("wb") as raw:
            stream = _Hashing(raw)
            pieces = [_write_member(stream, member, tick) for member in members]
            stream.write(bytes(2 * BLOCK))
            raw.flush()
            os.fsync(raw.fileno())
        aside.replace(folder / name)
    finally:
        aside.unlink(missing_ok=True)
    sync(folder)
    return Volume(name, stream.size, stream.hashed.hexdigest(), tuple(pieces))


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.hashed = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        self.hashed.update(data)
        self.raw.write(data)
        self.size += len(data)


def _write_member(stream: _Hashing, member: Member, tick: Callable[[int], None]) -> str:
    file = member.sized.file
    header = tarfile.TarInfo(member_name(file.path, member.index, member.count))
    header.size = member.size
    header.mode = 0o755 if file.executable else 0o644
    stream.write(header.tobuf(tarfile.PAX_FORMAT))
    hashed, left = hashlib.sha256(), member.size
    view = memoryview(bytearray(CHUNK))
    with file.origin.open("rb", buffering=0) as source:
        source.seek(member.offset)
        while left:
            count = source.readinto(view[: min(left, CHUNK)])
            if not count:
                raise _changed(file)
            hashed.update(view[:count])
            stream.write(view[:count])
            left -= count
            tick(count)
    stream.write(bytes(-member.size % BLOCK))
    if member.count == 1 and hashed.hexdigest() != member.sized.sha256:
        raise _changed(file)
    return hashed.hexdigest()


def _changed(file: AssetFile) -> BundleError:
    return BundleError(
        f"{file.origin} changed while it was bundled",
        "Let nothing write to it, then run the same command again: what is finished is kept.",
    )

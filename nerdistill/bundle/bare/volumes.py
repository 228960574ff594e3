"""Volumes: plain tar files that hold exactly the pieces which the manifest names, in its order."""

import hashlib
import os
import tarfile
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from io import RawIOBase
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Tuple

from nerdistill.bundle.bare.access import regular_size
from nerdistill.bundle.bare.hashing import Crew, Read, Tick, cores, sha256_of
from nerdistill.bundle.bare.manifest import File, Manifest, Whole, members_of
from nerdistill.bundle.bare.paths import REBUILD
from nerdistill.bundle.bare.refusal import Refused

TRAILER = 2 * tarfile.RECORDSIZE
"""A tar ends with blocks of zeros, up to this many bytes."""

LONGEST_RECORD = 4096
"""Bytes of what may stand in front of a header: a path has at most 255."""

Members = List[Tuple[str, File, int]]
Place = NamedTuple("Place", [("path", str), ("offset", int), ("size", int)])
"""Where a member's bytes lie."""


def check_volumes(
    manifest: Manifest,
    folders: List[str],
    jobs: Optional[int] = None,
    tick: Optional[Tick] = None,
) -> Dict[str, str]:
    """Find every volume, and read it once, on all cores: each of its files is what it should be.

    Returns:
        The path of each volume.

    Raises:
        Refused: volumes are missing or damaged, with the files in them that are: all of them at
            once, to be carried again; or a tar holds anything but the manifest's files.
        PermissionError: this user may not read one.
    """
    members = members_of(manifest)
    found, wrong = _find(manifest, folders)
    order = [volume for volume in manifest.volumes if volume.name in found]
    order.sort(key=lambda volume: volume.size, reverse=True)
    crew = Crew(tick)
    faults = crew.run(
        lambda one: _fault(one, found[one.name], members[one.name], crew.tick),
        order,
        jobs or cores(),
    )
    for fault in faults:
        if fault and fault.volumes:
            wrong[fault.volumes[0]] = fault.message
    if wrong:
        names = tuple(sorted(wrong))
        raise Refused(
            "; ".join(wrong[name] for name in names),
            "Carry again: {}".format(" ".join(names)),
            names,
        )
    for fault in faults:
        if fault:
            raise fault
    return found


def _find(manifest: Manifest, folders: List[str]) -> Tuple[Dict[str, str], Dict[str, str]]:
    """The path of each volume that has its length; and what is wrong with each other one."""
    found: Dict[str, str] = {}
    wrong: Dict[str, str] = {}
    for volume in manifest.volumes:
        wrong[volume.name] = volume.name + " is missing"
        for folder in folders:
            path = os.path.join(folder, volume.name)
            size = regular_size(path)
            if size == volume.size:
                found[volume.name] = path
                del wrong[volume.name]
                break
            if size is not None:
                wrong[volume.name] = "{} has {} bytes, not {}".format(
                    volume.name, size, volume.size
                )
    return found, wrong


def _fault(volume: Whole, path: str, members: Members, tick: Tick) -> Optional[Refused]:
    """What is wrong with a volume: it is damaged, and named to be carried again, or made so."""
    places: List[Place] = []
    fault = None
    try:
        places = layout(path, members)
    except Refused as error:
        fault = error
    pieces = Pieces(places)
    with open(path, "rb", buffering=0) as stream, ThreadPoolExecutor(1) as other:
        digest = sha256_of(pieces.beside(stream, other), None, tick)
    bad = ", ".join(
        [
            file.path
            for (_, file, index), piece in zip(members, pieces.digests)
            if piece != file.pieces[index].sha256
        ][:3]
    )
    if digest != volume.sha256:
        where = " ({})".format(fault.message) if fault else " at " + bad if bad else ""
        return Refused(
            "{} is damaged{}".format(volume.name, where), "Carry it again.", (volume.name,)
        )
    if bad:
        return Refused(
            "{} holds other bytes than the manifest tells of {}".format(volume.name, bad), REBUILD
        )
    return fault


class Pieces:
    """Digests of a volume's members, from its bytes as they go by.

    Args:
        places: of the members, in order.
    """

    def __init__(self, places: List[Place]) -> None:
        self.digests: List[str] = []
        self._places = places
        self._hashed = hashlib.sha256()
        self._end = 0

    def beside(self, stream: RawIOBase, other: Executor) -> Read:
        """Read a volume from its start, so that the caller hashes all of it at the same time.

        Args:
            stream: the volume.
            other: hashes the members in its thread; what it is given last is done when it ends.
        """
        waiting: List["Future[None]"] = []

        def read(view: memoryview) -> int:
            # The caller has one buffer.
            while waiting:
                waiting.pop().result()
            count = stream.readinto(view) or 0
            if count:
                waiting.append(other.submit(self._update, view[:count]))
            return count

        return read

    def _update(self, view: memoryview) -> None:
        start = self._end
        self._end += len(view)
        while len(self.digests) < len(self._places):
            place = self._places[len(self.digests)]
            last = place.offset + place.size
            if place.offset < self._end:
                self._hashed.update(view[max(place.offset - start, 0) : last - start])
            if last > self._end:
                break
            self.digests.append(self._hashed.hexdigest())
            self._hashed = hashlib.sha256()


def layout(path: str, members: Members) -> List[Place]:
    """Where each member's bytes lie in a volume.

    Nothing in a tar is believed but its order: each header must be that of a regular file with the
    name and the size which the manifest tells, and only zeros may follow the last one. The headers
    are read here and not by `tarfile`, which follows more of what a tar says.

    Raises:
        Refused: it is no plain tar, or holds anything else.
    """
    volume = os.path.basename(path)
    places: List[Place] = []
    end = os.path.getsize(path)
    with open(path, "rb") as stream:
        for name, file, index in members:
            size = file.pieces[index].size
            _check_header(volume, _header(volume, stream, name), name, size)
            offset = stream.tell()
            if offset + size > end:
                raise Refused("{} ends within {!r}".format(volume, name), REBUILD)
            places.append(Place(path, offset, size))
            stream.seek(offset + _padded(size))
        _check_trailer(volume, stream, end)
    return places


Header = NamedTuple("Header", [("kind", bytes), ("name", str), ("size", int)])


def _header(volume: str, stream: BinaryIO, wanted: str) -> Header:
    """The next header; a long or foreign name is told by a record in front of it (pax)."""
    entry = _block(volume, stream, wanted)
    if entry.type != tarfile.XHDTYPE:
        return Header(entry.type, entry.name, entry.size)
    if not 0 < entry.size <= LONGEST_RECORD:
        raise Refused("{} is no plain tar: its record is too long".format(volume), REBUILD)
    told = _records(volume, stream.read(_padded(entry.size))[: entry.size])
    entry = _block(volume, stream, wanted)
    size = told.get("size", str(entry.size))
    return Header(entry.type, told.get("path", entry.name), int(size) if size.isdecimal() else -1)


def _block(volume: str, stream: BinaryIO, wanted: str) -> tarfile.TarInfo:
    block = stream.read(tarfile.BLOCKSIZE)
    if not block.strip(b"\0"):
        raise Refused("{} lacks {!r}".format(volume, wanted), REBUILD)
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise Refused("{} is no plain tar: {}".format(volume, error), REBUILD) from error


def _records(volume: str, data: bytes) -> Dict[str, str]:
    """What a pax record tells: lines such as `19 path=models/mine`, the length in front."""
    told: Dict[str, str] = {}
    while data:
        length = data[:5].partition(b" ")[0]
        line = data[: int(length)] if length.isdigit() else b""
        key, equals, value = line[len(length) + 1 :].decode("utf-8", "replace").partition("=")
        known = key in ("path", "size") and key not in told and bool(equals)
        if not known or value[-1:] != "\n" or len(line) != int(length):
            raise Refused("{} is no plain tar: it renames in other ways".format(volume), REBUILD)
        told[key] = value[:-1]
        data = data[len(line) :]
    return told


def _check_header(volume: str, found: Header, name: str, size: int) -> None:
    if found.name != name:
        raise Refused("{} holds {!r} where {!r} belongs".format(volume, found.name, name), REBUILD)
    if found.kind not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise Refused("{}: {!r} is no regular file".format(volume, name), REBUILD)
    if found.size != size:
        raise Refused(
            "{}: {!r} has {} bytes, not {}".format(volume, name, found.size, size), REBUILD
        )


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _check_trailer(volume: str, stream: BinaryIO, end: int) -> None:
    """See that a tar ends: with two blocks of zeros at least, and with nothing else."""
    left = end - stream.tell()
    if not 2 * tarfile.BLOCKSIZE <= left <= TRAILER or stream.read().strip(b"\0"):
        raise Refused("{} does not end behind its last file".format(volume), REBUILD)

"""Volumes: plain tar files that hold exactly the pieces which the manifest names, in its order."""

import os
import tarfile
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Tuple

from nerdistill.bundle.bare.hashing import Tick, sha256_all, sha256_of
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
    """Find and hash every volume, on all cores, then hold its content against the manifest.

    Returns:
        The path of each volume.

    Raises:
        Refused: volumes are missing or damaged, with the files in them that are: all of them at
            once, to be carried again; or a tar holds anything but the manifest's files.
    """
    members = members_of(manifest)
    found: Dict[str, str] = {}
    wrong: Dict[str, str] = {}
    for volume in manifest.volumes:
        places = [os.path.join(folder, volume.name) for folder in folders]
        regular = [path for path in places if os.path.isfile(path) and not os.path.islink(path)]
        whole = [path for path in regular if os.path.getsize(path) == volume.size]
        if whole:
            found[volume.name] = whole[0]
        elif regular:
            wrong[volume.name] = "{} has {} bytes, not {}".format(
                volume.name, os.path.getsize(regular[0]), volume.size
            )
        else:
            wrong[volume.name] = volume.name + " is missing"
    digests = sha256_all(sorted(found.values()), jobs, tick)
    for volume in manifest.volumes:
        path = found.get(volume.name)
        if path and digests[path] != volume.sha256:
            wrong[volume.name] = _damage(volume, path, members[volume.name])
    if wrong:
        names = tuple(sorted(wrong))
        raise Refused(
            "; ".join(wrong[name] for name in names),
            "Carry again: {}".format(" ".join(names)),
            names,
        )
    for volume in manifest.volumes:
        layout(found[volume.name], members[volume.name])
    return found


def _damage(volume: Whole, path: str, members: Members) -> str:
    """Which files of a damaged volume are damaged, as far as its tar can still be read."""
    try:
        places = layout(path, members)
    except Refused as error:
        return "{} is damaged ({})".format(volume.name, error.message)
    bad = [
        file.path
        for (_, file, index), place in zip(members, places)
        if _digest_at(place) != file.pieces[index].sha256
    ]
    return "{} is damaged{}".format(volume.name, " at " + ", ".join(bad[:3]) if bad else "")


def _digest_at(place: Place) -> str:
    with open(place.path, "rb", buffering=0) as stream:
        stream.seek(place.offset)
        return sha256_of(stream.readinto, place.size)


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

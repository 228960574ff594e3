"""Volumes: plain tar files that hold exactly the pieces which the manifest names, in its order."""

import os
import tarfile
from typing import Dict, List, NamedTuple, Optional, Tuple

from nerdistill.bundle.bare.hashing import Tick, sha256_all, sha256_of
from nerdistill.bundle.bare.manifest import File, Manifest, Whole, members_of
from nerdistill.bundle.bare.refusal import Refused

TRAILER = 2 * tarfile.RECORDSIZE
"""A tar ends with blocks of zeros, up to this many bytes."""

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
    name and the size which the manifest tells, and nothing may follow the last one.

    Raises:
        Refused: it is no plain tar, or holds anything else.
    """
    name = os.path.basename(path)
    places: List[Place] = []
    try:
        with tarfile.open(path, "r:") as tar:
            for wanted, file, index in members:
                entry = tar.next()
                _check_entry(name, entry, wanted, file.pieces[index].size)
                assert entry is not None  # noqa: S101 - _check_entry refuses None
                places.append(Place(path, entry.offset_data, entry.size))
            extra = tar.next()
            end = tar.offset
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise Refused(
            "{} is no plain tar: {}".format(name, error), "Do not use this bundle: make it again."
        ) from error
    if extra is not None:
        raise Refused(
            "{} holds {!r}, which the manifest does not name".format(name, extra.name),
            "Do not use this bundle: make it again.",
        )
    _check_trailer(name, path, end)
    return places


def _check_entry(volume: str, entry: Optional[tarfile.TarInfo], name: str, size: int) -> None:
    again = "Do not use this bundle: make it again."
    if entry is None:
        raise Refused("{} lacks {!r}".format(volume, name), again)
    if entry.name != name:
        raise Refused("{} holds {!r} where {!r} belongs".format(volume, entry.name, name), again)
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.sparse is not None:
        raise Refused("{}: {!r} is no regular file".format(volume, name), again)
    if entry.size != size:
        raise Refused("{}: {!r} has {} bytes, not {}".format(volume, name, entry.size, size), again)


def _check_trailer(name: str, path: str, end: int) -> None:
    left = os.path.getsize(path) - end
    with open(path, "rb") as stream:
        stream.seek(end)
        if left > TRAILER or stream.read().strip(b"\0"):
            raise Refused(
                "{} goes on behind its last file".format(name),
                "Do not use this bundle: make it again.",
            )

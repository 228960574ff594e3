"""Unpack a verified bundle: each file is written aside, hashed, and then given its name."""

import hashlib
import os
import shutil
import stat
from io import RawIOBase
from typing import Dict, List, Optional, Tuple

from nerdistill.bundle.bare.hashing import (
    Crew,
    Read,
    Tick,
    cores,
    sha256_all,
    sha256_file,
    sha256_of,
)
from nerdistill.bundle.bare.manifest import File, Manifest, files_of, members_of
from nerdistill.bundle.bare.paths import REBUILD, folders_above
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing, private_paths
from nerdistill.bundle.bare.verify import Verified
from nerdistill.bundle.bare.volumes import Place, layout

PARTS = ".parts"
"""Below the install root: what is not whole yet."""
Work = Tuple[File, int, Place]
"""A piece to write: of which file, which one, and where its bytes lie."""


def unpack(
    bundle: Verified,
    folder: str,
    base: Optional[str],
    sharing: Sharing,
    jobs: Optional[int] = None,
    tick: Optional[Tick] = None,
) -> None:
    """Write every file of a bundle below a folder, several volumes at once.

    What an interrupted run left is hashed and kept where it is right.

    Args:
        bundle: as `verify` returned it.
        folder: the install root of this bundle, cleared.
        base: the install root of the bundle that this one builds on.
        sharing: a file of the base is shared with it only where its bits are right, too.
        jobs: threads; default: one a core.
        tick: told of bytes as they are read.

    Raises:
        Refused: a file is not what the manifest says, or the base lacks one.
        OSError: the disk is full or not writable.
    """
    manifest = bundle.manifest
    parts = os.path.join(folder, PARTS)
    private = private_paths(manifest)
    kept = _kept(manifest, folder, sharing, tick)
    for file in files_of(manifest):
        os.makedirs(os.path.dirname(os.path.join(folder, file.path)), exist_ok=True)
    work = _work(bundle, kept)
    _make_room(parts, {file.path: file.size for queue in work for file, _, _ in queue})
    crew = Crew(tick)

    def run(queue: List[Work]) -> None:
        for file, index, place in queue:
            _write_piece(_part(parts, file.path), file, index, place, crew.tick)

    crew.run(run, work, jobs or cores())
    for file in files_of(manifest):
        if file.path in kept:
            continue
        if file.base is not None:
            _take_from_base(parts, folder, base, file, sharing.at(file.path, private))
        else:
            _finish(parts, folder, file, sharing.at(file.path, private))
    os.rmdir(parts)


def clear(manifest: Manifest, folder: str) -> int:
    """Take away what an interrupted run left and what is none of the bundle's files.

    Returns:
        Bytes that the others take on the disk already.
    """
    paths = {file.path: file for file in files_of(manifest)}
    above = folders_above(paths)
    present = 0
    for place, folders, names in os.walk(folder):
        for name in list(folders) + names:
            whole = os.path.join(place, name)
            path = os.path.relpath(whole, folder)
            told = os.lstat(whole)
            if stat.S_ISDIR(told.st_mode):
                if path not in above:
                    folders.remove(name)
                    shutil.rmtree(whole)
            elif path not in paths or not stat.S_ISREG(told.st_mode):
                os.unlink(whole)
            elif paths[path].pieces:
                present += min(told.st_size, paths[path].size)
    return present


def _kept(
    manifest: Manifest, folder: str, sharing: Sharing, tick: Optional[Tick]
) -> Dict[str, str]:
    """The files that an earlier run has finished, by path, with their digest.

    None that may be the base's own, with bits that would have to change.
    """
    private = private_paths(manifest)
    there = {
        path: file
        for path, file in ((os.path.join(folder, one.path), one) for one in files_of(manifest))
        if file.base is None
        or sharing.at(file.path, private).fits(path, executable=file.executable)
    }
    right_size = [
        path
        for path, file in there.items()
        if os.path.isfile(path) and os.path.getsize(path) == file.size
    ]
    digests = sha256_all(right_size, None, tick)
    return {
        there[path].path: digest for path, digest in digests.items() if digest == there[path].sha256
    }


def _work(bundle: Verified, kept: Dict[str, str]) -> List[List[Work]]:
    """What is to be read of each volume."""
    queues: List[List[Work]] = []
    for name, members in members_of(bundle.manifest).items():
        places = layout(bundle.volumes[name], members)
        queues.append(
            [
                (file, index, place)
                for (_, file, index), place in zip(members, places)
                if file.path not in kept
            ]
        )
    return queues


def _part(parts: str, path: str) -> str:
    """Where a file is written: in a folder of its own, so that no other file has that name."""
    return os.path.join(parts, hashlib.sha256(path.encode("utf-8")).hexdigest())


def _make_room(parts: str, sizes: Dict[str, int]) -> None:
    """Make each file's part at its whole length, so that pieces can come in any order."""
    os.mkdir(parts, 0o700)
    for path, size in sizes.items():
        handle = os.open(_part(parts, path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.truncate(handle, size)
        finally:
            os.close(handle)


def _write_piece(part: str, file: File, index: int, place: Place, tick: Tick) -> None:
    start = sum(piece.size for piece in file.pieces[:index])
    with open(place.path, "rb", buffering=0) as source:
        source.seek(place.offset)
        with open(part, "r+b", buffering=0) as target:
            target.seek(start)
            digest = sha256_of(_copying(source, target), place.size, tick)
            os.fsync(target.fileno())
    if digest != file.pieces[index].sha256:
        raise Refused(
            "{!r} in {} changed while it was read".format(file.path, os.path.basename(place.path)),
            "See that the medium is sound, verify the bundle, then install again.",
        )


def _copying(source: RawIOBase, target: RawIOBase) -> Read:
    """Read from one file, and write just that to another."""

    def read(view: memoryview) -> int:
        count = source.readinto(view) or 0
        done = 0
        while done < count:
            done += target.write(view[done:count]) or 0
        return count

    return read


def _finish(parts: str, folder: str, file: File, sharing: Sharing) -> None:
    """Give a whole file its name; one that came in pieces is hashed again as a whole."""
    part = _part(parts, file.path)
    if len(file.pieces) > 1 and sha256_file(part) != file.sha256:
        raise Refused(
            "{!r} is not what the manifest says, once put together".format(file.path), REBUILD
        )
    os.chmod(part, sharing.bits(executable=file.executable))
    os.replace(part, os.path.join(folder, file.path))


def _take_from_base(
    parts: str, folder: str, base: Optional[str], file: File, sharing: Sharing
) -> None:
    """Link a file of the base, or copy it where it has other bits or links cannot be made."""
    part = _part(parts, file.path)
    source = os.path.join(base or "", file.base or "")
    again = "Remove {}, install the base bundle again, then this one.".format(base)
    if not os.path.isfile(source) or os.path.islink(source):
        raise Refused("the base that is installed lacks {!r}".format(file.base), again)
    if not (sharing.fits(source, executable=file.executable) and _linked(source, part)):
        with open(source, "rb", buffering=0) as read:  # noqa: SIM117 - the syntax of 3.6
            with open(part, "wb", buffering=0) as written:
                sha256_of(_copying(read, written), None)
                os.fsync(written.fileno())
        os.chmod(part, sharing.bits(executable=file.executable))
    if sha256_file(part) != file.sha256:
        raise Refused("{!r} of the installed base is damaged".format(file.base), again)
    os.replace(part, os.path.join(folder, file.path))


def _linked(source: str, part: str) -> bool:
    try:
        os.link(source, part)
    except OSError:
        return False
    return True

"""Unpack a verified bundle: each file is written aside, hashed, and then given its name."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from io import RawIOBase
from typing import Dict, List, Optional, Tuple

from nerdistill.bundle.bare.hashing import Read, Tick, cores, serial, sha256_all, sha256_of
from nerdistill.bundle.bare.manifest import File, Manifest, files_of, members_of
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.verify import Verified
from nerdistill.bundle.bare.volumes import Place, layout

ASIDE = ".part"
Work = Tuple[File, int, Place]
"""A piece to write: of which file, which one, and where its bytes lie."""


def unpack(
    bundle: Verified,
    folder: str,
    base: Optional[str],
    jobs: Optional[int] = None,
    tick: Optional[Tick] = None,
) -> None:
    """Write every file of a bundle below a folder, several volumes at once.

    What an interrupted run left is hashed and kept where it is right.

    Args:
        bundle: as `verify` returned it.
        folder: the install root of this bundle.
        base: the install root of the bundle that this one builds on.
        jobs: threads; default: one a core.
        tick: told of bytes as they are read.

    Raises:
        Refused: a file is not what the manifest says, or the base lacks one.
        OSError: the disk is full or not writable.
    """
    manifest = bundle.manifest
    kept = _kept(manifest, folder)
    for file in files_of(manifest):
        os.makedirs(os.path.dirname(os.path.join(folder, file.path)), exist_ok=True)
    work = _work(bundle, kept)
    _make_room(folder, [one for queue in work for one in queue])
    stop = threading.Event()
    told = serial(tick)

    def run(queue: List[Work]) -> None:
        try:
            for file, index, place in queue:
                if stop.is_set():
                    return
                _write_piece(folder, file, index, place, told)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(jobs or cores()) as pool:
        for _ in pool.map(run, work):
            pass
    for file in files_of(manifest):
        if file.path in kept:
            continue
        if file.base is not None:
            _take_from_base(folder, base, file)
        else:
            _finish(folder, file)


def _kept(manifest: Manifest, folder: str) -> Dict[str, str]:
    """The files that an earlier run has finished, by path, with their digest."""
    there = {os.path.join(folder, file.path): file for file in files_of(manifest)}
    right_size = [
        path
        for path, file in there.items()
        if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) == file.size
    ]
    digests = sha256_all(right_size)
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


def _make_room(folder: str, work: List[Work]) -> None:
    """Make each file's part anew, at its whole length, so that pieces can come in any order."""
    for path, size in {(file.path, file.size) for file, _, _ in work}:
        aside = os.path.join(folder, path + ASIDE)
        if os.path.lexists(aside):
            os.unlink(aside)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.truncate(handle, size)
        finally:
            os.close(handle)


def _write_piece(folder: str, file: File, index: int, place: Place, tick: Optional[Tick]) -> None:
    start = sum(piece.size for piece in file.pieces[:index])
    with open(place.path, "rb", buffering=0) as source:
        source.seek(place.offset)
        with open(os.path.join(folder, file.path + ASIDE), "r+b", buffering=0) as target:
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


def _finish(folder: str, file: File) -> None:
    """Give a whole file its name; one that came in pieces is hashed again as a whole."""
    path = os.path.join(folder, file.path)
    if len(file.pieces) > 1:
        with open(path + ASIDE, "rb", buffering=0) as stream:
            if sha256_of(stream.readinto, None) != file.sha256:
                raise Refused(
                    "{!r} is not what the manifest says, once put together".format(file.path),
                    "Do not use this bundle: make it again.",
                )
    elif file.pieces[0].sha256 != file.sha256:
        raise Refused(
            "{!r} has two digests in the manifest".format(file.path),
            "Do not use this bundle: make it again.",
        )
    os.chmod(path + ASIDE, 0o755 if file.executable else 0o644)
    os.replace(path + ASIDE, path)


def _take_from_base(folder: str, base: Optional[str], file: File) -> None:
    """Link a file of the base, or copy it where links cannot be made."""
    path = os.path.join(folder, file.path)
    source = os.path.join(base or "", file.base or "")
    if not os.path.isfile(source) or os.path.islink(source):
        raise Refused(
            "the base that is installed lacks {!r}".format(file.base),
            "Install the base bundle again, then this one.",
        )
    if os.path.lexists(path):
        os.unlink(path)
    if os.path.lexists(path + ASIDE):
        os.unlink(path + ASIDE)
    try:
        os.link(source, path + ASIDE)
    except OSError:
        with open(source, "rb", buffering=0) as read:  # noqa: SIM117 - the syntax of 3.6
            with open(path + ASIDE, "wb", buffering=0) as written:
                sha256_of(_copying(read, written), None)
                os.fsync(written.fileno())
        os.chmod(path + ASIDE, 0o755 if file.executable else 0o644)
    with open(path + ASIDE, "rb", buffering=0) as stream:
        if sha256_of(stream.readinto, None) != file.sha256:
            raise Refused(
                "{!r} of the installed base is damaged".format(file.base),
                "Install the base bundle again, then this one.",
            )
    os.replace(path + ASIDE, path)

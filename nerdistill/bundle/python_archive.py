"""Unpack of a CPython's archive what an interpreter needs: regular files below one folder."""

from __future__ import annotations

import posixpath
import re
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from nerdistill.bundle.elf import read_elf
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ZSTD = b"\x28\xb5\x2f\xfd"
LARGEST = 4 << 30
"""Bytes that an archive may unpack to."""
HOPS = 40
"""Links in a row."""
LEFT_OUT = frozenset(
    {"__pycache__", "idlelib", "site-packages", "test", "tests", "tkinter", "turtledemo"}
)
"""Folders of the standard library that nothing here imports."""

_PROGRAM = re.compile(r"((?:[^/]+/)*)bin/python(3\.[0-9]+)")
_LICENCE = re.compile(r"LICEN[CS]E[^/]*|licenses/[^/]+")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was written.

    Attributes:
        names: of the files, relative to the folder; the first is the interpreter.
        left_out: how many files and links were not.
    """

    names: tuple[str, ...]
    left_out: int


def unpack_python(archive: Path, folder: Path) -> Unpacked:
    """Write the interpreter, its library, its headers and its licences below a folder.

    Links are followed, and written as copies only where the interpreter needs them. Shared
    libraries come only where something that is written loads them.

    Args:
        archive: a tar, perhaps compressed.
        folder: emptied first.

    Raises:
        ValueError, TarError, EOFError, zlib.error: it is no such archive, or holds what does not
            belong in one.
        BundleError: a package that unpacks it is missing.
        OSError: the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with _opened(archive) as tar:
        members = _members(tar)
        root, program = _interpreter(members)
        paths = _kept(members, root, program)
        # In the archive's order: a compressed one can't be read backwards.
        order = sorted(paths, key=lambda path: _target(members, paths[path]).offset)
        for path in order:
            _write(tar, _target(members, paths[path]), folder / path)
        names = [program, *(path for path in order if path != program)]
        names += _libraries(tar, members, root, folder, names)
    files = sum(not one.isdir() for one in members.values())
    return Unpacked(tuple(names), files - len(names))


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    with archive.open("rb") as stream:
        packed = stream.read(len(ZSTD)) == ZSTD
    if not packed:
        with tarfile.open(archive) as tar:
            yield tar
        return
    try:
        import zstandard
    except ImportError as error:
        raise BundleError(
            f"{archive.name} is packed by zstd, and zstandard is not installed",
            "Install nerdistill[bundle] on the connected machine, or unpack the file (zstd -d) and "
            "name the .tar.",
        ) from error
    with tempfile.TemporaryFile() as plain, archive.open("rb") as stream:
        try:
            for chunk in zstandard.ZstdDecompressor().read_to_iter(stream):
                plain.write(chunk)
                if plain.tell() > LARGEST:
                    raise ValueError(f"it unpacks to more than {LARGEST >> 30} GiB")
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        plain.seek(0)
        with tarfile.open(fileobj=plain) as tar:
            yield tar


def _members(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """All of a tar, by path; nothing in it may name a place outside."""
    found: dict[str, tarfile.TarInfo] = {}
    size = 0
    for one in tar:
        path = posixpath.normpath(one.name)
        if _leaves(path) or not (one.isreg() or one.isdir() or one.issym() or one.islnk()):
            raise ValueError(f"it holds {one.name!r}, a device or a path outside")
        size += one.size
        if size > LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST >> 30} GiB")
        found[path] = one
    for one in found.values():
        if (one.issym() or one.islnk()) and _leaves(_linked(one)):
            raise ValueError(f"its link {one.name!r} leads outside, to {one.linkname!r}")
    return found


def _leaves(path: str) -> bool:
    return path.startswith("/") or path.partition("/")[0] == ".."


def _linked(link: tarfile.TarInfo) -> str:
    """The path that a link names; a hard link's is that of the archive."""
    above = posixpath.dirname(posixpath.normpath(link.name)) if link.issym() else ""
    return posixpath.normpath(posixpath.join(above, link.linkname))


def _target(members: dict[str, tarfile.TarInfo], path: str) -> tarfile.TarInfo:
    """The regular file that a path stands for."""
    one = members.get(path)
    for _ in range(HOPS):
        if one is None or not (one.issym() or one.islnk()):
            break
        one = members.get(_linked(one))
    if one is None or not one.isreg():
        raise ValueError(f"{path!r} leads to no file in it")
    return one


def _interpreter(members: dict[str, tarfile.TarInfo]) -> tuple[str, str]:
    """The folder that is to become `python/`, and `bin/python3.X` in it."""
    found = [match for path in members if (match := _PROGRAM.fullmatch(path))]
    if not found:
        raise ValueError("it holds no bin/python3.X")
    first = min(found, key=lambda match: (len(match[1]), match[2]))
    return first[1], f"bin/python{first[2]}"


def _kept(members: dict[str, tarfile.TarInfo], root: str, program: str) -> dict[str, str]:
    """By their paths below the root, the members that an interpreter needs."""
    kept = {program: f"{root}{program}"}
    version = program.removeprefix("bin/")
    for path, one in members.items():
        if one.isdir() or not path.startswith(root):
            continue
        name = path.removeprefix(root)
        if _LICENCE.fullmatch(name) or (
            name.startswith((f"lib/{version}/", f"include/{version}/"))
            and _is_used(members, one, PurePosixPath(name))
        ):
            kept[name] = path
    # A full archive has its licences beside the `install` folder that is the root.
    beside = root.removesuffix("install/")
    kept |= {path.removeprefix(beside): path for path in members if _beside(path, beside, root)}
    return kept


def _is_used(
    members: dict[str, tarfile.TarInfo], one: tarfile.TarInfo, path: PurePosixPath
) -> bool:
    if LEFT_OUT & {*path.parts[2:-1]} or path.suffix in {".a", ".exe", ".o", ".pyc"}:
        return False
    if path.name.startswith("_tkinter."):
        return False
    if not one.issym():
        return True
    target = members.get(_linked(one))
    # To a folder, or to nothing: a convenience, as is the name by which a compiler links.
    return target is not None and not target.isdir() and path.suffix != ".so"


def _beside(path: str, beside: str, root: str) -> bool:
    return (
        beside != root
        and path.startswith(f"{beside}licenses/")
        and bool(_LICENCE.fullmatch(path.removeprefix(beside)))
    )


def _libraries(
    tar: tarfile.TarFile,
    members: dict[str, tarfile.TarInfo],
    root: str,
    folder: Path,
    names: Sequence[str],
) -> list[str]:
    """Write those libraries of the archive that the files need, and that they need themselves."""
    written: list[str] = []
    waiting = [name for name in names if name.startswith("bin/") or name.endswith(".so")]
    while waiting:
        told = read_elf(folder / waiting.pop())
        for name in sorted(told.libraries) if told else ():
            path = f"lib/{name}"
            if path not in written and f"{root}{path}" in members:
                _write(tar, _target(members, f"{root}{path}"), folder / path)
                written.append(path)
                waiting.append(path)
    return written


def _write(tar: tarfile.TarFile, one: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = tar.extractfile(one)
    if stream is None:
        raise ValueError(f"{one.name!r} can't be read")
    with stream, path.open("wb") as written:
        shutil.copyfileobj(stream, written)
    path.chmod(0o755 if one.mode & 0o111 else 0o644)

"""The Python that a bundle brings: what it is, and whether it runs on the server."""

from __future__ import annotations

import ast
import re
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.bare.paths import check_paths
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.elf import read_elf
from nerdistill.bundle.mark import mark, marked
from nerdistill.bundle.platform import PYTHONS
from nerdistill.bundle.python_archive import unpack_python
from nerdistill.digest import digest_file
from nerdistill.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nerdistill.bundle.elf import Elf
    from nerdistill.bundle.target import Target
    from nerdistill.progress import Progress

FOLDER = "python"
OTHER = (
    "Name a relocatable CPython for Linux with glibc, such as an install_only archive of "
    "python-build-standalone (…-unknown-linux-gnu-install_only.tar.gz)."
)
LICENCE = "PSF-2.0"
GLIBC = re.compile(
    r"(?:ld-linux.*|lib(?:c|crypt|dl|m|nsl|pthread|resolv|rt|util|gcc_s|stdc\+\+))\.so[.0-9]*"
)
"""Libraries that every server has: those of glibc and of its compiler."""
_PATCH = re.compile(r'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BroughtPython:
    """A CPython below `python/`.

    Attributes:
        version: such as (3, 11).
        glibc: the oldest that it runs on.
    """

    version: tuple[int, int]
    glibc: tuple[int, int]
    asset: Asset


def bring_python(
    archive: Path, target: Target, cache: Path, progress: Progress, *, headers: bool
) -> BroughtPython:
    """Unpack a relocatable CPython, once, and see that it runs on the server.

    None of its code is run here.

    Args:
        archive: such as an install_only archive of python-build-standalone.
        target: the server.
        cache: it is unpacked below it, in a folder of its digest.
        progress: told what is left out, and what it needs of the server.
        headers: whether Python.h is needed.

    Raises:
        ConfigError: there is no such file.
        BundleError: it is no such archive, or its Python does not run there.
        OSError: it can't be read, or the disk is full.
    """
    if not archive.is_file():
        raise ConfigError(f"the Python archive {archive} is no file", OTHER)
    digest = digest_file(archive)
    folder = cache.absolute() / FOLDER / digest[:16]
    try:
        names = _unpacked(archive, digest, folder, progress)
        return _checked(archive.name, folder, names, target, progress, headers=headers)
    except (ValueError, SyntaxError, tarfile.TarError, EOFError, zlib.error) as error:
        raise BundleError(f"{archive.name} can't be used: {error}", OTHER) from error


def _unpacked(archive: Path, digest: str, folder: Path, progress: Progress) -> list[str]:
    source = {"archive": digest}
    names = marked(folder, source)
    if names is not None:
        return names
    progress.say(f"unpack {archive.name}")
    made = unpack_python(archive, folder)
    mark(folder, source, made.names)
    progress.say(
        f"{made.left_out:,} files of {archive.name} are left out: tests, installed packages, "
        "Tcl/Tk, man pages, terminfo and other programs than the interpreter"
    )
    return list(made.names)


def _checked(
    archive: str,
    folder: Path,
    names: Sequence[str],
    target: Target,
    progress: Progress,
    *,
    headers: bool,
) -> BroughtPython:
    """All that is wrong is a ValueError: the reason."""
    text = names[0].removeprefix("bin/python")
    version = int(text.partition(".")[0]), int(text.partition(".")[2])
    if version not in PYTHONS:
        raise ValueError(f"it is Python {text}, not one of 3.11 to 3.14")
    compiled = {
        name: told for name in names if _may_be_elf(name) and (told := read_elf(folder / name))
    }
    _check_program(compiled.get(names[0]), names, target)
    _check_build(folder, names, text)
    if headers and f"include/python{text}/Python.h" not in names:
        raise ValueError("it holds no Python.h, which vLLM's kernels are compiled with")
    glibc = max(one.glibc for one in compiled.values())
    if (2, glibc) > target.glibc:
        has = ".".join(map(str, target.glibc))
        raise ValueError(f"it needs glibc 2.{glibc}, and the server has {has}")
    _tell_needs(compiled, progress)
    return BroughtPython(version, (2, glibc), _asset(archive, folder, names, text))


def _may_be_elf(name: str) -> bool:
    return name.startswith("bin/") or ".so" in name


def _check_program(program: Elf | None, names: Sequence[str], target: Target) -> None:
    if program is None:
        raise ValueError(f"its {names[0]} is no program for Linux of 64 bits")
    if program.machine != target.machine:
        raise ValueError(f"it is for {program.machine}, and the server is {target.machine}")
    if "ld-linux" not in program.loader:
        raise ValueError(f"it is not made for glibc (it starts by {program.loader or 'itself'})")
    # One that is named by its place, `$ORIGIN/../lib/NAME`, is found wherever that lies.
    own = {f"lib/{name}" for name in program.needed} & {*names}
    if own and "$ORIGIN" not in program.run_path:
        raise ValueError(
            f"it is not relocatable: it looks for {min(own)} in {program.run_path or 'the system'}"
        )


def _check_build(folder: Path, names: Sequence[str], version: str) -> None:
    """How it was compiled, as its sysconfig tells: data, that are read and not run."""
    path = next((name for name in names if re.fullmatch(r"lib/[^/]+/_sysconfigdata_.*", name)), "")
    if not path:
        raise ValueError("it holds no _sysconfigdata, which every CPython has")
    told: object = None
    for node in ast.parse((folder / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "build_time_vars":
            told = ast.literal_eval(node.value)
    if not isinstance(told, dict) or str(told.get("VERSION")) != version:
        raise ValueError(f"its {path} does not tell of Python {version}")
    if told.get("Py_GIL_DISABLED"):
        raise ValueError("it is a free-threaded build, for which many packages have no wheels")
    if told.get("Py_DEBUG"):
        raise ValueError("it is a debug build, for which packages have no wheels")
    if "musl" in str(told.get("HOST_GNU_TYPE", "")):
        raise ValueError("it is built for musl, not for glibc")


def _tell_needs(compiled: dict[str, Elf], progress: Progress) -> None:
    there = {name.rpartition("/")[2] for name in compiled}
    needed = {name for one in compiled.values() for name in one.libraries} - there
    strange = sorted(name for name in needed if not GLIBC.fullmatch(name))
    if strange:
        progress.say(f"the Python that is brought needs of the server: {', '.join(strange)}")


def _asset(archive: str, folder: Path, names: Sequence[str], version: str) -> Asset:
    header = folder / f"include/python{version}/patchlevel.h"
    found = _PATCH.search(header.read_text(encoding="utf-8")) if header.is_file() else None
    exact = found[1] if found else version
    files = tuple(
        AssetFile(folder / name, f"{FOLDER}/{name}", (folder / name).stat().st_mode & 0o100 != 0)
        for name in sorted(names)
    )
    try:
        check_paths(file.path for file in files)
    except Refused as error:
        raise ValueError(error.message) from error
    return Asset(f"CPython {exact}", "python", f"file {archive}", exact, LICENCE, files)

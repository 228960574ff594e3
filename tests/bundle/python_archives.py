"""Archives of CPythons: a made-up one, and the Python that runs the tests."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.elf import (
    DYNAMIC,
    ENTRY,
    HEADER,
    INTERPRETER,
    LOAD,
    NEEDED,
    RUNPATH,
    SEGMENT,
    STRINGS,
    read_elf,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOADER = "/lib64/ld-linux-x86-64.so.2"
SYSCONFIG = "lib/python3.11/_sysconfigdata__linux_x86_64-linux-gnu.py"
VARS = {"VERSION": "3.11", "Py_GIL_DISABLED": 0, "Py_DEBUG": 0}
HEADER_FILE = "include/python3.11/Python.h"


def elf(
    machine: int = 62,
    loader: str = LOADER,
    needed: Sequence[str] = ("libc.so.6",),
    run_path: str = "",
    glibc: int = 17,
) -> bytes:
    """The headers of a program, and nothing to run."""
    words = ["", loader, run_path, f"GLIBC_2.{glibc}", *needed]
    places, table = {}, b""
    for word in words:
        places[word] = len(table)
        table += word.encode() + b"\0"
    start = HEADER.size + 3 * SEGMENT.size
    pairs = [(NEEDED, places[one]) for one in needed] + [(RUNPATH, places[run_path])]
    # The program is loaded 0x1000 above its place in the file, as real ones are.
    pairs += [(STRINGS, 0x1000 + start), (0, 0)]
    dynamic = start + len(table)
    size = len(pairs) * ENTRY.size
    kind = INTERPRETER if loader else 0
    segments = [
        (LOAD, 5, 0, 0x1000, 0x1000, dynamic + size, dynamic + size, 0x1000),
        (kind, 4, start + places[loader], 0, 0, len(loader) + 1, len(loader) + 1, 1),
        (DYNAMIC, 6, dynamic, 0x1000 + dynamic, 0, size, size, 8),
    ]
    head = HEADER.pack(
        *(b"\x7fELF", 2, 1, 3, machine, 1, 0, HEADER.size, 0, 0, HEADER.size),
        *(SEGMENT.size, len(segments), 0, 0, 0),
    )
    return b"".join(
        [
            head,
            *(SEGMENT.pack(*one) for one in segments),
            table,
            *(ENTRY.pack(*pair) for pair in pairs),
        ]
    )


def sysconfig_data(**changed: object) -> bytes:
    """The file that tells how it was compiled."""
    return f"# made by configure\nbuild_time_vars = { ({**VARS, **changed})!r}\n".encode()


def files(**changed: bytes) -> dict[str, bytes]:
    """A small CPython; `program` and `vars` may be others."""
    return {
        "bin/python3.11": changed.get("program", elf()),
        "lib/python3.11/os.py": b"# the standard library\n",
        SYSCONFIG: changed.get("vars", sysconfig_data()),
        HEADER_FILE: b"#define Py_PYTHON_H\n",
        "include/python3.11/patchlevel.h": b'#define PY_VERSION             "3.11.9"\n',
        "lib/python3.11/LICENSE.txt": b"PYTHON SOFTWARE FOUNDATION LICENSE\n",
    }


def entry(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """A member without content."""
    one = tarfile.TarInfo(name)
    one.type, one.linkname = kind, link
    return one


def archive(
    path: Path,
    content: Mapping[str, bytes],
    *,
    links: Mapping[str, str] | None = None,
    more: Sequence[tarfile.TarInfo] = (),
    root: str = "python/",
) -> Path:
    """An archive whose compression its name tells."""
    packed = path.suffix == ".gz"
    with tarfile.open(path, "w:gz") if packed else tarfile.open(path, "w") as tar:
        for name, data in content.items():
            one = entry(f"{root}{name}")
            one.size, one.mode = len(data), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(one, io.BytesIO(data))
        for name, target in (links or {}).items():
            tar.addfile(entry(f"{root}{name}", kind=tarfile.SYMTYPE, link=target))
        for one in more:
            tar.addfile(one)
    return path


def own_python(place: Path) -> Path:
    """The Python that runs the tests, as the archive of a relocatable one; else the test skips."""
    base, version = Path(sys.base_prefix), sysconfig.get_config_var("VERSION")
    library = Path("lib", f"python{version}")
    parts = [Path("bin", f"python{version}"), library, Path("include", f"python{version}")]
    try:
        ready = base != Path("/usr") and all((base / part).exists() for part in parts)
    except OSError:
        ready = False
    if not ready:
        pytest.skip(f"the Python in {base} is not in one folder, which one could take along")
    root = place / "python"
    try:
        for part in parts:
            _copy(base / part, root / part)
        shared = sorted((base / "lib").glob(f"libpython{version}.so*"))
        for path in shared:
            shutil.copy2(path, root / "lib", follow_symlinks=False)
    except OSError as error:
        pytest.skip(f"the Python in {base} can't be read: {error}")
    told = read_elf(root / parts[0])
    if told and told.run_path and "$ORIGIN" not in told.run_path:
        _make_relocatable(root / parts[0], told.run_path)
    if subprocess.run([root / parts[0], "-I", "-c", ""], check=False).returncode != 0:
        pytest.skip(f"the Python in {base} does not start at another place")
    path = place / "cpython.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(root, "python")
    shutil.rmtree(root)
    return path


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        skipped = shutil.ignore_patterns("__pycache__", "site-packages", "test", "*.a")
        shutil.copytree(source, target, symlinks=True, ignore=skipped)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _make_relocatable(program: Path, run_path: str) -> None:
    """Let it look for its library beside itself, as relocatable ones do."""
    old, new = run_path.encode() + b"\0", b"$ORIGIN/../lib\0"
    data = program.read_bytes()
    if len(new) > len(old):
        pytest.skip(f"there is no room in {program.name} for another run path")
    program.write_bytes(data.replace(old, new.ljust(len(old), b"\0"), 1))

"""Bundles that can be installed: a tiny wheel called nerdistill, and a pip, real or as tiny."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from nerdistill.bundle.bare import install as installer
from nerdistill.bundle.bare.environment import LOCK
from nerdistill.bundle.bare.install import Wishes
from nerdistill.bundle.bare.probe import facts
from nerdistill.bundle.wheel_file import pack
from nerdistill.digest import digest_file
from tests.bundle.making import FILES, TARGET, Made, make_bundle
from tests.bundle.tiny_index import make_wheel

HERE = {
    **TARGET,
    "machine": platform.machine(),
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
}
"""This machine, as a bundle's target."""
PROGRAM = b"def main() -> None:\n    print('nerdistill 0')\n"
ENTRY = b"[console_scripts]\nnerdistill = nerdistill:main\n"

INSTALL = """\
import pathlib, sys, sysconfig, zipfile
(wheel,) = pathlib.Path(sys.argv[sys.argv.index("--find-links") + 1]).glob("nerdistill-*")
zipfile.ZipFile(wheel).extractall(sysconfig.get_paths()["purelib"])
program = pathlib.Path(sys.executable).with_name("nerdistill")
starts = f'#!/bin/sh\\n"exec" "{sys.executable}" "$0" "$@"\\n'
program.write_text(starts + "import nerdistill\\nnerdistill.main()\\n")
program.chmod(0o755)
"""
"""What pip does with the tiny wheel, in a tenth of its time."""

Files = dict[str, bytes]
Tree = dict[str, tuple[int, bytes | str]]


def make_files(place: Path, pip: str | None) -> Files:
    """The files of the smallest bundle that can be installed.

    Args:
        place: for the wheels.
        pip: the program of a pip that stands in; None for the real one.
    """
    own = make_wheel(
        place,
        "nerdistill",
        files={"nerdistill.py": PROGRAM, "nerdistill-1.0.dist-info/entry_points.txt": ENTRY},
    )
    lock = f"nerdistill==1.0 --hash=sha256:{digest_file(own)}\n"
    wheels = {f"wheels/{path.name}": path.read_bytes() for path in (own, pip_wheel(place, pip))}
    return {**FILES, **wheels, LOCK: lock.encode()}


def pip_wheel(place: Path, program: str | None = None) -> Path:
    """The wheel of the pip that runs here, put together again, or of another one."""
    if program is not None:
        return make_wheel(place, "pip", "0", files={"pip/__main__.py": program.encode()})
    installed = distribution("pip")
    members = {
        file.as_posix(): (Path(str(installed.locate_file(file))).read_bytes(), False)
        for file in installed.files or ()
        if ".." not in file.parts and file.suffix != ".pyc"
    }
    path = place / f"pip-{installed.version}-py3-none-any.whl"
    pack(path, members)
    return path


@pytest.fixture(scope="session")
def real_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What an installable bundle holds, with the real pip."""
    return make_files(tmp_path_factory.mktemp("real"), None)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What a bundle holds that is installed quickly."""
    return make_files(tmp_path_factory.mktemp("quick"), INSTALL)


@pytest.fixture(scope="session")
def this_machine() -> dict[str, Any]:
    """What probe.py tells of this machine."""
    return facts([], sys.executable)


@pytest.fixture
def looked_at(this_machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing does not look at this machine again: it takes a second or two."""

    def told(*_: object) -> dict[str, Any]:
        return this_machine

    monkeypatch.setattr(installer, "facts", told)


@pytest.fixture
def bundle(files: Files, tmp_path: Path) -> Made:
    """A bundle for this machine that is installed quickly."""
    return make_bundle(tmp_path, files, target=HERE)


def wishes(made: Made, root: Path, **more: Any) -> Wishes:  # noqa: ANN401 - as Wishes has them
    """What a user asks for who names only what is needed."""
    return Wishes(
        bundle=str(made.folder),
        key=made.key.public,
        root=str(root),
        folders=[],
        python=sys.executable,
        group=None,
        allow_rollback=False,
        jobs=2,
    )._replace(**more)


def put(made: Made, root: Path, **more: Any) -> Path:  # noqa: ANN401 - as Wishes has them
    """Install, saying nothing."""
    return Path(installer.install(wishes(made, root, **more), lambda _: None))


def works(root: Path) -> bool:
    """Whether what is `current` starts."""
    return starts(root / "current")


def starts(folder: Path) -> bool:
    """Whether the program of a version starts; whatever this process sets for Python."""
    program = folder / ".venv" / "bin" / "nerdistill"
    if not program.exists():
        return False
    done = subprocess.run([program, "--version"], env={}, check=False, capture_output=True)
    return done.stdout == b"nerdistill 0\n"


def tree(folder: Path) -> Tree:
    """All that lies below a folder, but for the environment, whose bytes name its place."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ".venv" in path.relative_to(folder).parts:
            continue
        if path.is_symlink():
            found[name] = (0, str(path.readlink()))
        elif path.is_file():
            found[name] = (path.stat().st_mode, path.read_bytes())
        else:
            found[name] = (path.stat().st_mode, "a folder" if path.is_dir() else "a device")
    return found


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """The size and the time of every file and folder."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
    }

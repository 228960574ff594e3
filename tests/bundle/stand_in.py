"""A bundle that can be installed in seconds: a small nerdistill, and the pip that Python ships."""

from __future__ import annotations

import ensurepip
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.digest import digest_file
from tests.bundle.tiny_index import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.bundle.asset import Role

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
TARGET: dict[str, object] = {
    "machine": platform.machine(),
    "python": VERSION,
    "glibc": "2.17",
    "cuda": None,
    "compiler": False,
}
PROGRAM = """\
import os, pathlib, socket, sys

FAILS = {fails!r}

def main():
    word = sys.argv[1]
    if word == "--version":
        print("nerdistill 0")
        return
    names = sorted(name for _, name in socket.if_nameindex())
    line = " ".join([word, *names, sys.base_prefix])
    with pathlib.Path({log!r}).open("a") as stream:
        print(line, file=stream)
    print("this is the answer of", *sys.argv[1:])
    sys.exit(FAILS.get(word, 0))
"""
"""It writes down each command, the network that it saw and the Python that ran it."""


def stand_in_wheel(folder: Path, log: Path, fails: Mapping[str, int]) -> Path:
    """A wheel of a nerdistill that answers every command, with the exit codes that are told."""
    program = PROGRAM.format(fails=dict(fails), log=str(log))
    entry = b"[console_scripts]\nnerdistill = nerdistill:main\n"
    told = {
        "nerdistill.py": program.encode(),
        "nerdistill-0.1.0.dist-info/entry_points.txt": entry,
    }
    return make_wheel(folder, "nerdistill", "0.1.0", files=told)


def pip_wheel() -> Path:
    """The wheel of pip that this Python carries; else the test skips."""
    found = sorted(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))
    if not found:
        pytest.skip("this Python carries no wheel of pip")
    return found[-1]


def installable(
    place: Path, log: Path, fails: Mapping[str, int] | None = None
) -> tuple[Asset, ...]:
    """What a bundle needs besides its files to be installed."""
    wheel, pip = stand_in_wheel(place / "stand-in", log, fails or {}), pip_wheel()
    lock = place / "stand-in" / "requirements.lock"
    lock.write_text(f"nerdistill==0.1.0 --hash=sha256:{digest_file(wheel)}\n")
    return (
        _asset("requirements", lock, lock.name),
        _asset("wheel", wheel, f"wheels/{wheel.name}"),
        _asset("wheel", pip, f"wheels/{pip.name}"),
    )


def _asset(role: Role, origin: Path, path: str) -> Asset:
    return Asset(path, role, "test", None, "CC0-1.0", (AssetFile(origin, path),))

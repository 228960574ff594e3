"""A bundle that can be installed in seconds: a small nerdistill, and the pip that is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.build import Content, draft
from nerdistill.digest import digest_file
from nerdistill.progress import Silent
from tests.bundle.installing import HERE, pip_wheel
from tests.bundle.tiny_index import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nerdistill.bundle.asset import Role
    from nerdistill.bundle.bare.manifest import Manifest
    from nerdistill.bundle.build import Draft

STUDY = "offline_assets/studies/small.toml"
PROGRAM = """\
import os, pathlib, socket, sys

FAILS = {fails!r}

def main():
    word = sys.argv[1]
    if word == "--version":
        print("nerdistill 0")
        return
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
        reach = "reached"
    except OSError:
        reach = "unreachable"
    line = " ".join([word, os.readlink("/proc/self/ns/net"), reach, sys.base_prefix])
    with pathlib.Path({log!r}).open("a") as stream:
        print(line, file=stream)
    print("this is the answer of", *sys.argv[1:])
    sys.exit(FAILS.get(word, 0))
"""
"""It writes down each command, the network that it saw and the Python that ran it."""


def stand_in_wheel(
    folder: Path, log: Path, fails: Mapping[str, int], requires: Sequence[str] = ()
) -> Path:
    """A wheel of a nerdistill that answers every command, with the exit codes that are told."""
    program = PROGRAM.format(fails=dict(fails), log=str(log))
    entry = b"[console_scripts]\nnerdistill = nerdistill:main\n"
    told = {
        "nerdistill.py": program.encode(),
        "nerdistill-0.1.0.dist-info/entry_points.txt": entry,
    }
    return make_wheel(folder, "nerdistill", "0.1.0", requires=requires, files=told)


def installable(
    place: Path, log: Path, fails: Mapping[str, int] | None = None
) -> tuple[Asset, ...]:
    """What a bundle needs besides its files to be installed."""
    wheel, pip = stand_in_wheel(place / "stand-in", log, fails or {}), pip_wheel(place)
    lock = place / "stand-in" / "requirements.lock"
    lock.write_text(f"nerdistill==0.1.0 --hash=sha256:{digest_file(wheel)}\n")
    return (
        _asset("requirements", lock, lock.name),
        _asset("wheel", wheel, f"wheels/{wheel.name}"),
        _asset("wheel", pip, f"wheels/{pip.name}"),
    )


def draft_of(
    place: Path,
    assets: tuple[Asset, ...],
    *,
    target: Mapping[str, object] = HERE,
    base: Manifest | None = None,
    name: str = "bundle",
) -> Draft:
    """A bundle of a study and these assets, that waits for its rehearsal."""
    study = place / "study.toml"
    study.write_text('name = "small"\n')
    content = Content(
        name="small",
        version=2 if base else 1,
        created="2026-01-02T03:04:05Z",
        study=STUDY,
        target=dict(target),
        assets=(_asset("study", study, STUDY), *assets),
        unpacked=0,
        sbom="{}\n",
    )
    return draft(
        place / name, content, most=1 << 22, base=base, cache=place / "cache", progress=Silent()
    )


def _asset(role: Role, origin: Path, path: str) -> Asset:
    return Asset(path, role, "test", None, "CC0-1.0", (AssetFile(origin, path),))

"""Whether the models and data that lie here are whole, and can be read by their user alone."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.share import PRIVATE
from nerdistill.bundle.intact import ASK
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from nerdistill.bundle.intact import Fault
    from nerdistill.bundle.inventory import Inventory, Item

SHOWN = 5
PLACES = ("offline_assets", "models", ".venv")
NO_STUDENT = (
    "Copy the folder of a pretrained encoder (config.json, model.safetensors, tokenizer.json) into "
    "models/, or install a bundle that has one; in a checkout: scripts/setup"
)


def check_assets(
    inventory: Inventory, faults: Sequence[Fault], *, hashed: bool
) -> Iterator[Finding]:
    """What is damaged, or that nothing is.

    Args:
        inventory: what lies here.
        faults: what is wrong with it.
        hashed: every byte was read; else names and sizes were looked at.
    """
    for fault in faults[:SHOWN]:
        yield Finding("assets", "failure", str(fault), fault.remedy)
    if len(faults) > SHOWN:
        remedy = "All of them: nerdistill assets verify"
        yield Finding("assets", "failure", f"{len(faults) - SHOWN} faults more", remedy)
    if not faults:
        told = inventory.manifest
        whose = f"of {told.name} {told.version} and beside it" if told else "of a checkout"
        how = "every byte read" if hashed and told else "by name and size"
        yield Finding("assets", "ok", f"{len(inventory.items)} {whose}, whole ({how})")


def check_student(inventory: Inventory) -> Iterator[Finding]:
    """Whether there is an encoder to train."""
    there = [item.name for item in inventory.items if item.kind == "student"]
    if there:
        yield Finding("students", "ok", ", ".join(there))
    else:
        yield Finding("students", "warning", "none in models/: nothing can be trained", NO_STUDENT)


def smallest(inventory: Inventory, kind: str) -> Item | None:
    """The smallest model of a kind, which is the quickest to try."""
    there = [item for item in inventory.items if item.kind == kind]
    return min(there, key=lambda item: item.size, default=None)


def private_places(inventory: Inventory) -> frozenset[str]:
    """The corpora and replies of a bundle, and folders of nothing else, below the home.

    They are for who installed them, or for a group.
    """
    files: dict[bool, set[str]] = {True: set(), False: set()}
    for item in inventory.items:
        own = item.bundled and item.kind in PRIVATE
        files[own].update(file.path for file in item.files)
    return frozenset(files[True] | (_folders(files[True]) - _folders(files[False])))


def _folders(paths: Iterable[str]) -> set[str]:
    return {str(one) for path in paths for one in PurePosixPath(path).parents[:-2]}


def check_access(
    home: Path, places: Sequence[str] = PLACES, private: Collection[str] = ()
) -> Iterator[Finding]:
    """Whether this user can read what lies here, and others can't change it.

    Args:
        home: nerdistill's.
        places: what else others must not change, below it.
        private: files and folders below it that may be closed.
    """
    closed = [path for path in _below(home) if not os.access(path, os.R_OK)]
    theirs = [path for path in closed if path.relative_to(home).as_posix() in private]
    closed = [path for path in closed if path not in theirs]
    if theirs:
        yield Finding("reading", "note", f"{theirs[0]} is not for this user", ASK)
    if closed:
        found = f"{len(closed)} files and folders cannot be read, {closed[0]} among them"
        remedy = f"Their owner can open them: chmod -R a+rX {shlex.quote(str(home))}"
        yield Finding("reading", "failure", found, remedy)
    open_to_all = [
        path
        for path in (home, *(home / name for name in places))
        if path.exists() and _anybody_writes(path)
    ]
    for path in open_to_all:
        found = f"anybody on this machine can change {path}"
        yield Finding("writing", "warning", found, f"chmod o-w {shlex.quote(str(path))}")
    if not closed and not open_to_all:
        yield Finding("access", "ok", "all can be read, and not everybody can change it")


def _below(home: Path) -> Iterator[Path]:
    for top in ("offline_assets", "models"):
        for folder, folders, files in os.walk(home / top):
            for name in (*folders, *files):
                path = Path(folder, name)
                # A link to what is gone is missing, not closed.
                if not path.is_symlink() or os.path.exists(path):  # noqa: PTH110 - never fails
                    yield path


def _anybody_writes(path: Path) -> bool:
    mode = path.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX

"""Whether what lies in nerdistill's home is whole: by its sizes at once, by its digests in time."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.hashing import Crew, cores, sha256_file
from nerdistill.bundle.bare.share import PRIVATE
from nerdistill.bundle.bare.weights import ROLES
from nerdistill.bundle.installed_wheels import ENVIRONMENT, read_code
from nerdistill.bundle.inventory import reinstall
from nerdistill.bundle.model_check import CODE, NO_CODE, WEIGHTS, check_model, wanted
from nerdistill.errors import AssetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nerdistill.bundle.bare.hashing import Tick
    from nerdistill.bundle.installed_wheels import Code
    from nerdistill.bundle.inventory import Held, Inventory, Item
    from nerdistill.bundle.model_check import ModelRole

MODELS = frozenset({"student", "tagger", "teacher"})


ASK = (
    "Corpora and replies are private: ask who installed the bundle to install it with --group "
    "NAME, which lets a group read them."
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file or folder: where, of which item, what, and what to do."""

    item: Item
    path: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.path} {self.found}"


def shape_faults(inventory: Inventory) -> list[Fault]:
    """What can be told without reading all: files are there, regular and of the right size."""
    return [fault for item in inventory.items for fault in _shape(inventory, item)]


def content_faults(
    inventory: Inventory,
    jobs: int | None = None,
    tick: Tick | None = None,
    code: Code | None = None,
) -> tuple[list[Fault], dict[str, str]]:
    """Hash every file on all cores, and those that are installed from the bundle's wheels.

    Args:
        inventory: what to look at.
        jobs: threads; None: one a core.
        tick: told of bytes as they are read.
        code: what should be installed; None: it is read from the wheels.

    Returns:
        What is wrong, and the sha256 of each file by its path.
    """
    code = code or read_code(inventory)
    faults = [*shape_faults(inventory), *_code_shape(inventory, code)]
    known = {fault.path for fault in faults}
    held = [(item, file) for item in inventory.items for file in item.files]
    files = [(item, file) for item, file in (*held, *code.files) if file.path not in known]
    told = hash_files(inventory.home, [file for _, file in files], jobs, tick)
    for item, file in files:
        found = told[file.path]
        if isinstance(found, OSError):
            faults.append(_fault(inventory, item, file.path, f"cannot be read: {found.strerror}"))
        elif file.sha256 and found != file.sha256:
            faults.append(_fault(inventory, item, file.path, "is damaged: its digest differs"))
    return faults, {path: one for path, one in told.items() if isinstance(one, str)}


def hash_files(
    home: Path, files: Iterable[Held], jobs: int | None = None, tick: Tick | None = None
) -> dict[str, str | OSError]:
    """The sha256 of each file by its path, the largest first, or why it can't be read."""
    order = sorted(files, key=lambda file: file.size, reverse=True)
    crew = Crew(tick)

    def one(file: Held) -> str | OSError:
        try:
            return sha256_file(str(home / file.path), crew.tick)
        except OSError as error:
            return error

    told = crew.run(one, order, jobs or cores())
    return dict(zip((file.path for file in order), told, strict=True))


def _shape(inventory: Inventory, item: Item) -> Iterator[Fault]:
    if not item.bundled:
        yield from _own_model(inventory, item)
        return
    for file in item.files:
        found = _wrong(inventory.home / file.path, file.size)
        if found:
            yield _fault(inventory, item, file.path, found)
    if item.kind in ROLES:
        yield from _added(inventory, item)


def _code_shape(inventory: Inventory, code: Code) -> Iterator[Fault]:
    """Installed files that are gone or of another size, and what was put among them."""
    for item, file in code.files:
        found = _wrong(inventory.home / file.path, file.size)
        if found:
            yield _fault(inventory, item, file.path, found)
    for path in code.added:
        yield _fault(inventory, ENVIRONMENT, path, "was added: no wheel of the bundle has it")


def _wrong(path: Path, size: int) -> str | None:
    try:
        state = path.lstat()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        return "is missing" if missing else f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(state.st_mode):
        return "is no regular file"
    return None if state.st_size == size else f"has {state.st_size:,} bytes, not {size:,}"


def _added(inventory: Inventory, item: Item) -> Iterator[Fault]:
    """What was put into a model's folder: transformers and vLLM may load it with the rest."""
    known = {file.path for file in item.files}
    for path in sorted((inventory.home / item.place).rglob("*")):
        name = path.relative_to(inventory.home).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(inventory.home).parts)
        if name not in known and not hidden and not path.is_dir():
            move = f"mv {shlex.quote(str(path))} ELSEWHERE"
            yield Fault(item, name, "does not belong to the bundle's model", f"{move}.")


def _own_model(inventory: Inventory, item: Item) -> Iterator[Fault]:
    """A model that no manifest tells of can still be seen to be cut off, or to hold code."""
    names = [file.path.removeprefix(f"{item.place}/") for file in item.files]
    if item.kind not in MODELS and not any(name.endswith(WEIGHTS) for name in names):
        return
    for name in names:
        if name.lower().endswith(CODE):
            yield Fault(item, f"{item.place}/{name}", "is a program in a model's folder", NO_CODE)
    role: ModelRole = "teacher" if item.kind == "teacher" else "student"
    try:
        check_model(item.place, inventory.home / item.place, wanted(names), role)
    except AssetError as error:
        yield Fault(item, item.place, error.message.removeprefix(f"{item.place} "), error.hint)
    except OSError as error:
        yield Fault(item, item.place, f"cannot be read: {error}", "Mend its permissions.")


def _fault(inventory: Inventory, item: Item, path: str, found: str) -> Fault:
    if item.kind in PRIVATE and found == f"cannot be read: {os.strerror(errno.EACCES)}":
        return Fault(item, path, found, ASK)
    own = "Copy it again, or mend its permissions."
    return Fault(item, path, found, reinstall(inventory.home) if item.bundled else own)

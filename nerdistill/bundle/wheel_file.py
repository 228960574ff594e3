"""A wheel's file: what it says of itself, and how to write one so that it is always the same."""

from __future__ import annotations

import base64
import hashlib
import re
import time
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from nerdistill.bundle.programs import EPOCH
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from email.message import Message
    from pathlib import Path

    from packaging.requirements import Requirement
    from packaging.tags import Tag

BLOCK = 4096
"""Bytes that a file takes on a disk are rounded up to this."""
LONGEST = 80
"""Characters of a licence; more is its text, not its name."""
CLASSIFIER = "License :: "
APPROVED = "OSI Approved :: "
_ABBREVIATED = re.compile(r"\(([A-Za-z0-9.+-]+)\)$")


@dataclass(frozen=True, slots=True)
class WheelFile:
    """One wheel.

    Attributes:
        name: of the package, as PyPI writes it, in lower case with `-`.
        tags: what it runs on, such as `py3-none-any`.
        requires: what it needs, with markers.
        python: the versions of Python that it runs on, such as `>=3.10`; empty for all.
        licence: an SPDX expression or a licence's name; None where it does not tell.
        unpacked: bytes on the disk once it is installed and compiled, about.
    """

    path: Path
    name: str
    version: str
    tags: frozenset[Tag]
    requires: tuple[Requirement, ...]
    python: str
    licence: str | None
    unpacked: int

    @property
    def is_pure(self) -> bool:
        """Whether it runs on every platform."""
        return all(tag.platform == "any" for tag in self.tags)


def read_wheel(path: Path) -> WheelFile:
    """Read a wheel's name and metadata.

    Raises:
        BundleError: it is no wheel.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        name, version, _, tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            told = _metadata(archive)
            unpacked = _on_disk(archive.infolist())
        requires = tuple(Requirement(one) for one in told.get_all("Requires-Dist", []))
    except (InvalidWheelFilename, InvalidRequirement, zipfile.BadZipFile, KeyError) as error:
        raise BundleError(
            f"{path.name} is no wheel that can be read: {error}",
            f"Remove {path} and run the same command again.",
        ) from error
    python = str(told.get("Requires-Python") or "")
    return WheelFile(
        path, str(name), str(version), tags, requires, python, _licence(told), unpacked
    )


def _metadata(archive: zipfile.ZipFile) -> Message:
    for name in archive.namelist():
        if re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
            return HeaderParser().parsestr(archive.read(name).decode("utf-8", "replace"))
    raise KeyError("it holds no METADATA")


def _on_disk(entries: Sequence[zipfile.ZipInfo]) -> int:
    size = BLOCK * len({entry.filename.rpartition("/")[0] for entry in entries})
    for entry in entries:
        blocks = -(-entry.file_size // BLOCK) * BLOCK
        # What Python compiles takes a third more than its source (measured: sympy, torch, pandas).
        size += blocks * 7 // 3 if entry.filename.endswith(".py") else blocks
    return size


def _licence(told: Message) -> str | None:
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    short = " ".join(str(told.get("License") or "").split())
    if short and short.upper() != "UNKNOWN" and len(short) <= LONGEST:
        return short
    names = []
    for line in told.get_all("Classifier", []):
        if line.startswith(CLASSIFIER):
            name = line.removeprefix(CLASSIFIER).removeprefix(APPROVED)
            found = _ABBREVIATED.search(name)
            names.append(found[1] if found else name)
    return " AND ".join(names) or None


def pack(path: Path, members: Mapping[str, tuple[bytes, bool]]) -> None:
    """Write a wheel: the same bytes for the same members, on every machine and at any time.

    Args:
        path: its file; replaced whole.
        members: by name the content, and whether it is executable; RECORD is made anew.
    """
    info = next(name.partition("/")[0] for name in members if name.endswith(".dist-info/METADATA"))
    record = f"{info}/RECORD"
    kept = {name: members[name] for name in members if name != record}
    # As tools expect it, so that metadata can be added or read at the end: dist-info last.
    order = sorted(kept, key=lambda name: (name.startswith(f"{info}/"), name))
    lines = [f"{_quoted(name)},{_hash(kept[name][0])},{len(kept[name][0])}" for name in order]
    text = "\n".join([*lines, f"{_quoted(record)},,", ""]).encode()
    aside = path.with_name(f".{path.name}.part")
    try:
        # Not compressed: the result would depend on the version of zlib.
        with zipfile.ZipFile(aside, "w") as archive:
            for name in [*order, record]:
                data, executable = kept.get(name, (text, False))
                entry = zipfile.ZipInfo(name, time.gmtime(EPOCH)[:6])
                entry.external_attr = (0o100755 if executable else 0o100644) << 16
                archive.writestr(entry, data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def repack(path: Path, place: Path) -> Path:
    """Write a wheel anew below a folder, so that its bytes depend on its content alone."""
    with zipfile.ZipFile(path) as archive:
        members = {
            entry.filename: (archive.read(entry), bool(entry.external_attr >> 16 & 0o111))
            for entry in archive.infolist()
            if not entry.is_dir()
        }
    place.mkdir(parents=True, exist_ok=True)
    pack(place / path.name, members)
    return place / path.name


def _hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.decode().rstrip('=')}"


def _quoted(name: str) -> str:
    """A field of a CSV file."""
    return '"{}"'.format(name.replace('"', '""')) if set(name) & {",", '"'} else name

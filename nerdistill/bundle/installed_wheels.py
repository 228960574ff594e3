"""The code that runs: what pip made of a bundle's wheels, as the wheels themselves tell it.

Scripts that pip wrote, or whose first line it wrote, are in no wheel: pip's own record tells of
them. What Python compiles is not looked at.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import posixpath
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.environment import GUARD, GUARD_LINE, LOCK, VENV
from nerdistill.bundle.bare.hashing import sha256_file
from nerdistill.bundle.inventory import Held, Item
from nerdistill.bundle.own_wheel import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from nerdistill.bundle.inventory import Inventory

ENVIRONMENT = Item(VENV, "environment", VENV, None, None, (), bundled=True)
"""Whose the files are that no wheel brings."""
COMPILED = "__pycache__"
REWRITTEN = b"#!python"
"""How a script of a wheel begins whose first line pip writes anew."""
COLUMNS = 3
"""Of a record: name, digest and size."""
SCRIPTS = "../../../bin"
SCHEMES = {"purelib": "", "platlib": "", "scripts": SCRIPTS, "data": "../../.."}
"""Where the folders of a wheel's `.data` go, as seen from `site-packages`; headers run nowhere."""
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_RECORD = re.compile(r"[^/]+\.dist-info/RECORD")

_Claims = dict[str, dict[str | None, tuple[Item, Held]]]
"""By path, and by digest: wheels may overlap, and then the last one that was installed is there."""


@dataclass(frozen=True, slots=True)
class Code:
    """What an environment should hold.

    Attributes:
        files: each with the wheel that it comes from.
        added: paths of files, and of whole folders, among the packages that are in no wheel.
    """

    files: tuple[tuple[Item, Held], ...] = ()
    added: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(file.size for _, file in self.files)


def read_code(inventory: Inventory) -> Code:
    """Read what should be installed in an install root from its wheels; nothing is hashed.

    Wheels that can't be read are passed over: they are damaged themselves, and told elsewhere.

    Returns:
        Nothing for a checkout, whose environment no bundle brought.
    """
    home, wheels = inventory.home, _locked(inventory)
    if inventory.manifest is None or not wheels:
        return Code()
    site = f"{VENV}/lib/python{inventory.manifest.target['python']}/site-packages"
    if not (home / site).is_dir():
        return Code(((ENVIRONMENT, Held(site, 0)),))
    line = GUARD_LINE.encode()
    guard = Held(f"{site}/{GUARD}", len(line), hashlib.sha256(line).hexdigest())
    claims: _Claims = {guard.path: {guard.sha256: (ENVIRONMENT, guard)}}
    records = {}
    for wheel in wheels:
        try:
            record, files = _read(home / wheel.files[0].path, site)
        except (OSError, ValueError, LookupError, zipfile.BadZipFile):
            continue
        records[record] = wheel
        for file in files:
            claims.setdefault(file.path, {})[file.sha256] = wheel, file
    for record, wheel in records.items():
        for file in _scripts(home, site, record):
            claims.setdefault(file.path, {file.sha256: (wheel, file)})
    own = {
        posixpath.join(posixpath.dirname(record), name) for record in records for name in LEFT_OUT
    }
    # A wheel that could not be read may have brought anything.
    added = _added(home, site, claims.keys() | own) if len(records) == len(wheels) else ()
    return Code(tuple(_claim(home, told) for told in claims.values()), tuple(added))


def _locked(inventory: Inventory) -> list[Item]:
    """The wheels that were installed: that of pip is not."""
    try:
        lock = (inventory.home / LOCK).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    digests = set(_HASH.findall(lock))
    bundled = (item for item in inventory.items if item.bundled)
    return [item for item in bundled if item.files[0].sha256 in digests]


def _read(wheel: Path, site: str) -> tuple[str, list[Held]]:
    """Where pip puts the record of a wheel, and the files that it puts as they are."""
    with zipfile.ZipFile(wheel) as archive:
        entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
        record = next(filter(_RECORD.fullmatch, entries), "RECORD")
        told = {name: digest for name, digest, _ in _rows(archive.read(record).decode("utf-8"))}
        files = []
        for name, entry in entries.items():
            path = _path(site, name)
            if path is None or COMPILED in name.split("/") or _is_pips(name, record):
                continue
            if path.startswith(f"{VENV}/bin/") and archive.read(entry).startswith(REWRITTEN):
                continue
            digest = told.get(name) or hashlib.sha256(archive.read(entry)).hexdigest()
            files.append(Held(path, entry.file_size, digest))
    return f"{site}/{record}", files


def _is_pips(name: str, record: str) -> bool:
    folder, _, last = name.rpartition("/")
    return folder == posixpath.dirname(record) and last in LEFT_OUT


def _path(site: str, name: str) -> str | None:
    """Where pip puts a wheel's file; None where that runs nowhere."""
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return f"{site}/{name}"
    scheme, _, rest = rest.partition("/")
    return posixpath.normpath(f"{site}/{SCHEMES[scheme]}/{rest}") if scheme in SCHEMES else None


def _rows(record: str) -> Iterator[tuple[str, str, int]]:
    """Name, sha256 and size of each file of a record for which it tells them."""
    for row in csv.reader(record.splitlines()):
        name, digest, size = row if len(row) == COLUMNS else ("", "", "")
        if digest.startswith("sha256=") and size:
            text = digest.removeprefix("sha256=")
            yield name, base64.urlsafe_b64decode(f"{text}==").hex(), int(size)


def _scripts(home: Path, site: str, record: str) -> Iterator[Held]:
    """The scripts that pip's own record tells of; the record itself where it is gone."""
    try:
        told = list(_rows((home / record).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        yield Held(record, 0)
        return
    for name, digest, size in told:
        if posixpath.dirname(name) == SCRIPTS:
            yield Held(posixpath.normpath(f"{site}/{name}"), size, digest)


def _claim(home: Path, told: dict[str | None, tuple[Item, Held]]) -> tuple[Item, Held]:
    """What a path should hold: where wheels overlap, whichever of them is there."""
    first = next(iter(told.values()))
    if len(told) == 1:
        return first
    try:
        return told.get(sha256_file(str(home / first[1].path)), first)
    except OSError:
        return first


def _added(home: Path, site: str, known: AbstractSet[str]) -> Iterator[str]:
    """What lies among the packages beside what is known: links, files and folders as a whole."""
    folders = {str(folder) for path in known for folder in Path(path).parents}
    for place, names, files in os.walk(home / site):
        here = Path(place).relative_to(home)
        names[:] = [name for name in names if name != COMPILED]
        for name in sorted(names):
            path = here / name
            if str(path) not in folders or (home / path).is_symlink():
                names.remove(name)
                yield str(path)
        yield from (str(here / name) for name in sorted(files) if str(here / name) not in known)

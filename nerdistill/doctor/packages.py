"""Whether the installed packages are those that were tested together."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from nerdistill.doctor.site import Site

LOCK = "requirements.lock"
"""Of an install root: all of it is installed."""
CONSTRAINTS = "constraints.txt"
"""Of a checkout: versions of what may be installed."""
SHOWN = 6
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_packages(
    lock: str,
    pins: Mapping[str, str],
    needed: AbstractSet[str],
    there: Mapping[str, str],
    site: Site,
) -> Iterator[Finding]:
    """Hold what is installed against a lock.

    Args:
        lock: the name of its file.
        pins: the version of each package, by normal name.
        needed: names that must be installed.
        there: what is installed.
        site: the installation.
    """
    missing = sorted(name for name in needed if name not in there)
    other = [
        f"{name} {there[name]}, not {pins[name]}"
        for name in sorted(pins)
        if name in there and not _same(there[name], pins[name])
    ]
    if missing:
        yield Finding("packages", "failure", f"missing: {_some(missing)}", site.remedy)
    if other:
        found = f"other versions than {lock} names: {_some(other)}"
        yield Finding("packages", "warning", found, site.remedy)
    if not missing and not other:
        count = sum(name in there for name in pins)
        yield Finding("packages", "ok", f"{count} as {lock} names them")


def locked(home: Path | None) -> tuple[str, dict[str, str]] | None:
    """The lock's name and the version of each package in it; None where there is no lock."""
    for name in (LOCK, CONSTRAINTS):
        if home is not None and (home / name).is_file():
            return name, pinned((home / name).read_text(encoding="utf-8"))
    return None


def pinned(text: str) -> dict[str, str]:
    """The version of each package that a lock or a file of constraints names."""
    return {normal(name): version for name, version in _PIN.findall(text)}


def installed() -> dict[str, str]:
    """The version of each package that is imported here, by normal name."""
    found: dict[str, str] = {}
    for dist in metadata.distributions():
        # What an interrupted pip leaves behind has no name; of two copies the first is imported.
        if name := dist.metadata["Name"]:
            found.setdefault(normal(name), dist.version)
    return found


def required() -> set[str]:
    """What nerdistill itself asks for, without its extras."""
    asked = metadata.requires("nerdistill") or []
    names = (_NAME.match(line) for line in asked if "extra ==" not in line)
    return {normal(found[0]) for found in names if found}


def normal(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _same(there: str, pin: str) -> bool:
    """A pin without a local part, such as `+cpu`, leaves it open."""
    return there == pin or ("+" not in pin and there.partition("+")[0] == pin)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

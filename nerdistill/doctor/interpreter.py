"""The Python that runs here, and whether its environment is where it was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.environment import GUARD, GUARD_LINE
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nerdistill.doctor.site import Site

OLDEST = (3, 11)
_SHELL = re.compile(rb"exec'? [\"']?(/[^\"'\n]+?)[\"']? \"\$0\"")
"""How pip starts a script whose interpreter's path is too long for a first line."""


def check_version(version: Sequence[int], site: Site) -> Iterator[Finding]:
    """Whether this Python is new enough."""
    told = f"{'.'.join(map(str, version[:3]))} in {site.prefix}"
    if tuple(version[:2]) < OLDEST:
        remedy = f"nerdistill needs Python {'.'.join(map(str, OLDEST))} or newer. {site.remedy}"
        yield Finding("Python", "failure", told, remedy)
    else:
        yield Finding("Python", "ok", told)


def check_environment(site: Site, base: Path) -> Iterator[Finding]:
    """Whether the environment is one, and still at the place where it was made.

    Args:
        site: the installation.
        base: the Python that the environment builds on, `sys.base_prefix`.
    """
    name, program = "environment", site.prefix / "bin" / "nerdistill"
    if site.prefix == base:
        found = f"{site.prefix} is no virtual environment: other programs may change its packages"
        yield Finding(name, "warning", found, site.remedy)
    elif not program.is_file():
        yield Finding(name, "failure", f"{program} is missing", site.remedy)
    else:
        python = interpreter_of(program)
        if python is None or python.parent.resolve() != program.parent.resolve():
            found = f"it was moved or copied: {program} starts {python or 'no Python'}"
            yield Finding(name, "failure", found, site.remedy)
        else:
            yield Finding(name, "ok", "where it was made")


def check_guard_file(packages: Path, site: Site) -> Iterator[Finding]:
    """Whether each Python that starts in this environment can load the guard.

    Args:
        packages: the environment's `site-packages`.
        site: the installation.
    """
    file = packages / GUARD
    try:
        there = file.read_text(encoding="utf-8", errors="replace") == GUARD_LINE
    except OSError:
        there = False
    if there:
        yield Finding("guard file", "ok", f"{GUARD} is in the environment")
    else:
        found = f"{file} is missing or changed: child processes start unguarded"
        yield Finding("guard file", "failure", found, site.remedy)


def interpreter_of(program: Path) -> Path | None:
    """The interpreter that a script names."""
    with program.open("rb") as stream:
        first, _, rest = stream.read(4096).partition(b"\n")
    if not first.startswith(b"#!"):
        return None
    named = first[2:].strip()
    if named.endswith(b"/sh"):
        found = _SHELL.search(rest)
        named = found[1] if found else b""
    return type(program)(named.decode("utf-8", "surrogateescape")) if named else None

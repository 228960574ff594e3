"""The variables that libraries read to go out: as the shell has them, and as they are here."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import offline
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STARTED_WITH = Path("/proc/self/environ")


def started_with(file: Path = STARTED_WITH) -> dict[str, str]:
    """The environment that this process was started with, before the switches were set.

    Empty where the kernel does not tell it.
    """
    try:
        data = file.read_bytes()
    except OSError:
        return {}
    words = (word.decode("utf-8", "replace") for word in data.split(b"\0") if b"=" in word)
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def check_effective(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the switches are set in this process, by what the libraries read in them."""
    problems = offline.problems(environ)
    for problem in problems:
        wanted = "not set" if problem.wanted is None else problem.wanted
        found = f"{problem.name} is {problem.found or 'not set'} here, and should be {wanted}"
        yield Finding("switches", "failure", found, "Report this line.")
    if not problems:
        count = len(offline.SETTINGS)
        yield Finding("switches", "ok", f"{count} are set that keep libraries offline")


def check_shell(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What other programs of the same shell would do; here it is overruled.

    A switch that the shell does not set is no fault.
    """
    for problem in offline.problems(environ):
        if problem.found is None:
            continue
        wanted = problem.wanted
        if wanted and problem.name == "no_proxy":
            wanted = f"{problem.found},{wanted}"
        found = (
            f"{problem.name}={problem.found} in your shell lets libraries go out or fail; it is "
            "overruled here, but not for other programs"
        )
        remedy = f"export {problem.name}={shlex.quote(wanted)}" if wanted else ""
        yield Finding("shell", "note", found, remedy or f"unset {problem.name}")


def check_proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether this machine itself would be asked through a proxy."""
    named = offline.proxies(environ)
    if not named:
        yield Finding("proxies", "ok", "none is set")
        return
    found = f"{', '.join(named)} set; this machine and the hosts you name are reached without"
    unset = " ".join(["unset", *named])
    yield Finding("proxies", "note", found, f"Where nothing is behind them: {unset}")

"""Run uv and pip on the connected machine, on the indexes that its pip is set to."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN = 6
"""Lines of a failed program's output."""
EPOCH = 1577836800
"""2020-01-01: what is built twice is the same to the byte."""
EMPTY_WORDS = (
    "warning:",
    "[notice]",
    "[end of output]",
    "error: metadata-generation-failed",
    "error: subprocess-exited-with-error",
    "hint: see above",
    "note: this",
    "╰─> [",
    "╰─> see above",
)
"""How lines begin that say nothing of the cause."""
YES = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Indexes:
    """Where pip is set to look for packages, and how it gets there."""

    index: str | None
    extra: tuple[str, ...]
    links: tuple[str, ...]
    no_index: bool
    trusted: tuple[str, ...]
    certificates: str | None
    proxy: str | None

    def for_uv(self) -> list[str]:
        """The same for uv, which does not read pip's settings."""
        return [
            *(["--default-index", self.index] if self.index else []),
            *(word for url in self.extra for word in ("--extra-index-url", url)),
            *(word for place in self.links for word in ("--find-links", place)),
            *(["--no-index"] if self.no_index else []),
            *(word for host in self.trusted for word in ("--allow-insecure-host", host)),
            # As pip does: the best version of all indexes, not the first index that has any.
            *("--index-strategy", "unsafe-best-match"),
        ]

    def environment(self) -> dict[str, str]:
        """What uv has no option for; what the environment says already stays."""
        wanted = {"SSL_CERT_FILE": self.certificates, "ALL_PROXY": self.proxy}
        return {name: value for name, value in wanted.items() if value and name not in os.environ}


def indexes() -> Indexes:
    """Read pip's settings: its files and the environment.

    Raises:
        BundleError: they cannot be read, or this Python has no pip.
    """
    done = run_pip(["config", "list"])
    if done.returncode != 0:
        raise BundleError(
            f"pip's settings cannot be read: {decisive(done)}",
            "Mend what `pip config debug` shows; nerdistill[bundle] installs pip where it is "
            "missing.",
        )
    told: dict[str, str] = {}
    # A command's section overrules the general one, and the environment overrules both.
    for prefix in ("global.", "download.", ":env:."):
        for line in done.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(prefix):
                told[name.removeprefix(prefix)] = str(ast.literal_eval(value))
    return Indexes(
        told.get("index-url"),
        tuple(told.get("extra-index-url", "").split()),
        tuple(told.get("find-links", "").split()),
        told.get("no-index", "").lower() in YES,
        tuple(told.get("trusted-host", "").split()),
        told.get("cert"),
        told.get("proxy"),
    )


def run_uv(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run uv; its exit code is not looked at.

    Args:
        arguments: its command line.
        environment: added to this process's.

    Raises:
        BundleError: it is not installed.
    """
    try:
        from uv import find_uv_bin

        program = find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise BundleError(
            "uv is not installed", "Install nerdistill[bundle] on the connected machine."
        ) from error
    return _run([program, *arguments], environment)


def run_pip(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run pip of this environment; its exit code is not looked at."""
    quiet = ["--disable-pip-version-check", "--no-input"]
    return _run([sys.executable, "-m", "pip", *quiet, *arguments], {})


def decisive(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said when it failed, on one line."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    told = [line for line in lines if not line.lower().startswith(EMPTY_WORDS)]
    return " / ".join((told or lines)[-SHOWN:]) or f"exit code {done.returncode}"


def _run(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell
        command,
        env={**os.environ, **environment, "SOURCE_DATE_EPOCH": str(EPOCH)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

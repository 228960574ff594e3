"""Ask a process apart: what is asked may crash or hang, and must not take the doctor along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "nerdistill-told: "
"""Starts a line of JSON among whatever else a library prints."""
TOLD = f"import json\ndef told(**values): print({MARK!r} + json.dumps(values), flush=True)\n"
"""The head of a child's code: `told(name=value)` answers."""
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a child said.

    Attributes:
        told: each line of JSON.
        code: its exit code, a negative one is a signal's; None where its time was up.
        errors: its standard error.
    """

    told: tuple[dict[str, Any], ...]
    code: int | None
    errors: str

    @property
    def why(self) -> str:
        """Why it ended badly, in one line."""
        if self.code is None:
            return "it did not answer in time"
        if self.code < 0:
            with suppress(ValueError):
                return f"it was ended by {signal.Signals(-self.code).name}"
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        return (lines[-1] if lines else f"exit code {self.code}")[:LONGEST]


def ask(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
) -> Answer:
    """Start a program and read what it tells; it never outlives the question.

    Args:
        command: the program and its arguments.
        seconds: after which it is killed, with all that it started.
        environment: all of the child's; None: as here.

    Raises:
        OSError: it cannot be started.
    """
    child = subprocess.Popen(  # noqa: S603 - no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if environment is None else dict(environment),
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    code: int | None = None
    try:
        output, errors = child.communicate(timeout=seconds)
        code = child.returncode
    except subprocess.TimeoutExpired:
        _end(child)
        output, errors = child.communicate()
    finally:
        _end(child)
    return Answer(tuple(_told(output)), code, errors)


def _end(child: subprocess.Popen[str]) -> None:
    """Kill the child's whole group, which has its number."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _told(output: str) -> list[dict[str, Any]]:
    found = []
    for line in output.splitlines():
        if line.startswith(MARK):
            with suppress(ValueError):
                found.append(json.loads(line.removeprefix(MARK)))
    return [one for one in found if isinstance(one, dict)]

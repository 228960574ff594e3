"""A child process with a log, in a process group of its own that never outlives this process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.annotate import guard
from nerdistill.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started, and the guard that ends it should this process die.

    Attributes:
        process: the child; its group has its number.
        guard: see `nerdistill.annotate.guard`.
        log: where the child's output goes.
    """

    process: subprocess.Popen[bytes]
    guard: subprocess.Popen[bytes]
    log: Path

    def exit_code(self) -> int | None:
        """The child's exit code; None while it runs."""
        return self.process.poll()

    def stop(self, grace: float) -> None:
        """End the child and all that it started; kill after `grace` seconds what did not end."""
        guard.end_group(self.process.pid, grace)
        self.process.wait()
        self.guard.communicate(b"ended\n")


def start_child(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a process whose output goes to a log that only its user may read.

    Ctrl-C in the terminal does not reach it.

    Args:
        command: the program and its arguments.
        environment: all of the child's environment.
        log: made anew.
        pass_fds: open files that the child gets under the same numbers.

    Raises:
        AnnotationError: the program cannot be started.
        OSError: the log cannot be written.
    """
    log.unlink(missing_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    # First: there is no moment at which the child runs unguarded for long.
    watching = subprocess.Popen(  # noqa: S603 - no shell
        [sys.executable, "-I", guard.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        watching.communicate()
        raise AnnotationError(
            f"{command[0]} cannot be started: {error.strerror}",
            "Name the Python of an environment that holds vLLM with --vllm-python.",
        ) from error
    finally:
        os.close(output)
    if watching.stdin is not None:
        watching.stdin.write(f"{process.pid}\n".encode())
        watching.stdin.flush()
    return Child(process, watching, log)

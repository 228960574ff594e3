"""Ends a process group when the process that started it is gone.

Run as a program, it reads the group's number from standard input and waits there: an end of input
means that its starter is gone, however it went; a word before that means that all is well.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

GRACE = 20.0
"""Seconds that a group gets to end by itself."""
PAUSE = 0.1
PROCESSES = Path("/proc")


def end_group(group: int, grace: float = GRACE) -> None:
    """Ask every process of a group to end, and kill after `grace` seconds what did not."""
    for what, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE)):
        try:
            os.killpg(group, what)
        except ProcessLookupError:
            return
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if not running(group):
                return
            time.sleep(PAUSE)


def running(group: int) -> bool:
    """Whether a process of a group still runs; one that is only not yet waited for does not."""
    if not (PROCESSES / "self").exists():
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        return True
    return any(_is_of(group, path) for path in PROCESSES.glob("[0-9]*/stat"))


def _is_of(group: int, path: Path) -> bool:
    try:
        # The name, in brackets, may hold spaces and brackets: state, parent and group follow it.
        state, _, found = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(found) == group and state not in "ZX"


def main() -> None:
    """Wait, and end the group if its starter went without a word."""
    group = sys.stdin.readline().strip()
    if group and not sys.stdin.readline():
        end_group(int(group))


if __name__ == "__main__":
    main()

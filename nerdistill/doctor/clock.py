"""Whether this machine's clock can be right, and whether it agrees with the file server's."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EARLIEST = 2026
"""The year: nerdistill is not older."""
DAY = 86_400
APART = 5.0
"""Seconds by which two clocks may differ without a word."""
SET = "Set it: timedatectl set-time 'YYYY-MM-DD HH:MM:SS', or start chronyd with a local server."


def check_clock(now: float, made: Mapping[str, float]) -> Iterator[Finding]:
    """Whether it is later than what was made before.

    Args:
        now: seconds since 1970.
        made: when what lies here was made, by its name.
    """
    told = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    latest = max(made, key=lambda name: made[name], default=None)
    if latest is not None and made[latest] > now + DAY:
        when = datetime.fromtimestamp(made[latest], UTC).strftime("%Y-%m-%d")
        found = f"{told} is wrong: {latest} was made on {when}"
    elif datetime.fromtimestamp(now, UTC).year < EARLIEST:
        found = f"{told} is wrong: nerdistill is not that old"
    else:
        yield Finding("clock", "ok", told)
        return
    yield Finding("clock", "warning", f"{found}; certificates and file times go by it", SET)


def made_here(home: Path | None, created: str | None) -> dict[str, float]:
    """When the installation, and the bundle's manifest, were made.

    Args:
        home: nerdistill's.
        created: the manifest's time; None without one.
    """
    files = [Path(__file__), *(home / name for name in ("installed.json",) if home)]
    made = {file.name: file.stat().st_mtime for file in files if file.is_file()}
    if created:
        made["the bundle"] = datetime.fromisoformat(created).timestamp()
    return made


def difference(folder: Path) -> float:
    """Seconds by which the clock that stamps a folder's files is ahead of this machine's.

    A moment between writing and stamping counts as none.
    """
    before = time.time()
    with tempfile.NamedTemporaryFile(prefix=".nerdistill-", dir=folder) as file:
        file.write(b"now")
        file.flush()
        stamped = Path(file.name).stat().st_mtime
    after = time.time()
    return stamped - min(max(stamped, before), after)


def check_difference(seconds: float) -> Iterator[Finding]:
    """Whether the clock that stamps files agrees with this node's; `seconds` is it ahead."""
    if abs(seconds) > APART:
        found = f"the file server's clock is {seconds:+.0f} s off this node's"
        remedy = (
            "Nothing is lost: stages are claimed by heartbeats that each node watches with its own "
            "clock. But file times mislead: let both follow one time server (chronyc tracking)."
        )
        yield Finding("file times", "warning", found, remedy)
    else:
        yield Finding("file times", "ok", "agree with this machine's clock")

"""A clock that is older than what lies here, and one that a file server does not share."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from nerdistill.doctor.clock import check_clock, check_difference, difference, made_here

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
DAY = 86_400


@pytest.mark.parametrize(
    ("now", "made", "told"),
    [
        (NOW, {"the bundle": NOW - DAY}, None),
        # Another time zone is no wrong clock.
        (NOW, {"the bundle": NOW + DAY / 2}, None),
        (
            NOW,
            {"clock.py": NOW - DAY, "the bundle": NOW + 9 * DAY},
            "the bundle was made on 2026-12-06",
        ),
        (0.0, {}, "1970-01-01 00:00 UTC is wrong"),
    ],
)
def test_clock(now: float, made: dict[str, float], told: str | None) -> None:
    """What was made later than now tells that now is wrong."""
    (found,) = check_clock(now, made)
    assert found.status == ("warning" if told else "ok")
    assert (told or "2026-11-27") in found.found
    assert ("timedatectl" in found.remedy) == bool(told)


def test_what_was_made(tmp_path: Path) -> None:
    """The installation's mark, nerdistill's own files, the manifest."""
    mark = tmp_path / "installed.json"
    mark.touch()
    os.utime(mark, (NOW, NOW))
    made = made_here(tmp_path, "2026-11-27T00:00:00Z")
    assert made.pop("clock.py") > 0
    assert made == {"installed.json": NOW, "the bundle": NOW}
    assert set(made_here(None, None)) == {"clock.py"}


@pytest.mark.parametrize(
    ("seconds", "status"), [(0.3, "ok"), (-42.0, "warning"), (61.0, "warning")]
)
def test_difference(seconds: float, status: str) -> None:
    """By how much, and that nothing is lost."""
    (found,) = check_difference(seconds)
    assert found.status == status
    assert (f"{seconds:+.0f} s" in found.found) == (status == "warning")


def test_a_local_disk_agrees(tmp_path: Path) -> None:
    """The real look leaves nothing behind."""
    assert abs(difference(tmp_path)) < 5
    assert list(tmp_path.iterdir()) == []

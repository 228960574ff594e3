"""Checks are made in their order, and one that breaks is a finding, not the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.doctor.finding import Check, Finding, examine, failures
from nerdistill.errors import BundleError
from nerdistill.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

FINE = Finding("fine", "ok", "as it should be")


def breaks() -> Iterator[Finding]:
    """Find one thing, then fall over."""
    yield FINE
    raise ZeroDivisionError("of two\nlines")


def refuses() -> Iterator[Finding]:
    """Raise an error with a remedy."""
    raise BundleError("the manifest is gone", "Install again.")


def test_a_check_that_breaks_is_a_failure_of_its_own() -> None:
    """What it found before counts, those after it are still made, no traceback escapes."""
    checks = [
        Check("One", "broken", breaks),
        Check("Two", "refused", refuses),
        Check("One", "fine", lambda: [FINE]),
    ]
    one, two = examine(checks, Silent())
    assert (one.title, two.title) == ("One", "Two")
    assert [found.name for found in one.findings] == ["fine", "broken", "fine"]
    assert "ZeroDivisionError: of two lines" in one.findings[1].found
    assert two.findings == (
        Finding("refused", "failure", "the manifest is gone", "Install again."),
    )
    assert [found.name for found in failures([one, two])] == ["broken", "refused"]

"""The guard is armed here and in a child, and whose refusal it was is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from nerdistill import egress
from nerdistill.doctor.child import Answer
from nerdistill.doctor.guard import ask_child, check_child, check_here
from nerdistill.doctor.site import Site

SITE = Site(Path("/opt/venv"), Path("/opt"))


def test_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Armed, with the hosts that were named; or not."""
    egress.allow("gpu01:8000")
    (found,) = check_here(SITE)
    assert (found.status, "gpu01 may be asked" in found.found) == ("ok", True)
    monkeypatch.setattr(egress, "_armed", False)
    (found,) = check_here(SITE)
    assert (found.status, bool(found.remedy)) == ("failure", True)


def test_a_real_child_is_refused_by_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was started without the switch is not; a datagram socket sends nothing."""
    (found,) = check_child(ask_child(), SITE)
    assert found.status == "ok"
    monkeypatch.delenv(egress.SWITCH)
    (found,) = check_child(ask_child(), SITE)
    assert (found.status, "not the guard" in found.found) == ("failure", True)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(({"refused": ""},), 0, ""), "by nobody"),
        (Answer(({"refused": "OSError"},), 0, ""), "only by the system (OSError)"),
        (Answer((), -11, ""), "SIGSEGV"),
        (Answer((), None, ""), "in time"),
    ],
)
def test_other_answers(answer: Answer, told: str) -> None:
    """A network that is not there is no guard."""
    (found,) = check_child(answer, SITE)
    assert (found.status, told in found.found, bool(found.remedy)) == ("failure", True, True)

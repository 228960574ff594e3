"""A child that crashes, hangs or babbles is read all the same."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill.doctor.child import TOLD, ask
from tests.annotate.serving import ends

if TYPE_CHECKING:
    from pathlib import Path

BABBLE = f"{TOLD}\nprint('INFO starting'); told(a=1); print('nerdistill-told: {{'); told(b=[2])"


def test_answers_are_found_among_other_lines() -> None:
    """Only whole lines of JSON with the mark count."""
    answer = ask([sys.executable, "-c", BABBLE], 60)
    assert (answer.told, answer.code) == (({"a": 1}, {"b": [2]}), 0)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os.abort()", "it was ended by SIGABRT"),
        ("raise SystemExit('no luck')", "no luck"),
        ("import sys; sys.exit(7)", "exit code 7"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_why_it_ended(code: str, why: str) -> None:
    """A signal by its name, else the last line of its errors, else its exit code."""
    assert ask([sys.executable, "-c", code], 60).why == why


def test_nothing_outlives_the_question(tmp_path: Path) -> None:
    """A child whose time is up is ended together with those that it started."""
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    answer = ask(["sh", "-c", f"tail -f /dev/null & echo $! > {pipe}; wait"], 1)
    grandchild = int(os.read(handle, 20))
    os.close(handle)
    assert (answer.code, answer.why) == (None, "it did not answer in time")
    assert ends(grandchild)

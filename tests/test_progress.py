"""What long work tells, to people and to machines."""

from __future__ import annotations

import io
import json

import pytest

from nerdistill import progress
from nerdistill.progress import JsonLines, LiveBoard, Mode, PlainLines, open_progress


def test_plain_lines_tell_the_end() -> None:
    """Without a terminal each task ends with a line: count, rate, time and facts."""
    stream = io.StringIO()
    lines = PlainLines(stream)
    with lines.task("train a", total=3, unit="steps") as task:
        for _ in range(3):
            task.advance(loss=0.123456)
    lines.say("done")
    first, second = stream.getvalue().splitlines()
    assert first.startswith("train a: 3/3 steps · ")
    assert "took 0:00" in first
    assert "loss 0.1235" in first
    assert second == "done"


def test_plain_lines_come_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds without a line, the next step prints one with the time left."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    with PlainLines(stream).task("t", total=2, unit="steps") as task:
        task.advance()
        assert "t: 1/2 steps" in stream.getvalue()
        assert "left" in stream.getvalue()


def test_more_than_was_told_is_no_negative_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that outruns its total has no time left, rather than less than none."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    with PlainLines(stream).task("t", total=2, unit="steps") as task:
        task.advance(5)
        assert "0:00 left" in stream.getvalue()
        assert "-" not in stream.getvalue()


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [
        (0, 999, "0 B/999 B"),
        (1_000, 2_500_000, "1 kB/2.5 MB"),
        (488_181_064, None, "488 MB"),
        (16_060_522_496, 16_060_522_496, "16.1 GB/16.1 GB"),
    ],
)
def test_bytes_are_read_at_a_glance(done: int, total: int | None, shown: str) -> None:
    """Sizes have three digits and a unit, and rates as well."""
    stream = io.StringIO()
    with PlainLines(stream).task("write", total=total, unit="bytes") as task:
        task.advance(done)
    line = stream.getvalue()
    assert line.startswith(f"write: {shown} · ")
    assert "B/s · took" in line


def test_json_lines_are_json() -> None:
    """A program reads start, end and messages as objects."""
    stream = io.StringIO()
    lines = JsonLines(stream)
    with lines.task("t", total=None, unit="sentences") as task:
        task.advance(5, failures=1)
    lines.say("hello")
    start, end, message = map(json.loads, stream.getvalue().splitlines())
    assert (start["event"], end["event"], message["event"]) == ("start", "end", "message")
    assert (end["done"], end["facts"]) == (5, {"failures": 1})


def test_the_live_board_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets in a name are text, not markup, on the board and above it."""
    with LiveBoard() as board:
        with board.task("train [red]x[/red]", total=2, unit="steps") as task:
            task.advance(loss=0.5)
        board.say("[bold]done[/bold]")
    assert "[bold]done[/bold]" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["auto", "plain", "json", "none", "live"])
def test_every_mode_opens(mode: Mode, capsys: pytest.CaptureFixture[str]) -> None:
    """All modes take the same calls, and none of them writes to standard output."""
    with open_progress(mode) as shown, shown.task("t", total=1, unit="u") as task:
        task.advance()
    assert capsys.readouterr().out == ""

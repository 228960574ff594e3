"""Progress for people and for machines: a live board, plain lines, or JSON lines.

Library code takes a `Progress`, opens a task and advances it; what is shown is decided once, by
the command line. All of it goes to standard error, so that results on standard output stay clean.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TextIO

    from rich.console import RenderableType
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Mode = Literal["auto", "live", "plain", "json", "none"]
Fact = str | float | int
"""What is shown beside a task: `loss=0.31`, `failures=2`."""

SECONDS_BETWEEN_LINES = 5.0
RATES = frozenset({"sentences"})
"""Facts that are rates a second: the board shows one in place of the task's own rate."""

BYTES = "bytes"
PREFIXES = ("", "k", "M", "G", "T", "P")


class Task(Protocol):
    """One piece of long work."""

    def advance(self, count: int = 1, **facts: Fact) -> None:
        """Tell that `count` more units are done, and what is newly known."""

    def skip(self, count: int) -> None:
        """Tell that `count` units were done before: they count, but say nothing of the speed."""


class Progress(Protocol):
    """Where long work reports."""

    def task(self, title: str, *, total: int | None, unit: str) -> AbstractContextManager[Task]:
        """Open a task of `total` units; it closes with the `with` block. Tasks nest."""

    def say(self, text: str) -> None:
        """Tell one thing that happened, as a line that stays."""


class _Clock:
    """Counts and times one task."""

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done = self.skipped = 0
        self.facts: dict[str, Fact] = {}
        self.started = self.told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def rate(self) -> float:
        return (self.done - self.skipped) / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        if not self.total or self.done == self.skipped:
            return None
        return max(0, self.total - self.done) / self.rate

    @property
    def count(self) -> str:
        """How much of it is done, for people."""
        total = f"/{_number(self.total, self.unit)}" if self.total else ""
        return f"{_number(self.done, self.unit)}{total}"


class _ClockedTask:
    """Keeps the clock, and has it shown."""

    def __init__(self, clock: _Clock, show: Callable[[_Clock], None]) -> None:
        self._clock, self._show = clock, show

    def advance(self, count: int = 1, **facts: Fact) -> None:
        self._clock.done += count
        self._clock.facts.update(facts)
        self._show(self._clock)

    def skip(self, count: int) -> None:
        self._clock.done += count
        self._clock.skipped += count
        self._show(self._clock)


def _fact(name: str, value: Fact) -> str:
    told = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{told} {name}/s" if name in RATES else f"{name} {told}"


def _number(value: float, unit: str) -> str:
    """A count or a rate; of bytes with three digits and their unit."""
    if unit != BYTES:
        return f"{value:.3g}" if isinstance(value, float) else str(value)
    power = 0
    while value >= 1000 and power < len(PREFIXES) - 1:  # noqa: PLR2004 - SI
        value, power = value / 1000, power + 1
    return f"{value:.3g} {PREFIXES[power]}B"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Silent:
    """Shows nothing."""

    @contextmanager
    def task(self, title: str, *, total: int | None, unit: str) -> Iterator[Task]:
        """Open a task that nobody sees."""
        yield _ClockedTask(_Clock(title, total, unit), lambda _: None)

    def say(self, text: str) -> None:
        """Say nothing."""


class PlainLines:
    """A line every few seconds, for a log file or a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def task(self, title: str, *, total: int | None, unit: str) -> Iterator[Task]:
        """Open a task that prints while it runs, and when it has ended."""
        clock = _Clock(title, total, unit)
        yield _ClockedTask(clock, self._now_and_then)
        self.line(clock, ended=True)

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)

    def _now_and_then(self, clock: _Clock) -> None:
        if time.monotonic() - clock.told >= SECONDS_BETWEEN_LINES:
            self.line(clock)

    def line(self, clock: _Clock, *, ended: bool = False) -> None:
        """Print where a task stands."""
        clock.told = time.monotonic()
        unit = "" if clock.unit == BYTES else f" {clock.unit}"
        parts = [f"{clock.title}: {clock.count}{unit}", f"{_number(clock.rate, clock.unit)}/s"]
        left = clock.seconds_left
        if ended:
            parts.append(f"took {_duration(clock.seconds)}")
        elif left is not None:
            parts.append(f"{_duration(left)} left")
        self.say(" · ".join([*parts, *(_fact(*item) for item in clock.facts.items())]))


class JsonLines:
    """One JSON object a line, for another program."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def task(self, title: str, *, total: int | None, unit: str) -> Iterator[Task]:
        """Open a task that writes `start`, `progress` and `end` objects."""
        clock = _Clock(title, total, unit)
        self.write("start", clock)
        yield _ClockedTask(clock, self._now_and_then)
        self.write("end", clock)

    def say(self, text: str) -> None:
        """Write a `message` object."""
        self._emit({"event": "message", "text": text})

    def _now_and_then(self, clock: _Clock) -> None:
        if time.monotonic() - clock.told >= SECONDS_BETWEEN_LINES:
            self.write("progress", clock)

    def write(self, event: str, clock: _Clock) -> None:
        """Write where a task stands."""
        clock.told = time.monotonic()
        self._emit(
            {
                "event": event,
                "task": clock.title,
                "done": clock.done,
                "total": clock.total,
                "unit": clock.unit,
                "seconds": round(clock.seconds, 3),
                "facts": clock.facts,
            }
        )

    def _emit(self, value: dict[str, object]) -> None:
        print(json.dumps(value, ensure_ascii=False), file=self._stream, flush=True)


class LiveBoard:
    """A board at the foot of the terminal: a bar a task with its rate and time left; facts below.

    Nothing is shown before the first task, and after the last: a command may ask something then.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column
        from rich.text import Text

        class Board(Progress):
            """Each task's facts have the whole width."""

            def get_renderables(self) -> Iterator[RenderableType]:
                yield self.make_tasks_table(self.tasks)
                for task in self.tasks:
                    if task.fields["facts"]:
                        yield Text(f"  {task.fields['facts']}", style="dim")

        # The title gives way on a narrow terminal; numbers never do.
        title = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._board: RichProgress = Board(
            TextColumn("[bold]{task.description}", table_column=title),
            BarColumn(bar_width=10),
            *(
                TextColumn(
                    f"{{task.fields[{name}]}}", markup=False, table_column=Column(no_wrap=True)
                )
                for name in ("count", "rate", "left")
            ),
            console=Console(stderr=True),
            transient=True,
            expand=True,
            refresh_per_second=4,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._board.stop()

    @contextmanager
    def task(self, title: str, *, total: int | None, unit: str) -> Iterator[Task]:
        """Show a task on the board until it closes."""
        from rich.markup import escape

        clock = _Clock(title, total, unit)
        row = self._board.add_task(
            escape(title), total=total, count=clock.count, rate=unit, left="", facts=""
        )
        self._board.start()
        try:
            yield _ClockedTask(clock, partial(self._update, row))
        finally:
            self._board.remove_task(row)
            if not self._board.tasks:
                self._board.stop()

    def say(self, text: str) -> None:
        """Print a line above the board."""
        self._board.console.print(text, markup=False, highlight=False)

    def _update(self, row: TaskID, clock: _Clock) -> None:
        rates = {name: f"{value:.3g}" for name, value in clock.facts.items() if name in RATES}
        name = "" if clock.unit == BYTES else f" {clock.unit}"
        rate = next(
            (f"{value} {known}" for known, value in rates.items()),
            f"{_number(clock.rate, clock.unit)}{name}",
        )
        left = clock.seconds_left
        self._board.update(
            row,
            completed=clock.done,
            count=clock.count,
            rate=f"{rate}/s",
            left="" if left is None else f"{_duration(left)} left",
            facts=" · ".join(_fact(*item) for item in clock.facts.items() if item[0] not in RATES),
        )


@contextmanager
def open_progress(mode: Mode) -> Iterator[Progress]:
    """The progress that suits where standard error goes.

    Args:
        mode: `auto` is `live` on a terminal and `plain` elsewhere.
    """
    if mode == "auto":
        mode = "live" if sys.stderr.isatty() else "plain"
    if mode == "live":
        with LiveBoard() as board:
            yield board
    elif mode == "plain":
        yield PlainLines(sys.stderr)
    elif mode == "json":
        yield JsonLines(sys.stderr)
    else:
        yield Silent()

"""What workers report as JSON lines, shown on one board."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nerdistill import errors

if TYPE_CHECKING:
    from nerdistill.progress import Progress, Task

Event = dict[str, object]


class GoneError(Exception):
    """A worker's task that will see no end."""


@dataclass
class Relay:
    """Shows what several workers do.

    Attributes:
        progress: where it is shown.
        title: of the task that all workers share.
        whole: that task.
        done: how much of it is known to be done.
        told: what was said already: a line that two workers say stands once.
    """

    progress: Progress
    title: str
    whole: Task
    done: int = 0
    told: set[str] = field(default_factory=set)

    def say(self, text: str) -> None:
        """Tell one thing once."""
        if text not in self.told:
            self.told.add(text)
            self.progress.say(text)

    def reached(self, done: int) -> None:
        """Tell that so much of the whole is done, as one worker sees it."""
        if done > self.done:
            self.whole.advance(done - self.done)
            self.done = done


class Worker:
    """One worker as its lines tell it.

    Args:
        name: for people.
        relay: shared by all workers.
    """

    def __init__(self, name: str, relay: Relay) -> None:
        self.name, self._relay = name, relay
        self._tasks: dict[str, tuple[ExitStack, Task, int]] = {}
        self._rest = b""

    def read(self, data: bytes) -> None:
        """Show what the next bytes tell.

        Raises:
            NerdistillError: the worker has met an error that is the user's to mend.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._show(json.loads(line))

    def gone(self) -> None:
        """Take its tasks off the board."""
        for stack, _, _ in self._tasks.values():
            with suppress(GoneError), stack:
                raise GoneError
        self._tasks.clear()

    def _show(self, event: Event) -> None:
        kind, title = event["event"], str(event.get("task"))
        if kind == "message":
            self._relay.say(str(event["text"]))
        elif kind == "error":
            raise error_of(event)
        elif title == self._relay.title:
            self._relay.reached(int(str(event["done"])))
        else:
            self._task(title, str(kind), event)

    def _task(self, title: str, kind: str, event: Event) -> None:
        if kind == "start":
            total, stack = event["total"], ExitStack()
            task = stack.enter_context(
                self._relay.progress.task(
                    f"{self.name}: {title}",
                    total=total if isinstance(total, int) else None,
                    unit=str(event["unit"]),
                )
            )
            self._tasks[title] = stack, task, 0
            return
        stack, task, before = self._tasks[title]
        done, facts = int(str(event["done"])), event["facts"]
        task.advance(done - before, **(facts if isinstance(facts, dict) else {}))
        self._tasks[title] = stack, task, done
        if kind == "end":
            stack.close()
            del self._tasks[title]


def event_of(error: errors.NerdistillError) -> Event:
    """An error as a line."""
    kind = type(error).__name__
    return {"event": "error", "kind": kind, "message": error.message, "hint": error.hint}


def error_of(event: Event) -> errors.NerdistillError:
    """The error that a line tells; of the base class where it is not one of the common tree."""
    kind = getattr(errors, str(event["kind"]), errors.NerdistillError)
    error = kind(str(event["message"]), str(event["hint"]))
    return error if isinstance(error, errors.NerdistillError) else errors.NerdistillError("", "")

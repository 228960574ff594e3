"""Signals that ask a training to end wait until its step is done."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ASKING = (signal.SIGINT, signal.SIGTERM)


class Deferred:
    """What was asked for meanwhile.

    Attributes:
        asked: the first signal that came, or None.
    """

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._before = {number: signal.getsignal(number) for number in ASKING}

    def arm(self) -> None:
        """Let signals wait from now on. A second one does not."""
        for number in ASKING:
            signal.signal(number, self._note)

    def disarm(self) -> None:
        """Let signals do what they did before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def deliver(self) -> None:
        """Do what was asked for, if anything was."""
        if self.asked is not None:
            self.disarm()
            signal.raise_signal(self.asked)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        again = self.asked is not None
        self.asked = signal.Signals(number)
        if again:
            self.deliver()


@contextmanager
def deferred() -> Iterator[Deferred]:
    """Let signals wait for `deliver`, as far as this thread may: the main one hears them alone."""
    waiting = Deferred()
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return
    waiting.arm()
    try:
        yield waiting
    finally:
        waiting.disarm()

"""How many requests to have in flight: more while that brings more answers, half when too many.

A hill climb on throughput with multiplicative decrease, after TCP's congestion control (Jacobson
1988; Chiu and Jain 1989). The limit grows after each round of answers that was worth it; after one
that was not it goes back to a little above the last good one, and stays there for a while.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 32
MARGIN = 1.25
"""What is kept above the last good limit, so that the server never waits for the client."""
ROUNDS_TRIED = 2
"""A larger limit is given so many rounds: the first one opens connections."""
ROUNDS_HELD = 30
"""After so many rounds at one limit a larger one is tried again: servers change."""
ROUNDS_EASED = 4
"""The same after an overload."""


@dataclass(frozen=True, slots=True)
class _Pace:
    """By how much the limit grows, and how much more throughput that must bring."""

    growth: float
    worth: float


FAST = _Pace(growth=2.0, worth=1.1)
CAREFUL = _Pace(growth=1.125, worth=1.0)
"""The pace before the first overload, and after it."""


class Limiter:
    """The number of requests to have in flight, from 1 to `cap`. Times are the caller's seconds.

    Attributes:
        cap: the largest number.
        limit: the present number.
        paused_until: no request may start before this time.
    """

    def __init__(self, cap: int, now: float, start: int = START) -> None:
        self.cap, self.limit, self.paused_until = cap, max(1, min(cap, start)), now
        self._pace = FAST
        self._good, self._throughput = self.limit, 0.0
        self._rounds_to_hold = self._rounds_tried = 0
        self._round_began, self._answers = now, 0
        self._ended = cap
        """Attempts that ended since the limit was last halved."""

    def answered(self, now: float) -> None:
        """An answer came; a round is as many answers as may be in flight at once."""
        self._answers += 1
        self._ended += 1
        seconds = now - self._round_began
        if self._answers >= self.limit and seconds > 0:
            throughput = self._answers / seconds
            self._round_began, self._answers = now, 0
            self._judge(throughput)

    def overloaded(self, now: float, wait: float = 0.0) -> None:
        """The server says that it is too much, or did not answer in time: halve the limit.

        What was in flight when it was halved fails together, and halves it no further.

        Args:
            now: the time.
            wait: seconds for which the server wants to be left alone.
        """
        self.paused_until = max(self.paused_until, now + wait)
        self._ended += 1
        if self._ended > self.limit:
            self._ended = -self.limit // 2
            self.limit = max(1, self.limit // 2)
            self._pace = CAREFUL
            self._rounds_to_hold, self._rounds_tried = ROUNDS_EASED, 0
            self._round_began, self._answers = now, 0

    def _judge(self, throughput: float) -> None:
        if self._rounds_to_hold > 1:
            self._rounds_to_hold -= 1
        elif self._rounds_to_hold or throughput >= self._pace.worth * self._throughput:
            self._rounds_to_hold = self._rounds_tried = 0
            self._good, self._throughput = self.limit, throughput
            larger = max(self.limit + 1, round(self.limit * self._pace.growth))
            self.limit = min(self.cap, larger)
        else:
            self._rounds_tried += 1
            if self._rounds_tried == ROUNDS_TRIED:
                self.limit = min(self.cap, round(self._good * MARGIN))
                self._rounds_to_hold, self._rounds_tried = ROUNDS_HELD, 0

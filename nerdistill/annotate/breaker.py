"""The circuit breaker: a run against a dead server stops with a clear message."""

from __future__ import annotations

from nerdistill.errors import AnnotationError

PATIENCE = 60.0
"""Seconds without any answer after which a server that did answer is taken for dead."""
FIRST_PATIENCE = 10.0
"""The same where it never answered."""
FAILURES = 5
"""So many failures in a row it takes at least."""
REFUSALS = 20
"""So many refused requests in a row mean that all would be."""

KEPT = "What was answered is stored: mend that and run the same command again."


class DeadServerError(AnnotationError):
    """A server does not answer any more."""


class Breaker:
    """Counts failures since the last answer. Times are the caller's seconds.

    Args:
        server: its address, for messages.
        now: when the run starts.
        patience: see `PATIENCE`; shorter values bound `FIRST_PATIENCE` too.
    """

    def __init__(self, server: str, now: float, patience: float = PATIENCE) -> None:
        self._server, self._patience = server, patience
        self._last, self._ever = now, False
        self._failures = self._refusals = 0

    def answered(self, now: float) -> None:
        """The server answered a request."""
        self._last, self._ever = now, True
        self._failures = self._refusals = 0

    def alive(self, now: float) -> None:
        """The server is there, though it answered nothing."""
        self._last, self._failures = now, 0

    def failed(self, now: float, message: str) -> None:
        """An attempt ended without an answer.

        Raises:
            DeadServerError: the server is dead.
        """
        self._failures += 1
        patience = self._patience if self._ever else min(self._patience, FIRST_PATIENCE)
        silent = now - self._last
        if self._failures >= FAILURES and silent >= patience:
            raise DeadServerError(
                f"{self._server} has not answered for {silent:.0f} s: {message}",
                f"See that the server runs, that --base-url is right and no proxy is between. "
                f"{KEPT}",
            )

    def refused(self, message: str) -> None:
        """The server turned one request down.

        Raises:
            AnnotationError: it turns all of them down.
        """
        self._refusals += 1
        if self._refusals >= REFUSALS:
            raise AnnotationError(
                f"{self._server} refused {self._refusals} requests in a row: {message}",
                f"The server does not take what is sent to it. {KEPT}",
            )

"""What an unanswered attempt means: try again, give up this request, or stop the whole run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nerdistill.annotate.protocol import FailureKind

Verdict = Literal["again", "refused", "stop"]

TOO_MANY = 429
BUSY = frozenset({TOO_MANY, 503, 529})
TRANSIENT = frozenset({408, 409, 425, TOO_MANY, *range(500, 600)})
OF_THIS_REQUEST = frozenset({400, 413, 422})
LONGEST_WAIT = 60.0
"""Seconds between two attempts at most, where the server does not say."""

_HINTS: dict[int, str] = {
    401: "See that the environment variable with the API key holds the right one",
    403: "The key may not use this model or this server: ask who runs it",
    404: "See that --base-url ends where the server's API starts (mostly in /v1), and that "
    "--model is a name that it serves",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """An attempt that brought no reply.

    Attributes:
        verdict: what to do.
        kind: what a failure would call it.
        message: for a person.
        wait: seconds to wait before the next attempt, where the server says so.
        overload: whether fewer requests at once would help.
        dead: whether nothing but a dead server explains it, if it goes on.
        parameter: the field of the request that the server does not take, where it says so.
    """

    verdict: Verdict
    kind: FailureKind
    message: str
    wait: float | None = None
    overload: bool = False
    dead: bool = False
    parameter: str = ""


def judge_status(status: int, headers: Mapping[str, str], error: Mapping[str, object]) -> Trouble:
    """What an answer of an error status means.

    Args:
        status: of HTTP.
        headers: their names in lower case.
        error: the body's `error` object; empty where there is none.
    """
    said = " ".join(str(error.get("message") or "").split())
    code, parameter = str(error.get("code") or ""), str(error.get("param") or "")
    told = f"HTTP {status}" + (f": {said}" if said else "")
    if code == "insufficient_quota":
        return Trouble("stop", "server", f"{told}. The account has no credit left: add some")
    if status in TRANSIENT:
        return Trouble(
            "again",
            "server",
            told,
            wait=retry_after(headers, time.time),
            overload=status in BUSY,
            dead=status not in BUSY,
        )
    if status in OF_THIS_REQUEST:
        return Trouble("refused", "refused", told, parameter=parameter)
    return Trouble("stop", "server", f"{told}. {_HINTS.get(status, 'See the log of the server')}")


def retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Seconds to wait that a server asks for, in each of the ways in which servers say it.

    `retry-after-ms` in milliseconds, else `retry-after` in seconds or as an HTTP date (RFC 9110,
    10.2.3). None where there is nothing, or nonsense.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        # NaN compares as false.
        return max(0.0, seconds) if seconds < float("inf") else None
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - now())
    except (KeyError, ValueError, OverflowError):
        return None

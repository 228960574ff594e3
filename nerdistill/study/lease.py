"""Leases: which of several runners does what, where they share nothing but a file system.

A lease is a folder of numbered claims, of which the highest counts. Whoever makes the file of the
next number holds the lease: of any number of runners, one can. The holder rewrites its claim every
few seconds; who sees it unchanged for long enough, by a clock of its own, makes the next one. So
nobody steals a lease that was taken meanwhile, and no two machines' clocks are compared.

A holder that stood still finds a higher number, or its own claim gone, before it publishes.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = 512
"""Bytes of a claim: all of it is written at once, over what was there."""
GONE = frozenset({errno.ENOENT, errno.ESTALE})
"""What is said of a file that was removed: here, or on another machine that shares it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a lease is renewed, and when it ends.

    Attributes:
        beat: seconds between two renewals.
        lives: seconds without one after which others take the lease over.
        look: seconds between two looks of a runner that waits.
    """

    beat: float = 3.0
    lives: float = 30.0
    look: float = 1.0


USUAL = Pace()


class LeaseLostError(WorkspaceError):
    """Another runner has taken over what this one was at."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the file of a claim says. Host and process are for people to read.

    Attributes:
        holder: made up anew for each claim.
        host: name of the machine.
        pid: number of the process there.
        beat: how often it was renewed.
        released: whether its holder has ended with it.
    """

    holder: str
    host: str
    pid: int
    beat: int = 0
    released: bool = False

    def to_bytes(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(asdict(self)).encode().ljust(SIZE - 1) + b"\n"


class Lease:
    """A lease that this process holds. A thread renews it until it is released or lost.

    Attributes:
        holder: the name of this claim.
    """

    def __init__(self, folder: Path, number: int, handle: int, pace: Pace) -> None:
        self._folder, self._number, self._handle, self._pace = folder, number, handle, pace
        self._claim = Claim(secrets.token_hex(8), socket.gethostname()[:100], os.getpid())
        self.holder = self._claim.holder
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def held(self) -> bool:
        """Renew the lease, and tell whether it is still this one's.

        Raises:
            OSError: the file system does not answer as it should, so that nobody can tell.
        """
        with self._lock:
            if not self._lost:
                try:
                    self._write(replace(self._claim, beat=self._claim.beat + 1))
                    self._lost = highest(self._folder) != self._number
                except OSError as error:
                    if error.errno not in GONE:
                        raise
                    self._lost = True
            return not self._lost

    def release(self) -> None:
        """Let others have it at once."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):  # it then ends by itself
            if self.held():
                self._write(replace(self._claim, released=True))
        os.close(self._handle)

    def _write(self, claim: Claim) -> None:
        # Never by name: where another runner has taken over, this reaches a file that nobody reads.
        os.pwrite(self._handle, claim.to_bytes(), 0)
        os.fsync(self._handle)
        self._claim = claim

    def _renew(self) -> None:
        while not self._ended.wait(self._pace.beat):
            with suppress(OSError):  # a file system that hangs may come back in time
                if not self.held():
                    return


@dataclass(frozen=True, slots=True)
class _Watch:
    """How long a runner has seen a claim unchanged: `quiet` seconds, up to the time `looked`."""

    number: int
    data: bytes
    quiet: float
    looked: float


class Leases:
    """The leases below a folder, as one runner sees them.

    Args:
        root: where they lie.
        pace: the same for all runners.
        clock: seconds that only ever grow; nobody else's.
    """

    def __init__(
        self, root: Path, pace: Pace = USUAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.root, self.pace, self._clock = root, pace, clock
        self._watched: dict[str, _Watch] = {}

    def take(self, name: str) -> Lease | None:
        """The lease of this name, if it is free or was not renewed for too long; None if not.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = self.root / name
        sharing.make_folder(folder)
        number = highest(folder)
        if number and not self._free(name, number):
            return None
        return self._claimed(folder, number + 1)

    def holder(self, name: str) -> str | None:
        """Who holds a lease, in words; None where nobody does."""
        folder = self.root / name
        try:
            claim = _claim(_read(folder / str(highest(folder))))
        except FileNotFoundError:
            return None
        if claim is None:
            return "another runner"
        return None if claim.released else f"{claim.host} (process {claim.pid})"

    def remove(self, name: str) -> None:
        """Forget a lease that nobody needs any more."""
        shutil.rmtree(self.root / name, ignore_errors=True)

    def _free(self, name: str, number: int) -> bool:
        try:
            data = _read(self.root / name / str(number))
        except FileNotFoundError:
            return False  # another runner was just faster
        claim = _claim(data)
        return (claim is not None and claim.released) or self._expired(name, number, data)

    def _expired(self, name: str, number: int, data: bytes) -> bool:
        """Whether this runner itself has seen no change for long enough."""
        now, old = self._clock(), self._watched.get(name)
        quiet = 0.0
        if old is not None and (old.number, old.data) == (number, data):
            # Who stood still between two looks, or waited for the disk, has watched nothing.
            quiet = old.quiet + min(now - old.looked, 2 * self.pace.look)
        self._watched[name] = _Watch(number, data, quiet, now)
        return quiet >= self.pace.lives

    def _claimed(self, folder: Path, number: int) -> Lease | None:
        path = folder / str(number)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return None
        except OSError as error:
            if error.errno in GONE:  # another runner has finished, and removed the folder
                return None
            raise
        sharing.settle(handle)
        lease = Lease(folder, number, handle, self.pace)
        if not lease.held():
            # This runner was so slow that the claim which it replaces is long history.
            lease.release()
            path.unlink(missing_ok=True)
            return None
        for old in _numbers(folder):
            if old < number:
                # Its holder, should it live, cannot renew what is gone.
                (folder / str(old)).unlink(missing_ok=True)
        return lease


def highest(folder: Path) -> int:
    """The number of the claim that counts; 0 where there is none."""
    return max(_numbers(folder), default=0)


def _numbers(folder: Path) -> list[int]:
    try:
        return [int(file.name) for file in folder.iterdir() if file.name.isdecimal()]
    except FileNotFoundError:
        return []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno in GONE:
            raise FileNotFoundError(path) from error
        raise


def _claim(data: bytes) -> Claim | None:
    """The claim in a file; None while it is being written for the first time."""
    try:
        return Claim(**json.loads(data))
    except (ValueError, TypeError):
        return None

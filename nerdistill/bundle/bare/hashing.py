"""Digests of many files at once, on all cores."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Callable, Dict, Iterable, List, Optional, Sequence, TypeVar

BLOCK = 1 << 22

Read = Callable[[memoryview], Optional[int]]
"""Fills a buffer and tells how much of it, such as a raw file's `readinto`."""

Tick = Callable[[int], None]
"""Told the number of bytes just read."""

Item = TypeVar("Item")
Done = TypeVar("Done")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sha256_file(path: str, tick: Optional[Tick] = None) -> str:
    """The sha256 of a file, as lower-case hexadecimal digits."""
    with open(path, "rb", buffering=0) as stream:
        return sha256_of(stream.readinto, None, tick)


def sha256_of(read: Read, size: Optional[int], tick: Optional[Tick] = None) -> str:
    """The sha256 of the next `size` bytes, or of all that is left; less counts as it is."""
    hashed = hashlib.sha256()
    view = memoryview(bytearray(BLOCK))
    left = size
    while left is None or left > 0:
        count = read(view if left is None else view[: min(left, BLOCK)])
        if not count:
            break
        hashed.update(view[:count])
        left = None if left is None else left - count
        if tick:
            tick(count)
    return hashed.hexdigest()


class Stopped(Exception):  # noqa: N818 - it reads as what happens
    """Another thread failed, or the user interrupted: there is no use in going on."""


class Crew:
    """What several threads share: whom they tell of bytes, one at a time, and when to stop.

    Args:
        tick: told of bytes as they are read.
    """

    def __init__(self, tick: Optional[Tick]) -> None:
        self._tick = tick
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def tick(self, count: int) -> None:
        """Tell of bytes.

        Raises:
            Stopped: what is left is not wanted any more.
        """
        if self._stop.is_set():
            raise Stopped
        if self._tick:
            with self._lock:
                self._tick(count)

    def run(self, work: Callable[[Item], Done], items: Iterable[Item], jobs: int) -> List[Done]:
        """Do the work of every item, in threads; the first error ends all of it."""
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(work, item) for item in items]
            try:
                for one in as_completed(waiting):
                    one.result()
            except BaseException:
                self._stop.set()
                for one in waiting:
                    one.cancel()
                raise
        return [one.result() for one in waiting]


def sha256_all(
    paths: Sequence[str], jobs: Optional[int] = None, tick: Optional[Tick] = None
) -> Dict[str, str]:
    """The sha256 of each file, the largest first: hashing lets go of the interpreter's lock."""
    order = sorted(paths, key=os.path.getsize, reverse=True)
    crew = Crew(tick)
    digests = crew.run(lambda path: sha256_file(path, crew.tick), order, jobs or cores())
    return dict(zip(order, digests))

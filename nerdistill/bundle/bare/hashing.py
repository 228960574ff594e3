"""Digests of many files at once, on all cores."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, Optional, Sequence

BLOCK = 1 << 22

Read = Callable[[memoryview], Optional[int]]
"""Fills a buffer and tells how much of it, such as a raw file's `readinto`."""

Tick = Callable[[int], None]
"""Told the number of bytes just read."""


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


def serial(tick: Optional[Tick]) -> Optional[Tick]:
    """Let several threads tick, one at a time."""
    if tick is None:
        return None
    told, lock = tick, threading.Lock()

    def one_by_one(count: int) -> None:
        with lock:
            told(count)

    return one_by_one


def sha256_all(
    paths: Sequence[str], jobs: Optional[int] = None, tick: Optional[Tick] = None
) -> Dict[str, str]:
    """The sha256 of each file, the largest first: hashing lets go of the interpreter's lock."""
    order = sorted(paths, key=os.path.getsize, reverse=True)
    told = serial(tick)
    with ThreadPoolExecutor(jobs or cores()) as pool:
        return dict(zip(order, pool.map(lambda path: sha256_file(path, told), order)))

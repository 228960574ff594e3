"""A process apart that may go out to one fake hub: the tests' own is closed before it starts."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from nerdistill import offline
from nerdistill.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from nerdistill.progress import Task

P = ParamSpec("P")
R = TypeVar("R")


class Noted:
    """Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def task(self, title: str, *, total: int | None, unit: str) -> AbstractContextManager[Task]:
        """Open a task."""
        self.said.append(f"{title}: {total} {unit}")
        return Silent().task(title, total=total, unit=unit)

    def say(self, text: str) -> None:
        """Keep the line."""
        self.said.append(text)


class Connected:
    """Calls functions in the process that may go out; what they raise is raised here."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, function: Callable[P, R], *args: P.args, **settings: P.kwargs) -> R:
        """Call a function of a module."""
        return self._pool.submit(partial(function, *args, **settings)).result(timeout=120)

    def environ(self, values: Mapping[str, str]) -> None:
        """Set variables, or take away those whose value is empty."""
        self(_environ, dict(values))

    def stand_in(self, home: Path) -> None:
        """Make a folder the current one and nerdistill's home."""
        self(os.chdir, home)
        self.environ({"NERDISTILL_HOME": str(home)})


def _go_online(values: Mapping[str, str]) -> None:
    offline.lift()
    _environ(values)


def _environ(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value


@contextmanager
def connected(endpoint: str, home: Path) -> Iterator[Connected]:
    """A process whose hub is at `endpoint`, and whose caches lie in `home`."""
    values = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_TOKEN": "",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, _go_online, (values,)) as pool:
        yield Connected(pool)

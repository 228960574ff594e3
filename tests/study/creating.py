"""The connected side in small: an index of tiny wheels on loopback, and `bundle create` on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.bundle.installing import pip_wheel
from tests.bundle.tiny_index import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.bundle.tiny_index import TinyIndex

PARTS = [f"part{number}" for number in range(11)]
"""What the stand-in for nerdistill needs: more than pip fetches at once."""
CHILD = """\
import importlib, os, sys
from pathlib import Path

from nerdistill import offline

offline.lift()
from nerdistill.cli.main import _run
from nerdistill.study import create

own, place, count, *words = sys.argv[1:]
create.own_wheel = lambda _: Path(own)
if place:
    module, _, name = place.partition(":")
    holder = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        holder = getattr(holder, part)
    real, left = getattr(holder, last), [int(count)]

    def dying(*args, **settings):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), 9)
        return real(*args, **settings)

    setattr(holder, last, dying)
sys.exit(_run(words))
"""
"""The command, with a stand-in's wheel as nerdistill's own; it dies at a call of a function."""


class _Counting(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        # uv reads metadata out of the wheels; what pip asks for is a download.
        if self.headers.get("User-Agent", "").startswith("pip/"):
            self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


@contextmanager
def serving(index: TinyIndex) -> Iterator[tuple[str, list[str]]]:
    """The index over HTTP: its address, and the paths that pip asks for."""
    asked: list[str] = []
    handler = type("Handler", (_Counting,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(index.root)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fill(index: TinyIndex) -> None:
    """The parts that the stand-in needs, and a real pip."""
    for name in PARTS:
        make_wheel(index.files, name)
    shutil.move(pip_wheel(index.root), index.files)
    index.publish()


def write_target(path: Path, facts: dict[str, object], **changed: object) -> Path:
    """A target.json of this machine, with changes."""
    path.write_text(json.dumps({**facts, **changed}))
    return path


@dataclass
class Maker:
    """Runs `bundle create` in a process of its own.

    Attributes:
        own: the wheel of the stand-in.
        words: the arguments of every run.
        environment: added to this process's; what is empty is taken away.
    """

    own: Path
    words: Sequence[str | Path]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, place: str = "", count: int = 1) -> subprocess.CompletedProcess[str]:
        """One run; it dies at that call of that function, written `module:name`."""
        told = {**os.environ, **self.environment}
        kept = {name: value for name, value in told.items() if value}
        child = [sys.executable, "-c", CHILD, str(self.own), place, str(count)]
        return subprocess.run(
            [*child, "bundle", "create", *map(str, self.words), "--progress", "plain"],
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

"""The executor `local`: a process for each slot of this machine, all in one workspace."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.annotate.child import start_child
from nerdistill.errors import WorkspaceError
from nerdistill.study.executors import prepare
from nerdistill.study.executors.devices import VISIBLE, find_slots
from nerdistill.study.executors.relay import Relay, Worker
from nerdistill.study.runner import run_stages
from nerdistill.study.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.annotate.child import Child
    from nerdistill.progress import Progress
    from nerdistill.study.executors.devices import Slot
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

PROGRAM = "nerdistill.study.executors.worker"
GRACE = 60.0
"""Seconds in which a training that is asked to end finishes its step and is saved."""
ENDING = 10.0
"""Seconds between a worker's last word and its end."""
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Running:
    """A worker that was started.

    Attributes:
        child: its process.
        pipe: where it reports.
        worker: what is shown of it.
    """

    child: Child
    pipe: int
    worker: Worker


@dataclass(frozen=True, slots=True)
class Local:
    """Trains on all GPUs of this machine.

    Attributes:
        slots: processes that train; None: as many as pay. With one it is this process.
    """

    slots: int | None = None

    def run(
        self, graph: Graph, workspace: Workspace, progress: Progress, *, cohort: int | None = None
    ) -> None:
        """See `Executor`. A worker that dies is told, and the others take over what it was at.

        Raises:
            WorkspaceError: all workers have died.
            NerdistillError: what one of them met; the others are then stopped.
        """
        stages, title = stages_of(graph, workspace), f"study {graph.config.name}"
        slots = find_slots(graph.student, self.slots)
        if len(slots) == 1:
            run_stages(title, stages, workspace, progress, cohort=cohort)
            return
        if not prepare(graph, workspace, progress):
            return
        with (
            _temporary_folder() as folder,
            progress.task(title, total=len(stages), unit="stages") as whole,
        ):
            order = folder / "order.json"
            order.write_bytes(_order(graph, workspace, title, cohort))
            relay = Relay(progress, title, whole)
            with _started(slots, order, relay) as running:
                _watch(running, relay)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for orders and logs; it stays where an error names it."""
    folder = Path(tempfile.mkdtemp(prefix="nerdistill-"))
    try:
        yield folder
    except WorkspaceError:
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def _order(graph: Graph, workspace: Workspace, title: str, cohort: int | None) -> bytes:
    from nerdistill.study.executors.worker import Order

    order = Order(
        study=graph.config,
        workspace=workspace.root.absolute(),
        pace=workspace.leases.pace,
        title=title,
        cohort=cohort,
        group=sharing.shared_with(),
    )
    return order.model_dump_json(by_alias=True).encode()


@contextmanager
def _started(slots: Sequence[Slot], order: Path, relay: Relay) -> Iterator[list[Running]]:
    """A worker in each slot; what still runs when the block ends is stopped."""
    # Pipes are closed last: who is stopped still reports.
    with ExitStack() as pipes, ExitStack() as workers:
        running: list[Running] = []
        workers.callback(_stop, running)
        for number, slot in enumerate(slots):
            reading, writing = os.pipe()
            pipes.callback(os.close, reading)
            try:
                child = start_child(
                    [sys.executable, "-m", PROGRAM, str(order), str(writing)],
                    environment=_environment(slot, len(slots)),
                    log=order.with_name(f"worker-{number}.log"),
                    pass_fds=[writing],
                )
            finally:
                os.close(writing)
            running.append(Running(child, reading, Worker(slot.name, relay)))
        yield running


def _environment(slot: Slot, slots: int) -> dict[str, str]:
    cores = len(os.sched_getaffinity(0))
    environment = {"OMP_NUM_THREADS": str(max(1, cores // slots)), **os.environ}
    if slot.gpu is not None:
        environment[VISIBLE] = slot.gpu
    return environment


def _stop(running: Sequence[Running]) -> None:
    """End all at once: each may have a training to save."""
    if running:
        with ThreadPoolExecutor(len(running)) as pool:
            list(pool.map(lambda one: one.child.stop(GRACE), running))


def _watch(running: Sequence[Running], relay: Relay) -> None:
    """Show what the workers report until all have ended.

    Raises:
        WorkspaceError: none of them ended well.
    """
    codes: list[int | None] = []
    with selectors.DefaultSelector() as selector:
        for one in running:
            selector.register(one.pipe, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                if data := os.read(key.fd, CHUNK):
                    key.data.worker.read(data)
                    continue
                selector.unregister(key.fd)
                codes.append(_ended(key.data, relay))
    if 0 not in codes:
        raise WorkspaceError(
            f"all {len(running)} workers have died: {_last_line(running[-1].child.log)}",
            f"Their logs are in {running[0].child.log.parent}. Run the study again: it resumes.",
        )


def _ended(one: Running, relay: Relay) -> int | None:
    """Take a worker off the board, and tell if it died; its exit code."""
    one.worker.gone()
    with suppress(subprocess.TimeoutExpired):
        one.child.process.wait(ENDING)
    code = one.child.exit_code()
    if code != 0:
        told = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        relay.say(
            f"the worker of {one.worker.name} has died ({told}: {_last_line(one.child.log)}); "
            "the others take over what it was at"
        )
    return code


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"

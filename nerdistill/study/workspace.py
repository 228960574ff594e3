"""A workspace: one directory a stage, renamed into place once its `record.json` stands in it.

Several runners may share one, on one machine or on several: each stage is built by whoever holds
its lease, in a folder of that attempt's own.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.errors import WorkspaceError
from nerdistill.files import sync, sync_folder, write_whole
from nerdistill.study.lease import USUAL, LeaseLostError, Leases
from nerdistill.study.machine import machine, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from nerdistill.digest import Digest
    from nerdistill.study.lease import Lease, Pace
    from nerdistill.study.stage import Stage
    from nerdistill.train.checkpoint import Checkpoints

Record = dict[str, object]
"""What a stage's `record.json` holds: its identity, `result`, `seconds`, and how it came about:
`began` and `ended` (ISO, UTC), `machine` and `versions`. Old ones lack the last four."""

Result = dict[str, object]
"""What a stage found."""

REPLIES = "replies"
"""The lease on the reply store: SQLite has one writer at a time on a network file system."""

MADE = (
    *("stages", "leases", "checkpoints", "winner"),
    *("results.json", "errors.jsonl", "cells.csv", "report.md", "report.html"),
    *("curves.svg", "f1.svg"),
    *(f"replies.sqlite{side}" for side in ("", "-wal", "-shm", "-journal")),
)
"""What lies in a workspace's folder."""


class Workspace:
    """The results of studies, below one folder.

    Args:
        root: created where it does not exist, for its owner's eyes only.
        pace: of the leases; the same for all runners.
    """

    def __init__(self, root: Path, pace: Pace = USUAL) -> None:
        self.root = root
        self.leases = Leases(root / "leases", pace)

    @property
    def replies(self) -> Path:
        """The store of raw replies, which outlives the stages that parse them."""
        return self.root / "replies.sqlite"

    def folder(self, stage: Stage) -> Path:
        """Where a stage's files lie."""
        return self.root / "stages" / stage.folder_name

    def checkpoints(self, stage: Stage) -> Checkpoints:
        """Where a training is saved now and then, for whoever goes on with it."""
        from nerdistill.train.checkpoint import Checkpoints

        return Checkpoints(self.root / "checkpoints" / stage.folder_name, stage.key)

    def record(self, stage: Stage) -> Record | None:
        """The record of a finished stage; None where it is not finished.

        Raises:
            WorkspaceError: the record is damaged.
        """
        try:
            return self._read(stage, self.folder(stage) / "record.json")
        except FileNotFoundError:
            return None

    def _read(self, stage: Stage, file: Path) -> Record:
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise self._damaged(file) from error
        if not isinstance(record, dict) or record.get("key") != stage.key:
            raise self._damaged(file)
        return record

    def _damaged(self, file: Path) -> WorkspaceError:
        return WorkspaceError(
            f"{file} is damaged", f"Remove the folder {file.parent}; its stage is then done again."
        )

    def result(self, stage: Stage) -> dict[str, object]:
        """What a finished stage found.

        Raises:
            WorkspaceError: it is not finished.
        """
        record = self.record(stage)
        if record is None:
            raise WorkspaceError(
                f"stage {stage.folder_name} is not finished", "Run the study again: it resumes."
            )
        result = record["result"]
        return result if isinstance(result, dict) else {}

    def prepare(self) -> list[str]:
        """Make the folder; where it exists, let those and only those read it who should.

        What a workspace of this user's holds gets the bits that `nerdistill.sharing` says. The
        folder itself is left alone where it also holds what is not nerdistill's.

        Returns:
            What the user should know, as lines.

        Raises:
            ConfigError: it cannot be given to the group.
        """
        sharing.make_folder(self.root)
        root = self.root.resolve()
        if root.stat().st_uid != os.geteuid():
            return []
        others = [
            path.name for path in root.iterdir() if path.name not in MADE and path.name[0] != "."
        ]
        for name in MADE:
            if sharing.unsettled(root / name):  # a folder is settled after what lies in it
                sharing.settle_below(root / name)
        if not others:
            sharing.settle(root)
        elif sharing.unsettled(root):
            told = f"{root} keeps its permissions, as it holds what is not nerdistill's"
            return [f"{told} ({min(others)}). To change them: {sharing.remedy(root)}"]
        return []

    def run(self, stage: Stage, build: Callable[[Path], Result]) -> Record | None:
        """The stage's record: read where it is finished, else built; None if another builds it.

        Args:
            stage: whose inputs are finished.
            build: writes the stage's files into the folder it is given and returns its result.

        Raises:
            LeaseLostError: another runner took the stage over; what was built here is dropped.
            WorkspaceError: the folder cannot be written.
        """
        (record,) = self.run_together([stage], lambda places: [build(places[stage.key])])
        return record

    def run_together(
        self, stages: Sequence[Stage], build: Callable[[dict[Digest, Path]], list[Result]]
    ) -> list[Record | None]:
        """As `run`, of several stages at once: those that are neither finished nor held by others.

        Args:
            stages: whose inputs are finished.
            build: is given the folder of each stage that is to be built, by its key; returns their
                results in that order.
        """
        with ExitStack() as stack:
            claimed: dict[Digest, tuple[Stage, Lease]] = {}
            for stage in stages:
                lease = None if self.record(stage) else stack.enter_context(self._leased(stage))
                # Its last holder may have finished it since.
                if lease is not None and self.record(stage) is None:
                    claimed[stage.key] = stage, lease
            if claimed:
                self._build(list(claimed.values()), build)
        return [self.record(stage) for stage in stages]

    def adopt(self, stage: Stage, fill: Callable[[Path], None]) -> None:
        """Put a stage that was built elsewhere into its place, if nobody else finishes it.

        Args:
            stage: whose folder it is.
            fill: writes its files and its record into the folder it is given.

        Raises:
            LeaseLostError: another runner took the stage over meanwhile.
            WorkspaceError: what was written is another stage.
        """
        with self._leased(stage) as lease:
            if lease is None or self.record(stage) is not None:
                return
            place = self.folder(stage)
            self._clear(stage, place)
            attempt = place.with_name(f".{place.name}.{lease.holder}")
            try:
                sharing.make_folder(attempt)
                fill(attempt)
                self._read(stage, attempt / "record.json")
                sync_folder(attempt)
                self._publish([(stage, lease)], {stage.key: attempt})
            finally:
                shutil.rmtree(attempt, ignore_errors=True)

    def holder(self, stage: Stage) -> str | None:
        """Who is at a stage, in words; None where nobody is."""
        return next((told for name in _needed(stage) if (told := self.leases.holder(name))), None)

    def wait(self) -> None:
        """Let other runners go on for a moment."""
        time.sleep(self.leases.pace.look)

    @contextmanager
    def _leased(self, stage: Stage) -> Iterator[Lease | None]:
        """All that the stage needs, or nothing; its own lease."""
        with ExitStack() as stack:
            stack.callback(self._forget, stage)
            lease = None
            for name in _needed(stage):
                lease = self._take(name)
                if lease is None:
                    break
                stack.callback(lease.release)
            yield lease

    def _forget(self, stage: Stage) -> None:
        """A finished stage needs neither lease nor checkpoints: who comes finds the record."""
        if (self.folder(stage) / "record.json").exists():
            if stage.kind == "train":
                self.checkpoints(stage).remove()
            self.leases.remove(stage.folder_name)

    def _take(self, name: str) -> Lease | None:
        try:
            return self.leases.take(name)
        except PermissionError as error:
            raise WorkspaceError(
                f"{self.root} cannot be written by you",
                f"Copy it (cp -r {self.root} COPY) and go on in the copy with --workspace COPY: "
                "what is finished is not done again.",
            ) from error

    def _build(
        self,
        claimed: Sequence[tuple[Stage, Lease]],
        build: Callable[[dict[Digest, Path]], list[Result]],
    ) -> None:
        attempts: dict[Digest, Path] = {}
        try:
            for stage, lease in claimed:
                place = self.folder(stage)
                self._clear(stage, place)
                attempts[stage.key] = place.with_name(f".{place.name}.{lease.holder}")
                sharing.make_folder(attempts[stage.key])
            self._fill([stage for stage, _ in claimed], build, attempts)
            self._publish(claimed, attempts)
        except LeaseLostError:
            raise
        except Exception:
            # Who takes a stage over removes this folder: then any failure may be due to that.
            for stage, lease in claimed:
                self._check(lease, stage)
            raise
        finally:
            for attempt in attempts.values():
                shutil.rmtree(attempt, ignore_errors=True)

    def _publish(
        self, claimed: Sequence[tuple[Stage, Lease]], attempts: Mapping[Digest, Path]
    ) -> None:
        """Put every stage into its place whose lease is still held; then tell of one that was lost.

        Raises:
            LeaseLostError: another runner has taken a stage over.
        """
        lost: list[LeaseLostError] = []
        for stage, lease in claimed:
            try:
                self._check(lease, stage)
            except LeaseLostError as error:
                lost.append(error)
            else:
                _publish(attempts[stage.key], self.folder(stage))
        if lost:
            raise lost[0]

    def _check(self, lease: Lease, stage: Stage) -> None:
        if not lease.held():
            raise LeaseLostError(
                f"{stage.title or stage.folder_name}: another runner took over, as this one was "
                f"not heard of for {self.leases.pace.lives:g} s",
                "The other one's result counts; what was done here is dropped.",
            )

    def _clear(self, stage: Stage, place: Path) -> None:
        """Remove what dead attempts left behind. The stage's lease is held."""
        # In this order: a place that exists unfinished is never filled by another attempt.
        if place.exists() and self.record(stage) is None:
            shutil.rmtree(place)
        for left in place.parent.glob(f".{place.name}.*"):
            # Its runner may wake up at any moment: it must never publish half of it.
            aside = left.with_name(f".{place.name}.{secrets.token_hex(8)}")
            with suppress(FileNotFoundError):
                left.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def _fill(
        self,
        stages: Sequence[Stage],
        build: Callable[[dict[Digest, Path]], list[Result]],
        attempts: dict[Digest, Path],
    ) -> None:
        began, start = _now(), time.monotonic()
        results = build(attempts)
        # Of stages that were built together each has its share of the time.
        seconds = round((time.monotonic() - start) / len(stages), 3)
        about: Record = {
            "began": began,
            "ended": _now(),
            "machine": machine(),
            "versions": versions(),
        }
        for stage, result in zip(stages, results, strict=True):
            folder = attempts[stage.key]
            record: Record = {
                "key": stage.key,
                "stage": stage.identity,
                "result": result,
                "seconds": seconds,
                **about,
            }
            sharing.settle_below(folder)
            sync_folder(folder)
            write_whole(folder / "record.json", json.dumps(record, indent=1, ensure_ascii=False))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _needed(stage: Stage) -> list[str]:
    """The leases that building a stage takes, in the order in which all runners take them."""
    return [*([REPLIES] if stage.kind == "annotate" else []), stage.folder_name]


def _publish(attempt: Path, place: Path) -> None:
    """Rename a finished attempt into place; where one stands there already, that one stays."""
    try:
        attempt.rename(place)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    sync(place.parent)

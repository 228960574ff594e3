"""A workspace: one directory a stage, complete only once its `record.json` stands in it."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nerdistill.errors import WorkspaceError
from nerdistill.files import sync_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nerdistill.study.stage import Stage

Record = dict[str, object]
"""What a stage's `record.json` holds: its identity, `result` and `seconds`."""


class Workspace:
    """The results of studies, below one folder.

    Args:
        root: created where it does not exist, for its owner's eyes only.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def replies(self) -> Path:
        """The store of raw replies, which outlives the stages that parse them."""
        return self.root / "replies.sqlite"

    def folder(self, stage: Stage) -> Path:
        """Where a stage's files lie."""
        return self.root / "stages" / stage.folder_name

    def record(self, stage: Stage) -> Record | None:
        """The record of a finished stage; None where it is not finished.

        Raises:
            WorkspaceError: the record is damaged.
        """
        file = self.folder(stage) / "record.json"
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
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

    def run(self, stage: Stage, build: Callable[[Path], dict[str, object]]) -> Record:
        """The stage's record: read where it is finished, else built.

        Args:
            stage: whose inputs are finished.
            build: writes the stage's files into the folder it is given and returns its result.
        """
        done = self.record(stage)
        if done is not None:
            return done
        folder = self.folder(stage)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        began = time.monotonic()
        result = build(folder)
        seconds = round(time.monotonic() - began, 3)
        record: Record = {
            "key": stage.key,
            "stage": stage.identity,
            "result": result,
            "seconds": seconds,
        }
        sync_folder(folder)
        write_whole(folder / "record.json", json.dumps(record, indent=1, ensure_ascii=False))
        return record

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second runner out.

        Raises:
            WorkspaceError: another runner is at work here, or the folder cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise WorkspaceError(
                    f"another nerdistill is at work in {self.root}",
                    "Wait for it, stop it, or name another --workspace.",
                ) from error
            yield

"""What was handed in as batches: a journal that outlives the run, so that nothing is paid twice."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.digest import Digest
from nerdistill.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class BatchJournal:
    """A file of JSON lines; each is on the disk before the run goes on.

    A batch is announced with a mark of its own before it is handed in, and the mark goes with it:
    a run that dies between the two finds at the server whether the batch exists.

    Attributes:
        keys: for each request in a batch the batch's mark.
        batches: for each mark the server's name of the batch, or None where it is not known.

    Raises:
        StoreError: a line is not the journal's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: dict[Digest, str] = {}
        self.batches: dict[str, str | None] = {}
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for number, line in enumerate(lines[:-1], start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StoreError(
                    f"{path}:{number}: not the journal of batches: {error!r}",
                    "Move the file away: what it lists is then asked for, and paid, again.",
                ) from error
        if lines and lines[-1]:
            # A line that was cut off when the run was killed says nothing that was relied upon.
            path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))

    def announce(self, mark: str, keys: Iterable[Digest]) -> None:
        """A batch is about to be handed in."""
        self._write({"mark": mark, "keys": list(keys)})

    def created(self, mark: str, batch: str) -> None:
        """The server has taken it, and calls it so."""
        self._write({"mark": mark, "batch": batch})

    def failed(self, keys: Iterable[Digest]) -> None:
        """Requests that their batch did not answer: they may be asked again."""
        self._write({"failed": list(keys)})

    def _take(self, record: dict[str, object]) -> None:
        if "failed" in record:
            for key in _keys(record["failed"]):
                self.keys.pop(key, None)
        elif "keys" in record:
            mark = str(record["mark"])
            self.batches[mark] = None
            self.keys.update(dict.fromkeys(_keys(record["keys"]), mark))
        else:
            self.batches[str(record["mark"])] = str(record["batch"])

    def _write(self, record: dict[str, object]) -> None:
        sharing.make_folder(self.path.parent)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as stream:
            sharing.settle(handle)
            stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._take(record)


def _keys(value: object) -> list[Digest]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} in place of a list")
    return [Digest(str(one)) for one in value]

"""Files on disk, whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nerdistill import sharing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a file so that a reader finds the old one or the whole new one, even after a power cut.

    Args:
        path: its folder exists.
        data: text is written as UTF-8.

    Raises:
        OSError: the folder is not writable, or the disk is full; the old file then still stands.
    """
    with writing_whole(path) as stream:
        stream.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def writing_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which takes its place when the `with` block ends well.

    Args:
        path: its folder exists.

    Raises:
        OSError: as for `write_whole`.
    """
    # Not by the process's number: two machines that share the folder may both have it.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with aside.open("xb") as stream:
            sharing.settle(stream.fileno())
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)


def sync_folder(folder: Path) -> None:
    """Put every file below a folder on the disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Put one file or folder on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

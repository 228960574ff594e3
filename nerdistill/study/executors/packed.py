"""Folders as bytes, for machines that share none."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.errors import WorkspaceError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Packed:
    """A folder.

    Attributes:
        name: the folder's.
        data: a zip of its files.
        digest: sha256 of that.
    """

    name: str
    data: bytes
    digest: str


def pack(folder: Path) -> Packed:
    """A folder with the content of all its files, links followed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    data = stream.getvalue()
    return Packed(folder.name, data, hashlib.sha256(data).hexdigest())


def unpack(packed: Packed, folder: Path) -> None:
    """Put the files into a folder, which is made where it is missing.

    Raises:
        WorkspaceError: they are not what was packed.
    """
    if hashlib.sha256(packed.data).hexdigest() != packed.digest:
        raise WorkspaceError(
            f"{packed.name} was damaged on its way between machines",
            "Run the study again: it resumes.",
        )
    sharing.make_folder(folder)
    # Not a tar: before 3.11.4 Python takes one out without looking where its members go.
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        archive.extractall(folder)
    sharing.settle_below(folder)

"""Decompression bombs: what wheels grow to is held against what the manifest allows."""

import os
import zipfile
from typing import Dict

from nerdistill.bundle.bare.manifest import Manifest, files_of
from nerdistill.bundle.bare.paths import REBUILD
from nerdistill.bundle.bare.refusal import Refused

DISK_BLOCK = 4096
"""Bytes that a file takes on a disk are rounded up to this."""
INSTALLER = 32 << 20
"""Bytes that pip's own wheel may take, which the manifest does not count."""


def check_wheels(manifest: Manifest, folder: str) -> None:
    """Refuse wheels that take more room than the manifest says, before any is unpacked.

    Their zip directories are believed: zipfile, and so pip, reads of a member just the bytes that
    its entry tells, and fails where its checksum then differs.

    Args:
        manifest: of the bundle.
        folder: its install root, unpacked.

    Raises:
        Refused: naming the wheel that takes most, or one that cannot be read.
    """
    sizes: Dict[str, int] = {
        file.path: _inflated(os.path.join(folder, file.path), file.path)
        for file in files_of(manifest)
        if file.path.endswith(".whl")
    }
    total, most = sum(sizes.values()), manifest.unpacked + INSTALLER
    if total > most:
        raise Refused(
            "the wheels would take {} MiB, the manifest allows {}; most of it is {!r}".format(
                total >> 20, most >> 20, max(sizes, key=lambda path: sizes[path])
            ),
            REBUILD,
        )


def _inflated(wheel: str, path: str) -> int:
    """Bytes that a wheel's members take on a disk."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return sum(
                -(-entry.file_size // DISK_BLOCK) * DISK_BLOCK for entry in archive.infolist()
            )
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Refused(
            "{!r} is no wheel that can be read: {}".format(path, error), REBUILD
        ) from error

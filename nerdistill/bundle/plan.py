"""Which bytes of which file lie in which volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.bundle.asset import AssetFile

BLOCK = 512
"""Bytes: a tar's headers and contents are rounded up to this."""

TRAILER = 10240
"""Bytes of zeros that end a tar, at most."""

HEADERS = 4 * BLOCK
"""Room for one member's headers, those of a name that is not ASCII included."""

LEAST = 1 << 20
"""Bytes of a volume: below it there would be more headers than content."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A file, its length in bytes and its sha256."""

    file: AssetFile
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Member:
    """A run of a file's bytes in a volume; `index` of `count` pieces."""

    sized: Sized
    offset: int
    size: int
    index: int
    count: int


def check_limit(most: int) -> None:
    """See that volumes of so many bytes are of use.

    Raises:
        ConfigError: they are too small.
    """
    if most < LEAST:
        raise ConfigError(
            f"volumes of {most:,} bytes are too small", "Say --max-volume 3900M, or 2M at least."
        )


def plan_volumes(files: Sequence[Sized], most: int) -> list[list[Member]]:
    """Fill volumes in the order of the files; only a file longer than a volume is split.

    Args:
        files: what is to be carried.
        most: bytes of a volume, its headers included.

    Raises:
        ConfigError: `most` is too small to be of use.
    """
    check_limit(most)
    room = most - TRAILER
    volumes: list[list[Member]] = []
    left = 0
    for sized in files:
        sizes = _pieces(sized.size, room - HEADERS - BLOCK)
        offset = 0
        for index, size in enumerate(sizes):
            taken = HEADERS + -(-size // BLOCK) * BLOCK
            if not volumes or taken > left:
                volumes.append([])
                left = room
            volumes[-1].append(Member(sized, offset, size, index, len(sizes)))
            left -= taken
            offset += size
    return volumes


def _pieces(size: int, most: int) -> list[int]:
    if size <= most:
        return [size]
    whole, rest = divmod(size, most)
    return [most] * whole + ([rest] if rest else [])

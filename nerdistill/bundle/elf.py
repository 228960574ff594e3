"""What a compiled Linux program or library says of itself, read from its ELF headers."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MACHINES = {62: "x86_64", 183: "aarch64"}
HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
ENTRY = struct.Struct("<QQ")
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
NEEDED, STRINGS, RPATH, RUNPATH = 1, 5, 15, 29
NAMING = frozenset({NEEDED, RPATH, RUNPATH})
_GLIBC = re.compile(rb"\0GLIBC_2\.(\d+)(?=[.\0])")


@dataclass(frozen=True, slots=True)
class Elf:
    """One program or library.

    Attributes:
        machine: such as `x86_64`; else the number that stands for it.
        loader: the program that starts it, such as `/lib64/ld-linux-x86-64.so.2`; empty for a
            library.
        needed: the libraries that it loads: names, or paths such as `$ORIGIN/../lib/libone.so`.
        run_path: where it looks for them first; `$ORIGIN` is its own folder.
        glibc: minor version of the newest glibc 2 that it names; 0 for none.
    """

    machine: str
    loader: str
    needed: frozenset[str]
    run_path: str
    glibc: int

    @property
    def libraries(self) -> frozenset[str]:
        """The names of those that it loads."""
        return frozenset(one.rpartition("/")[2] for one in self.needed)


def read_elf(path: Path) -> Elf | None:
    """Read a file's headers; None where it is not ELF, of 64 bits and little-endian.

    Raises:
        ValueError: its headers point nowhere.
    """
    with path.open("rb") as stream:
        if stream.read(6) != b"\x7fELF\x02\x01":
            return None
    data = path.read_bytes()
    try:
        return _read(data)
    except (struct.error, ValueError) as error:
        raise ValueError(f"{path.name} has damaged ELF headers") from error


def _read(data: bytes) -> Elf:
    _, _, _, _, machine, _, _, start, _, _, _, size, count, *_ = HEADER.unpack_from(data)
    segments = [SEGMENT.unpack_from(data, start + size * number) for number in range(count)]
    loader = next((_text(data, one[2]) for one in segments if one[0] == INTERPRETER), "")
    told = [pair for one in segments if one[0] == DYNAMIC for pair in _pairs(data, one[2], one[5])]
    table = next((value for tag, value in told if tag == STRINGS), 0)
    # The table's address is that in memory: find the segment of the file that is loaded there.
    base = next((a[2] - a[3] for a in segments if a[0] == LOAD and a[3] <= table < a[3] + a[5]), 0)
    named = [(tag, _text(data, base + table + value)) for tag, value in told if tag in NAMING]
    return Elf(
        MACHINES.get(machine, f"machine {machine}"),
        loader,
        frozenset(name for tag, name in named if tag == NEEDED),
        ":".join(name for tag, name in named if tag != NEEDED),
        max((int(found) for found in _GLIBC.findall(data)), default=0),
    )


def _pairs(data: bytes, start: int, size: int) -> Iterator[tuple[int, int]]:
    for offset in range(start, start + size, ENTRY.size):
        tag, value = ENTRY.unpack_from(data, offset)
        if tag == 0:
            return
        yield tag, value


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()

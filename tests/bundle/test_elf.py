"""What compiled files say of themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nerdistill.bundle.elf import Elf, read_elf
from tests.bundle.python_archives import LOADER, elf


def test_a_program_tells_where_it_runs(tmp_path: Path) -> None:
    """Its processor, its loader, its libraries, where it looks for them, and its glibc."""
    path = tmp_path / "program"
    path.write_bytes(elf(183, needed=["libone.so.1", "libc.so.6"], run_path="$ORIGIN", glibc=28))
    assert read_elf(path) == Elf(
        "aarch64", LOADER, frozenset({"libone.so.1", "libc.so.6"}), "$ORIGIN", 28
    )


def test_a_real_program_is_read() -> None:
    """The Python that runs the tests is for this machine and starts by its loader."""
    told = read_elf(Path(sys.executable).resolve())
    assert told is not None
    assert "ld-" in told.loader
    assert "libc.so.6" in told.needed
    assert told.glibc > 0


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(64)])
def test_other_files_are_none(tmp_path: Path, data: bytes) -> None:
    """A script, an empty file and a program of 32 bits."""
    path = tmp_path / "file"
    path.write_bytes(data)
    assert read_elf(path) is None


@pytest.mark.parametrize("length", [20, 80, 200, 330])
def test_a_damaged_file_is_named(tmp_path: Path, length: int) -> None:
    """A file that was cut off is an error, not nonsense."""
    path = tmp_path / "program"
    path.write_bytes(elf()[:length])
    with pytest.raises(ValueError, match=r"program has damaged ELF headers"):
        read_elf(path)

#!/usr/bin/env python3
"""Measure how fast a bundle's files are hashed, beside `sha256sum` on the same files.

    scripts/bench_bundle.py                      # 2 GiB in the temporary folder
    scripts/bench_bundle.py --gibibytes 8 --folder /scratch --cold

Files of many sizes are made, most bytes in a few large ones, as models and wheels are. The
contenders take turns, so that ratios within one run count; the first round only warms up the page
cache. With --cold every round drops the files from that cache first, so that the disk is measured.
`sha256sum` reads one file after the other; `xargs -P` starts one on each core. Where coreutils
were built without OpenSSL they do not use the processor's SHA instructions, as Python does: then
`openssl dgst` tells what one core can do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHARES = ((1, 0.5), (8, 0.35), (64, 0.13), (512, 0.02))
"""Numbers of files, and what share of all bytes they have together."""
BASELINE = "sha256sum"
CHUNK = 1 << 24


def make_files(folder: Path, size: int) -> list[Path]:
    """Files of random bytes, together about as long as asked for."""
    draw = random.Random(1)  # noqa: S311 - filling, not secrets
    block = draw.randbytes(CHUNK)
    paths = []
    for count, share in SHARES:
        for number in range(count):
            path = folder / f"{count:03d}-{number:03d}.bin"
            left = int(size * share / count)
            with path.open("wb") as stream:
                while left > 0:
                    left -= stream.write(block[: min(left, CHUNK)])
                stream.flush()
                os.fsync(stream.fileno())
            paths.append(path)
    return paths


def forget(paths: Sequence[Path]) -> None:
    """Drop files from the page cache."""
    for path in paths:
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run_own(paths: Sequence[Path]) -> dict[str, str]:
    """What the bundle's code does."""
    from nerdistill.bundle.bare.hashing import sha256_all

    return sha256_all([str(path) for path in paths])


def run_sum(paths: Sequence[Path]) -> dict[str, str]:
    """One process of coreutils."""
    return _sums([_program(BASELINE), *map(str, paths)], b"")


def run_parallel(paths: Sequence[Path]) -> dict[str, str]:
    """One process of coreutils a core, four files at a time, the large ones first."""
    listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
    command = [_program("xargs"), "-0", "-n", "4", "-P", str(cores()), _program(BASELINE)]
    return _sums(command, listed)


def run_openssl(paths: Sequence[Path]) -> dict[str, str]:
    """One process of OpenSSL."""
    return _sums([_program("openssl"), "dgst", "-sha256", "-r", *map(str, paths)], b"")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _sums(command: list[str], text: bytes) -> dict[str, str]:
    done = subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE)  # noqa: S603 - no shell
    # Behind the digest stand a space and a space or asterisk.
    return {line[66:]: line[:64] for line in os.fsdecode(done.stdout).splitlines()}


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not there: install coreutils, findutils and openssl.")
    return found


CONTENDERS: dict[str, Callable[[Sequence[Path]], dict[str, str]]] = {
    "nerdistill": run_own,
    BASELINE: run_sum,
    f"{BASELINE}, xargs -P": run_parallel,
    "openssl dgst": run_openssl,
}


def measure(paths: Sequence[Path], rounds: int, *, cold: bool) -> dict[str, list[float]]:
    """Seconds of each contender in each round but the first; all must find the same digests."""
    wanted = run_sum(paths)
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for number in range(rounds + 1):
        for name, run in CONTENDERS.items():
            if cold:
                forget(paths)
            started = time.perf_counter()
            found = run(paths)
            taken = time.perf_counter() - started
            if found != wanted:
                raise SystemExit(f"{name} finds other digests")
            if number:
                seconds[name].append(taken)
    return seconds


def show(seconds: dict[str, list[float]], count: int, size: int) -> None:
    """The median of each contender, and its ratio to `sha256sum` within the same rounds."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{count} files, {size / 2**30:.2f} GiB, {cores()} cores")
    for column in ("", "seconds", "MiB/s", f"times {BASELINE}", "least to most"):
        table.add_column(column, justify="left" if not column else "right")
    for name, runs in seconds.items():
        ratios = [base / one for one, base in zip(runs, seconds[BASELINE], strict=True)]
        middle = statistics.median(runs)
        table.add_row(
            name,
            f"{middle:.2f}",
            f"{size / 2**20 / middle:,.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )
    Console(width=100).print(table)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gibibytes", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--cold", action="store_true", help="read from the disk in every round")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        paths = make_files(Path(name), int(given.gibibytes * 2**30))
        size = sum(path.stat().st_size for path in paths)
        seconds = measure(paths, given.rounds, cold=given.cold)
    show(seconds, len(paths), size)
    if given.json:
        facts = {"cpus": cores(), "python": sys.version, "bytes": size, "seconds": seconds}
        given.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()

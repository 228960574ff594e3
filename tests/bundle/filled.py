"""Installs onto a small disk that fills: `filled.py BOOTSTRAP FACTS KEY DISK BUNDLE LATER`.

Runs where it may mount. Prints the runs with the one bundle and with the later one as JSON: how
much room there was, how far it came, what was said, and whether all is as before.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

boot, facts, key, disk, bundle, later = sys.argv[1:]
MUCH = 64 << 10
"""KiB that are enough for everything."""
PROGRAM = "current/.venv/bin/nerdistill"


def mount(*words: str) -> None:
    """Make the disk, or change how much it holds."""
    subprocess.run(["mount", "-t", "tmpfs", *words, "tmpfs", disk], check=True)  # noqa: S607


def used() -> tuple[int, int]:
    """KiB and files that the disk holds."""
    told = os.statvfs(disk)
    blocks, files = told.f_blocks - told.f_bfree, told.f_files - told.f_ffree
    return blocks * told.f_frsize >> 10, files


def state() -> dict[str, str]:
    """All that lies on the disk."""
    found = {}
    for path in sorted(Path(disk).rglob("*")):
        if path.is_symlink():
            found[str(path)] = str(path.readlink())
        else:
            data = path.read_bytes() if path.is_file() else b""
            found[str(path)] = f"{path.stat().st_mode} {hashlib.sha256(data).hexdigest()}"
    return found


def install(which: str, room: str) -> dict[str, object]:
    """One run, with the room that there is now."""
    before, said = state(), io.StringIO()
    with contextlib.redirect_stderr(said):
        code = module.run(["install", which, "--key", key, "--into", f"{disk}/root"])
    program = Path(disk, "root", PROGRAM)
    asked = ["sh", "-c", f"{program} --version"]
    works = subprocess.run(asked, env={}, check=False, capture_output=True).returncode == 0
    *lines, last = said.getvalue().splitlines()
    reached = lines[-1].split()[0]
    told = {"room": room, "code": code, "said": last, "reached": reached, "works": works}
    return {**told, "same": state() == before}


def fill(which: str) -> list[dict[str, object]]:
    """Runs with more and more room, until one passes."""
    runs: list[dict[str, object]] = []
    kib, files = used()
    mount("-o", f"remount,size={kib + CARRIED - 100}k")
    runs.append(install(which, "less than it carries"))
    for more in [1, 5, 9, *range(13, 300, 14)]:
        mount("-o", f"remount,size={MUCH}k,nr_inodes={files + more}")
        runs.append(install(which, f"{more} files"))
        if runs[-1]["code"] == 0:
            return runs
        if more % 2:
            mount("-o", f"remount,size={kib + CARRIED + 4 * more}k,nr_inodes=10000")
            runs.append(install(which, f"{CARRIED} + {4 * more} KiB"))
            if runs[-1]["code"] == 0:
                return runs
    return runs


spec = importlib.util.spec_from_file_location("bootstrap", boot)
if spec is None or spec.loader is None:
    sys.exit(f"{boot} is no program")
module = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(module)
vars(module)["facts"] = lambda *_: json.loads(Path(facts).read_text())
# Else the first look at the disk would forestall all that can fail later.
vars(module)["SLACK"] = 0
CARRIED = sum(path.stat().st_size for path in Path(bundle).glob("vol-*")) >> 10

mount("-o", f"size={MUCH}k,nr_inodes=10000")
sys.stdout.write(json.dumps([fill(bundle), fill(later)]))

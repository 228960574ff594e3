"""A Python that travels in a bundle is the one that the installed nerdistill runs on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.preflight import numbers
from nerdistill.bundle.bare.probe import facts
from nerdistill.bundle.brought import bring_python
from nerdistill.bundle.target import Target
from nerdistill.progress import Silent
from tests.bundle.installing import HERE
from tests.bundle.making import make_bundle
from tests.bundle.python_archives import own_python
from tests.bundle.stand_in import installable

if TYPE_CHECKING:
    from pathlib import Path


def run(*command: str | Path) -> str:
    """A program's output; it sees nothing of this process's environment."""
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_a_brought_python_runs_what_is_installed(tmp_path: Path) -> None:
    """It starts at its final place, and further environments can be made from it."""
    here = facts()
    glibc = numbers(here["libc"]["version"])
    server = Target(here["machine"], (glibc[0], glibc[1]), (), None, (), False, ())
    archive = own_python(tmp_path)
    found = bring_python(archive, server, tmp_path / "cache", Silent(), headers=True)
    archive.unlink()
    log = tmp_path / "log"
    made = make_bundle(
        tmp_path,
        assets=(*installable(tmp_path, log), found.asset),
        most=1 << 27,
        target={**HERE, "glibc": ".".join(map(str, found.glibc))},
    )
    shutil.rmtree(tmp_path / "cache")
    root = tmp_path / "root"
    run(
        *(sys.executable, "-I", made.folder / "bootstrap.py", "install", made.folder),
        *("--key", made.key.file, "--into", root),
    )
    venv = root / "current" / ".venv" / "bin"
    program = (venv / "python").resolve()
    assert program.is_relative_to(root.resolve() / "versions")
    assert program.parts[-3:] == ("python", "bin", f"python{HERE['python']}")
    run(venv / "nerdistill", "doctor")
    assert log.read_text().split()[-1] == str(program.parents[1])
    run(venv / "python", "-I", "-c", "import ssl, sqlite3, ctypes, hashlib, zlib, lzma, bz2")
    run(program, "-I", "-m", "venv", "--without-pip", tmp_path / "another")
    told = "import sys, sysconfig; print(sys.prefix, sysconfig.get_paths()['include'])"
    prefix, include = run(tmp_path / "another/bin/python", "-c", told).split()
    assert prefix == str(tmp_path / "another")
    assert (program.parents[1] / "include" / f"python{HERE['python']}" / "Python.h").is_file()
    assert include == str(program.parents[1] / "include" / f"python{HERE['python']}")

"""The old Pythons that this machine offers: the bare side has to run on them."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

OLD = ("3.6", "3.7", "3.8", "3.9")


@cache
def find(version: str) -> str | None:
    """An interpreter of that version, on PATH or of pyenv; None where there is none."""
    named = shutil.which(f"python{version}")
    pyenv = Path.home() / ".pyenv" / "versions"
    # pyenv puts a program on PATH for versions that are not switched on, too.
    places = [*([named] if named else []), *map(str, pyenv.glob(f"{version}.*/bin/python3"))]
    for place in places:
        asked = [place, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, check=False, capture_output=True, text=True)
        if done.stdout.strip() == version:
            return place
    return None


def old_python(version: str) -> str:
    """An interpreter of that version, or skip."""
    found = find(version)
    if found is None:
        pytest.skip(f"there is no Python {version} on this machine")
    return found

"""The new environment: nothing of the server's own settings steers it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.bundle.installing import HERE, works
from tests.bundle.making import make_bundle
from tests.bundle.test_full_disk import in_namespace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.installing import Files

HOSTILE = "[global]\nno-binary = :all:\n[install]\ntarget = {place}/elsewhere\nuser = true\n"
UNDER_ANOTHER_ETC = """
cp -a /etc "$1/etc" 2>/dev/null
cp "$1/pip.conf" "$1/etc/pip.conf"
mount --bind "$1/etc" /etc || exit 77
shift
exec "$@"
"""


def test_the_servers_pip_configuration_is_not_obeyed(real_files: Files, tmp_path: Path) -> None:
    """A global pip.conf, which `--isolated` alone would read, neither stops nor diverts pip."""
    made = make_bundle(tmp_path, real_files, target=HERE)
    (tmp_path / "pip.conf").write_text(HOSTILE.format(place=tmp_path))
    boot = (sys.executable, "-I", made.folder / "bootstrap.py", "install", made.folder)
    words = ("--key", made.key.file, "--into", tmp_path / "root", "--python", sys.executable)
    done = in_namespace("sh", "-c", UNDER_ANOTHER_ETC, "sh", tmp_path, *boot, *words)
    if done.returncode == 77:
        pytest.skip("this machine lets nobody put another folder over /etc")
    assert done.returncode == 0, done.stderr
    assert works(tmp_path / "root")
    assert not (tmp_path / "elsewhere").exists()

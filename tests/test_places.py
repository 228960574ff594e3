"""--scratch: where temporary files, caches and sockets go, and what it refuses."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nerdistill import places
from nerdistill.errors import ConfigError
from nerdistill.isolation import can_unshare

READ = (
    "import os, sys, tempfile; from pathlib import Path; from nerdistill import places\n"
    "places.use_scratch(Path(sys.argv[1]))\n"
    "print(tempfile.gettempdir()); [print(os.environ[n]) for n in sys.argv[2:]]"
)


def used(folder: Path, *names: str) -> list[str]:
    """What a process of its own takes for its temporary folder, and its variables."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder), *names],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": "/tmp", "HF_HOME": "/elsewhere"},  # noqa: S108 - overruled
    )
    return done.stdout.splitlines()


def test_everything_below_scratch(tmp_path: Path) -> None:
    """All libraries are told, whatever was set before, and the folders are private."""
    folder = tmp_path / "s"

    temporary, *others = used(folder, *places.BELOW_SCRATCH)

    assert temporary == str(folder / "tmp")
    assert all(Path(place).is_relative_to(folder) for place in others)
    assert {stat.S_IMODE(Path(place).stat().st_mode) for place in others} == {0o700}


def test_too_long_for_sockets(tmp_path: Path) -> None:
    """A path in which no socket could be bound is refused at once, by how much."""
    folder = Path("/tmp", "x" * 62)  # noqa: S108 - nothing is written

    with pytest.raises(ConfigError, match="1 bytes too long"):
        places.use_scratch(folder)

    assert not folder.exists()
    assert tmp_path.exists()


def test_noexec() -> None:
    """On a disk that runs no programs, the remedy is told."""
    if not can_unshare() or shutil.which("mount") is None:
        pytest.skip("this machine lets nobody mount")
    program = (
        "from pathlib import Path; from nerdistill import places\n"
        "try: places.use_scratch(Path('/mnt/s'))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    mounted = f'mount -t tmpfs -o noexec none /mnt && exec {sys.executable} -c "$0"'

    done = subprocess.run(
        ["/usr/bin/env", "unshare", "-rm", "sh", "-c", mounted, program],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("ConfigError --scratch /mnt/s: no program can be started there")


def test_can_execute(tmp_path: Path) -> None:
    """Here it can, and nothing is left behind."""
    assert places.can_execute(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_caches_below_the_home(tmp_path: Path) -> None:
    """Compiled code does not lie where another user can put his."""
    found = places.caches({"XDG_CACHE_HOME": str(tmp_path / "cache")})

    assert found["TRITON_CACHE_DIR"] == str(tmp_path / "cache" / "nerdistill" / "triton")


@pytest.mark.parametrize("first", [None, 0o700, 0o755])
def test_caches_without_a_home(first: int | None, tmp_path: Path) -> None:
    """They are in a private folder of the temporary one; nowhere, if it is not private."""
    environ = {"XDG_CACHE_HOME": "/dev/null/home", "TMPDIR": str(tmp_path)}
    folder = tmp_path / f"nerdistill-{os.geteuid()}"
    if first:
        folder.mkdir()
        folder.chmod(first)

    found = places.caches(environ)

    if first == 0o755:
        assert found == {}
    else:
        assert found["TRITON_CACHE_DIR"] == str(folder / "triton")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

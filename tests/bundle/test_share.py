"""Who may use an installation: everybody, or one group; whatever the umask of the installer."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing
from tests.bundle.installing import HERE, put
from tests.bundle.making import make_bundle
from tests.test_sharing import GROUP, all_bits, bits, needs_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bundle.installing import Files
    from tests.bundle.making import Made

OWNER, READER, STRANGER, SHARED = 41001, 41002, 41003, 41004
"""Users, each with a group of the same number, and the group that the first two share."""
PRIVATE = 0o077
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be two users"
)


@pytest.fixture
def private() -> Iterator[None]:
    """A umask that lets nobody else read anything."""
    before = os.umask(PRIVATE)
    yield
    os.umask(before)


@pytest.mark.usefixtures("looked_at", "private")
@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        (None, {"files": {"644", "755"}, "folders": {"755"}}),
        pytest.param(
            str(GROUP),
            {"files": {"640", "750"}, "folders": {"2750"}},
            marks=needs_group,
        ),
    ],
)
def test_every_file_has_its_bits(
    bundle: Made, tmp_path: Path, group: str | None, wanted: dict[str, set[str]]
) -> None:
    """Models, wheels and environment, whatever the umask; programs stay executable."""
    folder = put(bundle, tmp_path / "root", group=group)
    found = all_bits(folder)
    links = {bits(path) for path in folder.rglob("*") if path.is_symlink()}
    assert {kind: found[kind] - links for kind in found} == wanted
    assert bits(folder / "scripts" / "run") == max(wanted["files"])
    assert bits(folder / ".venv" / "bin" / "nerdistill") == max(wanted["files"])
    assert {bits(one) for one in (folder.parent, folder.parent.parent)} == wanted["folders"]
    if group:
        everything = [folder, *folder.parents[:2], *folder.rglob("*")]
        assert {path.lstat().st_gid for path in everything} == {int(group)}


def _as(user: int, *words: object) -> subprocess.CompletedProcess[str]:
    """A command as another user, who is in the shared group unless a stranger."""
    groups = str(SHARED) if user != STRANGER else str(STRANGER)
    become = ["setpriv", "--reuid", str(user), "--regid", str(user), "--groups", groups]
    command = [*become, *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter and write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def python() -> tuple[str, str]:
    """An interpreter that every user may start and that makes environments, and its version."""
    found = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    if found is None:
        pytest.skip("there is no Python for all users of this machine")
    told = "import sys, venv; assert sys.version_info >= (3, 10); print(*sys.version_info[:2])"
    done = _as(STRANGER, found, "-I", "-c", told)
    if done.returncode != 0:
        pytest.skip(f"{found} is too old for pip, or makes no environments")
    return found, done.stdout.strip().replace(" ", ".")


@as_root
@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("group", [(), ("--group", SHARED)])
def test_a_second_user(
    real_files: Files, place: Path, python: tuple[str, str], group: tuple[object, ...]
) -> None:
    """With --group who is in it runs and reads and others do not; without it everybody does."""
    made = make_bundle(place, real_files, target={**HERE, "python": python[1]})
    for path in (made.folder, *made.folder.iterdir(), made.key.file):
        path.chmod(0o755 if path.is_dir() else 0o644)
    medium = {path.name: path.stat().st_mtime_ns for path in made.folder.iterdir()}
    boot = [python[0], "-I", made.folder / "bootstrap.py", "install", made.folder]
    words = ["--key", made.key.file, "--into", place / "root", "--python", python[0]]
    done = _as(OWNER, *boot, *words, *group)
    assert done.returncode == 0, done.stderr

    current = place / "root" / "current"
    programs = (current / ".venv" / "bin" / "nerdistill", current / "scripts" / "run")
    for user in (READER, STRANGER):
        wanted = user == READER or not group
        assert (_as(user, programs[0], "--version").stdout == "nerdistill 0\n") is wanted
        assert (_as(user, programs[1]).returncode == 0) is wanted
        read = _as(user, "cat", current / "models" / "small" / "config.json")
        assert (read.stdout == '{"model_type":"bert"}') is wanted
        assert _as(user, "touch", current / "models" / "new").returncode != 0
    assert {path.name: path.stat().st_mtime_ns for path in made.folder.iterdir()} == medium


@as_root
@pytest.mark.usefixtures("looked_at")
def test_another_users_folder_is_not_installed_into(files: Files, place: Path) -> None:
    """Where others may write, one of them may have put a link in the version's place."""
    made = make_bundle(place, files, target=HERE)
    (place / "victim").mkdir()
    folder = place / "root" / "versions" / made_digest(made)
    folder.mkdir(parents=True)
    (folder / "models").symlink_to(place / "victim")
    os.chown(folder, OWNER, OWNER)
    with pytest.raises(Refused, match=f"{folder} belongs to another user"):
        put(made, place / "root")
    assert (folder / "models").is_symlink()
    assert not list((place / "victim").iterdir())


def made_digest(made: Made) -> str:
    """The name of a bundle's version."""
    return hashlib.sha256((made.folder / "manifest.json").read_bytes()).hexdigest()[:16]


def test_groups_that_cannot_be_used() -> None:
    """A group that there is not, and one that this user is not in."""
    with pytest.raises(Refused, match=r"there is no group 'nobody-has-it'. `getent group`"):
        Sharing.of("nobody-has-it")
    if os.geteuid() != 0:
        with pytest.raises(Refused, match="you are not in the group '4999'"):
            Sharing.of("4999")


def test_only_what_is_right_already_is_shared(tmp_path: Path) -> None:
    """A file whose bits would change under another version's users is none to share."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    sharing = Sharing.of(None)
    for mode, executable, wanted in (
        (0o644, False, True),
        (0o644, True, False),
        (0o755, True, True),
        (0o640, False, False),
    ):
        file.chmod(mode)
        assert sharing.fits(str(file), executable=executable) is wanted
    assert not sharing.fits(str(tmp_path / "absent"), executable=False)
    assert not Sharing(os.getegid() + 1, 0o2750, 0o640).fits(str(file), executable=False)

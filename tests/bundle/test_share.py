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

from nerdistill.bundle.bare import install as installer
from nerdistill.bundle.bare.install import PRIVATE_NOTE
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing
from tests.bundle.installing import HERE, put, wishes
from tests.bundle.making import make_bundle
from tests.test_sharing import GROUP, all_bits, as_root, bits, needs_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bundle.installing import Files
    from tests.bundle.making import Made

OWNER, READER, STRANGER, SHARED = 41001, 41002, 41003, 41004
"""Users, each with a group of the same number, and the group that the first two share."""
PRIVATE = 0o077


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


TEXT = {
    "offline_assets/datasets/own/train.conll": b"text",
    "offline_assets/replies.jsonl": b"replies",
    "offline_assets/demo/train.conll": b"anybody's",
}
"""A corpus, replies, and what ships with nerdistill."""


@pytest.mark.usefixtures("looked_at", "private")
@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        (None, ["700", "600", "600", "755", "644"]),
        pytest.param(str(GROUP), ["2750", "640", "640", "2750", "640"], marks=needs_group),
    ],
)
def test_text_is_its_users_own(
    files: Files, tmp_path: Path, group: str | None, wanted: list[str]
) -> None:
    """Corpora and replies are the installing user's or the group's; this is said once."""
    made, said = make_bundle(tmp_path, {**files, **TEXT}, target=HERE), list[str]()
    root = tmp_path / "root"
    folder = Path(installer.install(wishes(made, root, group=group), said.append))
    assets = folder / "offline_assets"
    corpus, replies, demo = (folder / name for name in TEXT)
    assert [bits(one) for one in (corpus.parent, corpus, replies, assets, demo)] == wanted
    assert bits(assets / "datasets") == wanted[0]
    assert bits(assets / "studies") == bits(demo.parent) == wanted[3]
    assert [line for line in said if "--group" in line] == [] if group else [PRIVATE_NOTE]


@as_root
@pytest.mark.usefixtures("private")
def test_a_medium_that_a_second_user_may_not_read(place: Path, python: tuple[str, str]) -> None:
    """It is not called missing: what is denied is named, and the remedy is one."""
    made = make_bundle(place)
    boot = place / "bootstrap.py"
    shutil.copyfile(made.folder / boot.name, boot)
    boot.chmod(0o644)
    words = [python[0], "-I", boot, "verify", made.folder, "--key", made.key.public.hex()]

    def denied(path: Path) -> str:
        done = _as(OWNER, *words)
        assert done.returncode == 1
        assert f"refused: {path} may not be read by this user. " in done.stderr
        return done.stderr

    remedy = f"`sudo chmod -R a+rX {made.folder}`, here or on the machine that made it"
    assert remedy in denied(made.folder / "manifest.json")
    made.folder.chmod(0o711)
    for name in ("manifest.json", "manifest.json.sig"):
        assert remedy in denied(made.folder / name)
        (made.folder / name).chmod(0o644)
    assert remedy in denied(made.folder)
    made.folder.chmod(0o755)
    for volume in list(made.folder.glob("vol-*"))[1:]:
        volume.chmod(0o644)
    (last,) = (path.name for path in made.folder.glob("vol-*") if bits(path) == "600")
    for name in ("bootstrap.py", "sbom.cdx.json", last):
        assert remedy in denied(made.folder / name)
        (made.folder / name).chmod(0o644)
    subprocess.run(["chmod", "-R", "a+rX", made.folder], check=True)  # noqa: S607
    assert "whole and signed" in _as(OWNER, *words).stderr
    place.chmod(0o711)
    above = place / "above"
    above.mkdir()
    words[4] = shutil.move(made.folder, above)
    assert "who may enter the folders above it" in denied(above / "bundle" / "manifest.json")


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

"""Installing: what there is when it is done, when it is refused, and when it is done again."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare import install as installer
from nerdistill.bundle.bare import installed as marks
from nerdistill.bundle.bare.environment import GUARD, make_environment
from nerdistill.bundle.bare.installed import INSTALLED
from nerdistill.bundle.bare.lock import BUSY
from nerdistill.bundle.bare.manifest import version_folder
from nerdistill.bundle.bare.refusal import Refused
from tests.bundle.installing import HERE, put, stamps, tree, wishes, works
from tests.bundle.making import Made, make_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.installing import Files

pytestmark = pytest.mark.usefixtures("looked_at")


def later(made: Made, files: Files, *, base: bool = False, **more: bytes) -> Made:
    """The next bundle of the same name."""
    place = made.folder.parent
    return make_bundle(
        place,
        {**files, **more, "offline_assets/studies/demo.toml": b"later"},
        name="later",
        version=2,
        target=HERE,
        base=made if base else None,
    )


def refused(made: Made, root: Path, why: str, **more: object) -> Refused:
    """The refusal; and that all below the root is as it was."""
    before = tree(root) if root.exists() else None
    with pytest.raises(Refused, match=why) as told:
        put(made, root, **more)
    assert (tree(root) if root.exists() else None) == before
    return told.value


def test_a_bundle_is_installed(real_files: Files, tmp_path: Path) -> None:
    """With the real pip: all files, a program that starts, the guard; the medium is as before.

    The root has a space in its name, and letters that ASCII lacks.
    """
    made = make_bundle(tmp_path, real_files, target=HERE)
    root, medium = tmp_path / "my modèles", stamps(made.folder)
    folder = put(made, root)
    assert {name: (folder / name).read_bytes() for name in real_files} == real_files
    assert works(root)
    assert (root / "current").readlink().as_posix() == f"versions/{folder.name}"
    assert list(folder.glob(f".venv/lib/python*/site-packages/{GUARD}"))
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == [".venv"]
    assert sorted(path.name for path in root.iterdir()) == ["current", "versions"]
    assert stamps(made.folder) == medium


def test_once_more_changes_nothing(bundle: Made, tmp_path: Path) -> None:
    """The second time it is said, and no file is written."""
    root, said = tmp_path / "root", list[str]()
    folder = put(bundle, root)
    before = stamps(folder)
    assert installer.install(wishes(bundle, root), said.append) == str(folder)
    assert said[-1] == f"already installed: {folder}"
    assert stamps(folder) == before
    assert works(root)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_mark_that_cannot_be_read(
    bundle: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A complete version is not built anew, and what users put there stays."""
    root = tmp_path / "root"
    folder = put(bundle, root)
    (folder / "models" / "mine").write_bytes(b"precious")

    def fail(path: str) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(marks, "regular_size", fail)
    told = refused(bundle, root, f"{folder / INSTALLED} cannot be read: {os.strerror(number)}")
    assert told.hint.startswith("Mend its permissions")
    assert (folder / "models" / "mine").read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["a pipe", "no JSON", "half of it"])
def test_a_mark_that_is_none(bundle: Made, tmp_path: Path, kind: str) -> None:
    """The version is then not complete, and made again; a pipe is not waited for."""
    root = tmp_path / "root"
    path = put(bundle, root) / INSTALLED
    data = path.read_bytes()
    path.unlink()
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"[" * 99_999 if kind == "no JSON" else data[:9])
    put(bundle, root)
    assert path.read_bytes() == data


def test_a_later_version_and_back(bundle: Made, files: Files, tmp_path: Path) -> None:
    """The newer one becomes current; the older one is refused unless one means it."""
    root, newer = tmp_path / "root", later(bundle, files)
    first = put(bundle, root)
    second = put(newer, root)
    assert (root / "current").resolve() == second
    told = refused(bundle, root, "demo 1 is older than 2, which is installed")
    assert "--allow-rollback" in told.hint
    assert works(root)
    assert put(bundle, root, allow_rollback=True) == first
    assert (root / "current").resolve() == first


def test_only_what_changed(bundle: Made, files: Files, tmp_path: Path) -> None:
    """A bundle with a base is refused without it, and shares its files with it."""
    root, newer = tmp_path / "root", later(bundle, files, base=True)
    told = refused(newer, root, "holds only what changed since demo 1, which is not installed in")
    assert told.hint.startswith("Install that bundle first")
    assert not root.exists()
    first = put(bundle, root)
    second = put(newer, root)
    weights = "models/small/model.safetensors"
    assert (second / weights).samefile(first / weights)
    assert {name: (second / name).read_bytes() for name in files} == {
        **files,
        "offline_assets/studies/demo.toml": b"later",
    }
    assert works(root)


MODEL = "models/other/"
BAD = {
    f"{MODEL}config.json": (b'{"a": [{"auto_map": {}}]}', "'models/other.*asks for Python code"),
    f"{MODEL}tokenizer_config.json": (b"{", "'models/other.* is no JSON"),
    f"{MODEL}run.py": (b"", "'models/other/run.py' is a program"),
    f"{MODEL}pytorch_model.bin": (b"", "'models/other.* may be pickled weights"),
}


def test_what_is_refused_leaves_what_is_installed(
    bundle: Made, files: Files, tmp_path: Path
) -> None:
    """Models that run code, rightly signed.

    Where there was an installation it goes on; where there was no folder there is none.
    """
    root, fresh = tmp_path / "root", tmp_path / "below" / "root"
    put(bundle, root)
    for name, (data, why) in BAD.items():
        bad = later(bundle, {**files, name: data})
        refused(bad, root, why)
        refused(bad, fresh, why)
        assert works(root)
        assert not fresh.parent.exists()
        shutil.rmtree(bad.folder)


def test_wheels_that_are_not_those_of_the_lock(real_files: Files, tmp_path: Path) -> None:
    """The real pip refuses them; its own words are told, and nothing is left."""
    lock = b"nerdistill==1.0 --hash=sha256:" + b"0" * 64 + b"\n"
    made = make_bundle(tmp_path, {**real_files, "requirements.lock": lock}, target=HERE)
    root = tmp_path / "below" / "root"
    told = refused(made, root, "installing the wheels failed: .*DO NOT MATCH THE HASHES")
    assert "Run the same command again" in told.hint
    assert not root.parent.exists()


def test_a_bundle_without_pip(files: Files, tmp_path: Path) -> None:
    """It is said, not raised."""
    made = make_bundle(
        tmp_path, {name: files[name] for name in files if "pip" not in name}, target=HERE
    )
    refused(made, tmp_path / "root", "lacks the wheel of pip")


def test_a_python_of_its_own(files: Files, tmp_path: Path) -> None:
    """A bundle that says it brings one and holds none is refused, with the name that is missing."""
    made = make_bundle(tmp_path, {**files, "python/LICENSE.txt": b""}, target=HERE)
    told = made.told
    told["assets"][-1]["role"] = "python"
    made.sign(told)
    refused(made, tmp_path / "root", r"the bundle's Python holds no bin/python3\.", python=None)


def test_from_inside_an_installation(bundle: Made, files: Files, tmp_path: Path) -> None:
    """While one installs, a second one is refused; the first one ends well."""
    root, seen = tmp_path / "root", list[str]()
    other = later(bundle, files)

    def say(text: str) -> None:
        if text.startswith("unpacking"):
            with pytest.raises(Refused, match="is running"):
                put(other, root)
            seen.append(text)

    installer.install(wishes(bundle, root), say)
    assert seen
    assert works(root)


def obstacle(root: Path, name: str) -> None:
    """Something in the way."""
    root.mkdir()
    if name == "a root that is a file":
        root.rmdir()
        root.write_bytes(b"x")
    elif name == "a root that leads nowhere":
        root.rmdir()
        root.symlink_to(root.parent / "nowhere")
    elif name == "a folder that is called current":
        (root / "current").mkdir()
        (root / "current" / "mine").write_bytes(b"x")
    elif name == "a file that is called versions":
        (root / "versions").write_bytes(b"x")
    else:
        (root / BUSY).symlink_to(root.parent / "victim")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a root that is a file", "root cannot be written: File exists"),
        ("a root that leads nowhere", "root cannot be written: File exists"),
        ("a folder that is called current", "current is not the link that an installation makes"),
        ("a file that is called versions", "versions is no folder"),
        ("a lock that is a link", "root cannot be written: Too many levels"),
    ],
)
def test_something_in_the_way(bundle: Made, tmp_path: Path, name: str, why: str) -> None:
    """What somebody else put there is named, and stays as it is."""
    obstacle(tmp_path / "root", name)
    before = tree(tmp_path)
    with pytest.raises(Refused, match=why):
        put(bundle, tmp_path / "root")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["a file", "a link"])
def test_a_version_that_is_no_folder(bundle: Made, tmp_path: Path, kind: str) -> None:
    """Neither a file nor a link is written through."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    digest = hashlib.sha256((bundle.folder / "manifest.json").read_bytes()).hexdigest()
    folder = root / version_folder(digest)
    folder.parent.mkdir(parents=True)
    elsewhere.mkdir()
    if kind == "a file":
        folder.write_bytes(b"")
    else:
        folder.symlink_to(elsewhere)
    before = tree(tmp_path)
    told = refused(bundle, root, f"{folder} is no folder")
    assert told.hint.startswith("Move it away")
    assert tree(tmp_path) == before


def test_a_root_that_is_a_link(bundle: Made, tmp_path: Path) -> None:
    """As /opt/nerdistill may lead to a larger disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    put(bundle, tmp_path / "root")
    assert works(tmp_path / "root")
    assert works(tmp_path / "disk")


def test_the_medium_is_no_place_to_install(bundle: Made, tmp_path: Path) -> None:
    """Neither the bundle's folder, nor below it, nor by a link, nor where its volumes lie."""
    (tmp_path / "link").symlink_to(bundle.folder)
    (tmp_path / "second").mkdir()
    for root in (bundle.folder, bundle.folder / "root", tmp_path / "link", tmp_path / "second"):
        told = refused(bundle, root, "which is only read", folders=[str(tmp_path / "second")])
        assert "--into" in told.hint


def test_a_manifest_that_changes_meanwhile(
    bundle: Made, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one, even rightly signed, is not kept as that of this version."""
    other = later(bundle, files)

    def swap(*arguments: object) -> str:
        for name in ("manifest.json", "manifest.json.sig"):
            (bundle.folder / name).write_bytes((other.folder / name).read_bytes())
        return make_environment(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(installer, "make_environment", swap)
    refused(bundle, tmp_path / "root", "manifest.json changed while it was read")


def test_an_interruption_keeps_what_is_unpacked(
    bundle: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after an hour of unpacking costs no hour; a read error leaves nothing."""
    root = tmp_path / "root"

    def fail(error: BaseException) -> None:
        def raise_it(*_: object) -> str:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(installer, "make_environment", raise_it)
            with pytest.raises(type(error)):
                put(bundle, root)

    fail(KeyboardInterrupt())
    (weights,) = root.glob("versions/*/models/small/model.safetensors")
    kept = weights.stat().st_ino
    assert not works(root)
    put(bundle, root)
    assert weights.stat().st_ino == kept
    assert works(root)

    (root / "current").unlink()
    (weights.parents[2] / "installed.json").unlink()
    fail(OSError(errno.EIO, "Input/output error", "/media/usb"))
    assert not list((root / "versions").iterdir())

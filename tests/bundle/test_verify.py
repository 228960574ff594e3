"""A bundle on its way: whatever happened to it is named, and nothing of it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.manifest import MANIFEST, SIGNATURE
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.verify import read_key, verify
from nerdistill.bundle.sign import open_key
from tests.bundle.installing import put, stamps
from tests.bundle.making import Made, make_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

VOLUMES = ("vol-0001.tar", "vol-0002.tar", "vol-0003.tar", "vol-0004.tar")
ATTACHED = ("bootstrap.py", "sbom.cdx.json")
WHOLE = (MANIFEST, SIGNATURE, *ATTACHED, *VOLUMES)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A whole bundle of four volumes."""
    made = make_bundle(tmp_path_factory.mktemp("original"))
    assert sorted(path.name for path in made.folder.iterdir()) == sorted(WHOLE)
    return made


@pytest.fixture
def made(original: Made, tmp_path: Path) -> Made:
    """A copy to damage."""
    folder = tmp_path / "bundle"
    shutil.copytree(original.folder, folder)
    return Made(folder, original.key)


def refused(made: Made, key: bytes | None = None) -> Refused:
    """The refusal; and that an installation is refused alike, before it makes a folder."""
    before = stamps(made.folder)
    with pytest.raises(Refused) as told:
        verify(str(made.folder), key or made.key.public)
    root = made.folder.parent / "below" / "root"
    with pytest.raises(Refused) as again:
        put(Made(made.folder, made.key), root, key=key or made.key.public)
    assert str(again.value) == str(told.value)
    assert not root.parent.exists()
    assert stamps(made.folder) == before
    return told.value


def test_a_whole_bundle_passes_and_is_only_read(made: Made) -> None:
    """All volumes are found, all bytes are counted, and nothing on the medium changes."""
    before, counted = stamps(made.folder), list[int]()
    done = verify(str(made.folder), made.key.public, tick=counted.append)
    assert done.volumes == {name: str(made.folder / name) for name in VOLUMES}
    assert sum(counted) == sum((made.folder / name).stat().st_size for name in VOLUMES)
    assert stamps(made.folder) == before


@pytest.mark.parametrize("place", ["start", "middle", "end"])
@pytest.mark.parametrize("name", WHOLE)
def test_a_flipped_bit_is_found(made: Made, name: str, place: str) -> None:
    """In any file, at any place: its name is told, and what to carry again."""
    path = made.folder / name
    data = bytearray(path.read_bytes())
    data[{"start": 0, "middle": len(data) // 2, "end": len(data) - 1}[place]] ^= 1
    path.write_bytes(data)
    told = refused(made)
    if name in (MANIFEST, SIGNATURE):
        assert "the signature of manifest.json is not by this key" in told.message
        assert f"carry {MANIFEST} and {SIGNATURE} again" in told.hint
    else:
        assert told.message.startswith(f"{name} is damaged")
        assert "arry" in told.hint
    assert told.volumes == ((name,) if name in VOLUMES else ())


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("left", [0, 1, -1])
def test_a_truncated_file_is_found(made: Made, name: str, left: int) -> None:
    """An empty file, its first byte, and all but the last one."""
    path = made.folder / name
    path.write_bytes(path.read_bytes()[:left])
    told = refused(made)
    assert name in str(told)
    assert told.volumes == ((name,) if name in VOLUMES else ())


@pytest.mark.parametrize("name", WHOLE)
def test_a_missing_file_is_named(made: Made, name: str) -> None:
    """Without any one of its files a bundle is refused; an unsigned one never passes."""
    (made.folder / name).unlink()
    told = refused(made)
    assert told.message.startswith(f"{name} is missing")
    assert told.volumes == ((name,) if name in VOLUMES else ())
    if name == SIGNATURE:
        assert told.hint == f"An unsigned bundle is never installed: carry {SIGNATURE} too."


def test_swapped_volumes_are_both_named(made: Made) -> None:
    """Two volumes under each other's names are both to be carried again."""
    one, other = (made.folder / name for name in VOLUMES[:2])
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    told = refused(made)
    assert told.volumes == VOLUMES[:2]
    assert told.hint == "Carry again: vol-0001.tar vol-0002.tar"


def test_all_that_is_wrong_is_told_at_once(made: Made) -> None:
    """One missing, one cut, one damaged: nobody walks three times."""
    (made.folder / VOLUMES[0]).unlink()
    with (made.folder / VOLUMES[1]).open("ab") as stream:
        stream.write(b"x")
    data = bytearray((made.folder / VOLUMES[2]).read_bytes())
    data[600] ^= 1
    (made.folder / VOLUMES[2]).write_bytes(data)
    told = refused(made)
    assert told.volumes == VOLUMES[:3]
    assert "vol-0003.tar is damaged at " in told.message


@pytest.mark.parametrize(
    "name", ["vol-0005.tar", "VOL-0001.TAR", "autorun.inf", ".hidden", "models", "evil\x1b[2J\n"]
)
def test_what_the_manifest_does_not_name_is_refused(made: Made, name: str) -> None:
    """An added volume, another file, a folder, a name that commands the terminal."""
    if name == "models":
        (made.folder / name).mkdir()
    else:
        (made.folder / name).write_bytes(b"x")
    told = refused(made)
    assert f"holds {name!r}, which the manifest does not name" in told.message
    assert str(told).isprintable()


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_but_regular_files_is_read(made: Made, name: str) -> None:
    """A pipe in a file's place is not waited for."""
    (made.folder / name).unlink()
    os.mkfifo(made.folder / name)
    assert refused(made).message.startswith(f"{name} is missing")


@pytest.mark.parametrize("name", [*ATTACHED, *VOLUMES])
def test_links_are_not_followed(made: Made, name: str) -> None:
    """A link may lead to what changes after it has been checked."""
    shutil.move(made.folder / name, made.folder.parent / name)
    (made.folder / name).symlink_to(made.folder.parent / name)
    assert refused(made).message.startswith(f"{name} is missing")


def test_another_key_is_refused(made: Made, tmp_path: Path) -> None:
    """A bundle that somebody else has signed is not installed, however whole it is."""
    other = open_key(tmp_path / "other.pem")
    assert "not by this key" in refused(made, other.public).message
    (made.folder / SIGNATURE).write_bytes(other.sign((made.folder / MANIFEST).read_bytes()))
    assert "not by this key" in refused(made).message


@pytest.mark.parametrize(
    "name", ["models/small/pytorch_model.bin", "models/small/modeling.py", "models/x/y/net.PT"]
)
def test_models_that_run_code_do_not_verify(tmp_path: Path, name: str) -> None:
    """Pickled weights and programs in a model's folder, rightly signed, are refused at once."""
    study = {"offline_assets/studies/demo.toml": b""}
    told = refused(make_bundle(tmp_path, {name: b"x", **study}))
    assert repr(name) in told.message
    assert told.hint.startswith("Use ")


def test_volumes_on_several_media(made: Made, tmp_path: Path) -> None:
    """Volumes may lie in other folders, and those hold nothing else either."""
    folders = [tmp_path / "second", tmp_path / "third"]
    for folder, name in zip(folders, VOLUMES[1:3], strict=True):
        folder.mkdir()
        shutil.move(made.folder / name, folder / name)
    where = [str(one) for one in folders]
    done = verify(str(made.folder), made.key.public, where)
    assert Path(done.volumes[VOLUMES[2]]).parent == folders[1]
    with pytest.raises(Refused, match=r"vol-0003.tar is missing\. Carry again: vol-0003.tar"):
        verify(str(made.folder), made.key.public, where[:1])
    (folders[0] / "notes.txt").write_bytes(b"x")
    with pytest.raises(Refused, match=r"second holds 'notes.txt'"):
        verify(str(made.folder), made.key.public, where)
    with pytest.raises(Refused, match="cannot be listed: No such file"):
        verify(str(made.folder), made.key.public, [str(tmp_path / "absent")])


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    """An empty folder, and one that is not there."""
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(Refused, match=r"manifest.json is missing in .* Name the folder"):
            verify(str(folder), bytes(32))


def openssl(*words: object) -> None:
    """The system's openssl, or skip."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("this machine has no openssl")
    done = subprocess.run([program, *map(str, words)], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip("this machine's openssl makes no ed25519 signatures")


@pytest.mark.parametrize("change", [bytes, lambda data: data.replace(b"\n", b"\r\n") + b"\r\n"])
def test_keys_that_openssl_made(
    made: Made, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    """A bundle signed by openssl passes with the public key that openssl wrote."""
    private, public, signature = (tmp_path / name for name in ("k.pem", "k.pub", "signature"))
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    data = ("-in", made.folder / MANIFEST, "-out", signature)
    openssl("pkeyutl", "-sign", "-inkey", private, "-rawin", *data)
    (made.folder / SIGNATURE).write_bytes(signature.read_bytes())
    public.write_bytes(change(public.read_bytes()))
    assert verify(str(made.folder), read_key(str(public))).manifest.name == "demo"


def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, and one with something else, each with the remedy."""
    with pytest.raises(Refused, match=r"absent.pub cannot be read.*carried to you apart"):
        read_key(str(tmp_path / "absent.pub"))
    (tmp_path / "other").write_bytes(b"\xff" * 64)
    with pytest.raises(Refused, match="no public ed25519 key"):
        read_key(str(tmp_path / "other"))
    assert read_key("ab" * 32) == b"\xab" * 32

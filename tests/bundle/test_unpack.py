"""Unpacking: every file is what the manifest says, whatever lay there before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing, private_paths
from nerdistill.bundle.bare.unpack import PARTS, clear, unpack
from nerdistill.bundle.bare.verify import verify
from tests.bundle.making import FILES, Made, make_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.installing import Files

BIG = "models/small/model.safetensors"
CORPUS = "offline_assets/datasets/own/train.conll"
ALL = Sharing.of(None)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A bundle with a file in several volumes."""
    return make_bundle(tmp_path)


def put(
    made: Made, folder: Path, base: Path | None = None, sharing: Sharing = ALL, *, last: bool = True
) -> Files:
    """Clear a folder and unpack a bundle there, as installing does to the end or not."""
    folder.mkdir(exist_ok=True)
    bundle = verify(str(made.folder), made.key.public)
    clear(bundle.manifest, str(folder))
    unpack(bundle, str(folder), str(base) if base else None, sharing, jobs=2)
    if last:
        sharing.hand_over(str(folder), private_paths(bundle.manifest))
    return content(folder)


def content(folder: Path) -> Files:
    """Every file, and nothing but files and folders."""
    found = {}
    for path in folder.rglob("*"):
        assert not path.is_symlink()
        if not path.is_dir():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


@pytest.mark.parametrize("umask", [0, 0o077])
def test_what_is_unpacked_is_what_was_packed(made: Made, tmp_path: Path, umask: int) -> None:
    """All files, whole, with their executable bit whatever the umask, and no part is left."""
    before = os.umask(umask)
    try:
        assert put(made, tmp_path / "out") == FILES
    finally:
        os.umask(before)
    assert (tmp_path / "out" / "scripts" / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out" / BIG).stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "out" / PARTS).exists()


def test_a_second_run_keeps_what_is_right(made: Made, tmp_path: Path) -> None:
    """A file that is whole is not written again; one of the right size is looked into."""
    out = tmp_path / "out"
    put(made, out)
    kept = (out / BIG).stat().st_ino
    (out / "scripts" / "run").write_bytes(b"#!/bin/sh!")
    (out / "offline_assets" / "studies" / "demo.toml").unlink()
    assert put(made, out) == FILES
    assert (out / BIG).stat().st_ino == kept


def test_whatever_lay_there_is_cleared_away(made: Made, tmp_path: Path) -> None:
    """Links that lead elsewhere, files for folders, folders for files, parts, and strangers."""
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    (elsewhere / "small").mkdir(parents=True)
    (elsewhere / "keys").write_bytes(b"precious")
    for folder in (out / PARTS / "x", out / "scripts" / "run" / "deep", out / "empty"):
        folder.mkdir(parents=True)
    (out / "models").symlink_to(elsewhere)
    (out / "offline_assets").write_bytes(b"a file")
    (out / "scripts" / "evil.py").write_bytes(b"stranger")
    (out / "scripts" / "link").symlink_to(elsewhere / "keys")
    os.mkfifo(out / "installed.json")
    assert put(made, out) == FILES
    assert content(elsewhere) == {"keys": b"precious"}
    assert not (out / "empty").exists()


def test_clearing_counts_what_stays(made: Made, tmp_path: Path) -> None:
    """The bytes of files that are kept need no room; those of parts and strangers do."""
    out = tmp_path / "out"
    put(made, out)
    (out / "scripts" / "run").write_bytes(b"x" * 1000)
    (out / "stranger").write_bytes(b"x" * 1000)
    manifest = verify(str(made.folder), made.key.public).manifest
    assert clear(manifest, str(out)) == sum(map(len, FILES.values()))
    assert clear(manifest, str(tmp_path / "absent")) == 0


@pytest.mark.parametrize("order", [1, -1])
def test_no_name_is_taken_for_a_part(tmp_path: Path, order: int) -> None:
    """Files that are called as unfinished ones often are come out right, twice."""
    names = ["models/a.json", "models/a.json.part", "models/a.json.part.part"][::order]
    files = {name: name.encode() * 9 for name in names}
    study = {"offline_assets/studies/demo.toml": b""}
    made = make_bundle(tmp_path, {**files, **study})
    assert put(made, tmp_path / "out") == {**files, **study}
    (tmp_path / "out" / "models" / "a.json").unlink()
    assert put(made, tmp_path / "out") == {**files, **study}


def test_a_medium_that_changes_is_noticed(made: Made, tmp_path: Path) -> None:
    """Bytes that are not those that were verified never get their file's name."""
    bundle = verify(str(made.folder), made.key.public)
    volume = made.folder / made.told["volumes"][1]["name"]
    data = bytearray(volume.read_bytes())
    data[5000] ^= 1
    volume.write_bytes(data)
    (tmp_path / "out").mkdir()
    with pytest.raises(Refused, match=rf"'{BIG}' in {volume.name} changed while it was read"):
        unpack(bundle, str(tmp_path / "out"), None, ALL)
    assert not (tmp_path / "out" / BIG).exists()


def test_pieces_that_do_not_make_the_file(made: Made, tmp_path: Path) -> None:
    """Each piece may be right and the whole wrong: it is hashed as a whole, too."""
    told = made.told
    told["assets"][1]["files"][0]["sha256"] = "0" * 64
    made.sign(told)
    with pytest.raises(Refused, match=rf"'{BIG}' is not what the manifest says, once put"):
        put(made, tmp_path / "out")


@pytest.fixture
def later(made: Made, tmp_path: Path) -> Made:
    """A bundle that holds only what is new since the first one."""
    files = {**FILES, "offline_assets/studies/demo.toml": b"new"}
    return make_bundle(tmp_path, files, name="later", version=2, base=made)


def test_what_the_base_holds_is_shared(made: Made, later: Made, tmp_path: Path) -> None:
    """Files of the base take no room a second time, and are found by their place there."""
    base, out = tmp_path / "base", tmp_path / "out"
    put(made, base)
    assert len(later.told["volumes"]) == 1
    found = put(later, out, base)
    assert found == {**FILES, "offline_assets/studies/demo.toml": b"new"}
    assert (out / BIG).samefile(base / BIG)
    assert put(later, out, base) == found


def test_other_bits_are_not_shared(made: Made, later: Made, tmp_path: Path) -> None:
    """What others may not read in one version stays so, and is a copy in the other."""
    base, out = tmp_path / "base", tmp_path / "out"
    put(made, base)
    (base / BIG).chmod(0o640)
    put(later, out, base)
    assert not (out / BIG).samefile(base / BIG)
    assert (out / BIG).stat().st_mode & 0o777 == 0o644
    assert (base / BIG).stat().st_mode & 0o777 == 0o640


def test_a_run_with_other_bits_goes_on(made: Made, later: Made, tmp_path: Path) -> None:
    """What an interrupted run shared with the base is a copy before its bits are changed."""
    base, out = tmp_path / "base", tmp_path / "out"
    put(made, base)
    put(later, out, base, last=False)
    assert (out / BIG).samefile(base / BIG)
    put(later, out, base, Sharing(os.getegid(), 0o2750, 0o640))
    assert (out / BIG).stat().st_mode & 0o777 == 0o640
    assert (base / BIG).stat().st_mode & 0o777 == 0o644


def test_a_base_from_before_text_was_private(tmp_path: Path) -> None:
    """A corpus that the base has for everybody stays so there, and is a private copy here."""
    files = {**FILES, CORPUS: b"text", "offline_assets/studies/other.toml": b"more"}
    first = make_bundle(tmp_path, files)
    again = make_bundle(tmp_path, files, name="later", version=2, base=first)
    base, out = tmp_path / "base", tmp_path / "out"
    put(first, base)
    (base / CORPUS).parent.chmod(0o755)
    (base / CORPUS).chmod(0o644)
    put(again, out, base)
    assert (base / CORPUS).stat().st_mode & 0o777 == 0o644
    assert (out / CORPUS).stat().st_mode & 0o777 == 0o600
    third = tmp_path / "third"
    put(again, third, out)
    assert (third / CORPUS).samefile(out / CORPUS)
    assert (third / BIG).samefile(base / BIG)


def test_text_is_private_from_the_first_moment(tmp_path: Path) -> None:
    """A corpus has its name with its last bits only, also while the rest is installed."""
    made = make_bundle(tmp_path, {**FILES, CORPUS: b"text"})
    put(made, tmp_path / "out", last=False)
    assert (tmp_path / "out" / CORPUS).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out" / BIG).stat().st_mode & 0o777 == 0o644


def test_a_base_that_is_damaged(made: Made, later: Made, tmp_path: Path) -> None:
    """What is missing there, or changed, is named, with what to remove."""
    base = tmp_path / "base"
    put(made, base)
    (base / BIG).write_bytes(b"x")
    with pytest.raises(Refused, match=rf"'{BIG}' of the installed base is damaged. Remove {base}"):
        put(later, tmp_path / "out", base)
    (base / BIG).unlink()
    (base / BIG).symlink_to(tmp_path / "key.pem")
    with pytest.raises(Refused, match=rf"the base that is installed lacks '{BIG}'"):
        put(later, tmp_path / "out", base)

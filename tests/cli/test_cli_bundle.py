"""The bundle's commands, as a user calls them: exit codes, words, and what is left behind."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nerdistill import offline
from nerdistill.bundle.bare import install as installer
from nerdistill.bundle.bare.manifest import MANIFEST
from nerdistill.cli.bundle import _Size
from nerdistill.cli.main import _run
from nerdistill.study import create as creating
from tests.bundle.installing import Files, bundle, files, this_machine, works
from tests.bundle.making import FILES, Made, make_bundle
from tests.bundle.stand_in import stand_in_wheel
from tests.bundle.tiny_index import index
from tests.study.conftest import home, one_hub, tiny_repository
from tests.study.creating import fill, write_target

if TYPE_CHECKING:
    from tests.bundle.tiny_index import TinyIndex

__all__ = ["bundle", "files", "home", "index", "one_hub", "this_machine", "tiny_repository"]

DEMO = "offline_assets/studies/demo.toml"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A bundle of made-up files, in several volumes."""
    return make_bundle(tmp_path)


@pytest.fixture
def here(this_machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing does not look at this machine once more."""
    monkeypatch.setattr(installer, "facts", lambda *_: this_machine)


@pytest.fixture
def still_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`create` goes online; in the tests' own process it must not."""
    monkeypatch.setattr(offline, "lift", lambda: None)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    code = _run(["bundle", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def error_of(capsys: pytest.CaptureFixture[str], code: int, *words: object) -> str:
    """The one line of a command that fails so."""
    found, _, err = call(capsys, *words)
    assert found == code, err
    lines = err.strip().splitlines()
    assert lines[-1].startswith("nerdistill: ")
    assert "Traceback" not in err
    return lines[-1]


def test_inspect_tells_what_it_is_for(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Its platform, its rehearsal, its size, every asset; with the key, that it is signed."""
    code, out, _ = call(capsys, "inspect", made.folder)
    assert code == 0
    assert "for x86_64, Python 3.11, glibc 2.17 or newer, no GPU" in out
    assert "rehearsal: resolved, not rehearsed" in out
    assert f"volumes: {len(made.told['volumes'])}, 0.00 GB" in out
    assert "signature: not checked (give --key)" in out
    assert all(path in out for path in FILES)
    assert (
        "signature: by this key" in call(capsys, "inspect", made.folder, "--key", made.key.file)[1]
    )


def test_inspect_reads_no_volume(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """It works where the volumes are not yet; for machines it prints the manifest."""
    for path in made.folder.glob("vol-*"):
        path.unlink()
    code, out, _ = call(capsys, "inspect", made.folder, "--json")
    assert code == 0
    assert json.loads(out) == made.told


def test_inspect_s_wrong_key_is_refused(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another's key, and a file that is none."""
    assert "signature" in error_of(capsys, 1, "inspect", made.folder, "--key", "00" * 32)
    assert "missing" in error_of(capsys, 1, "inspect", tmp_path)


def test_verify_says_that_it_is_whole(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """By the key's file or its digits."""
    for key in (made.key.file, made.key.public.hex()):
        code, out, _ = call(capsys, "verify", made.folder, "--key", key)
        assert (code, out.strip()) == (0, "whole and signed: demo 1")


def test_verify_names_exactly_what_to_carry_again(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of several volumes the damaged and the missing one, once each."""
    first = made.folder / "vol-0001.tar"
    first.write_bytes(first.read_bytes()[:-2000] + bytes([1]) * 2000)
    (made.folder / "vol-0003.tar").unlink()
    line = error_of(capsys, 1, "verify", made.folder, "--key", made.key.file)
    assert "vol-0001.tar is damaged" in line
    assert "vol-0003.tar is missing" in line
    assert "vol-0002" not in line
    assert line.endswith("Carry again: vol-0001.tar vol-0003.tar")


def test_verify_finds_volumes_on_other_media(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each medium has a folder of its own."""
    media = []
    for number in (1, 2):
        folder = tmp_path / f"medium-{number}"
        folder.mkdir()
        name = f"vol-000{number}.tar"
        (made.folder / name).rename(folder / name)
        media += ["--volumes", folder]
    assert call(capsys, "verify", made.folder, "--key", made.key.file, *media)[0] == 0
    assert "vol-0002.tar" in error_of(
        capsys, 1, "verify", made.folder, "--key", made.key.file, *media[:2]
    )


def test_diff_tells_which_files_differ(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New, changed and gone; nothing of the same content."""
    changed = {**FILES, "scripts/run": b"#!/bin/bash\n", "models/new.json": b"{}"}
    del changed["models/small/config.json"]
    other = make_bundle(tmp_path, changed, name="other", version=2)
    code, out, _ = call(capsys, "diff", made.folder, other.folder)
    assert code == 0
    assert out.splitlines() == [
        "new      models/new.json",
        "gone     models/small/config.json",
        "changed  scripts/run",
        "3 files differ, 14 bytes of them new",
    ]
    assert call(capsys, "diff", made.folder, made.folder)[1].startswith("0 files differ")
    assert "manifest.json is missing" in error_of(capsys, 1, "diff", made.folder, tmp_path)


@pytest.mark.usefixtures("here")
def test_install_puts_it_beside_what_is_there(
    bundle: Made, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where; the same again is fine, and an older one is refused."""
    root = tmp_path / "root"
    words = ["--key", bundle.key.file, "--into", root, "--python", sys.executable]
    code, out, err = call(capsys, "install", bundle.folder, *words)
    assert code == 0, err
    assert Path(out.removeprefix("installed: ").strip()) == (root / "current").resolve()
    assert works(root)
    code, _, err = call(capsys, "install", bundle.folder, *words)
    assert (code, "already installed" in err) == (0, True)
    older = make_bundle(tmp_path, files, name="older", version=0, target=bundle.told["target"])
    line = error_of(capsys, 1, "install", older.folder, *words)
    assert "demo 0 is older than 1" in line
    assert "--allow-rollback" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3900M", 3_900_000_000), ("8G", 8 * 10**9), ("4gb", 4 * 10**9), ("1048576", 1 << 20)],
)
def test_sizes_are_said_with_units(text: str, expected: int) -> None:
    """As disks are sold: by thousands."""
    assert _Size().convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5G", "3900MiB", "much"])
def test_other_sizes_are_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error shows how to say it."""
    words = ["create", "s.toml", "--target", "t.json", "--out", "out", "--max-volume", text]
    code, _, err = call(capsys, *words)
    assert code == 2
    assert "say it as 3900M or 8G" in err


@pytest.fixture
def asked(
    home: Path, tmp_path: Path, this_machine: dict[str, Any], still_closed: None
) -> list[object]:
    """The arguments of `create` for the demo and this machine."""
    del still_closed
    target = write_target(tmp_path / "target.json", this_machine)
    return [
        *("create", home / DEMO, "--target", target, "--out", tmp_path / "out"),
        *("--key", tmp_path / "key.pem", "--cache", tmp_path / "cache"),
    ]


@pytest.mark.parametrize(
    ("place", "value", "code", "expected"),
    [
        (1, "missing.toml", 2, r"'missing.toml' does not exist"),
        (3, "missing.json", 2, r"missing.json does not exist. Run scripts/probe.py"),
        (5, "offline_assets", 1, r"offline_assets holds .*. Name an empty folder"),
        (7, "models/README.md", 1, r"README.md"),
    ],
)
def test_create_s_mistakes_are_told_in_one_line(
    asked: list[object],
    place: int,
    value: str,
    code: int,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A study, a target, a folder or a key that is none."""
    asked[place] = value
    line = error_of(capsys, code, *asked)
    before, _, after = expected.partition(".*")
    assert before in line
    assert after in line


def test_create_without_its_extra_says_how_to_install_it(
    asked: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is loaded or downloaded, in one line."""
    monkeypatch.setattr("nerdistill.cli.bundle.EXTRA", ("json", "no_such_package"))
    line = error_of(capsys, 1, *asked)
    assert "needs no_such_package, which the extra `bundle` brings" in line
    assert "scripts/setup --bundle" in line


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--max-volume", "10K"], 2, "volumes of 10,000 bytes are too small"),
        (["--set", "nonsense"], 2, "nonsense"),
        (["--python-archive", "models/README.md"], 1, "README.md can't be used"),
        (["--python-archive", "missing.tar.gz"], 2, "missing.tar.gz is no file"),
        (["--base", "models"], 1, "manifest.json is missing in models"),
    ],
)
def test_create_s_options_are_checked(
    asked: list[object],
    words: list[str],
    code: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is resolved or fetched."""
    monkeypatch.setattr(creating, "own_wheel", None)
    monkeypatch.setattr(creating, "collect", None)
    assert expected in error_of(capsys, code, *asked, *words)


def test_create_ends_with_what_to_do_there(
    asked: list[object],
    index: TinyIndex,
    tmp_path: Path,
    this_machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For another platform it says so; then what to carry apart, and the command to type."""
    fill(index)
    own = stand_in_wheel(tmp_path / "own", tmp_path / "log", {})
    monkeypatch.setattr(creating, "own_wheel", lambda _: own)
    other = "aarch64" if this_machine["machine"] == "x86_64" else "x86_64"
    write_target(tmp_path / "target.json", this_machine, machine=other)
    code, out, err = call(capsys, *asked, "--progress", "plain")
    assert code == 0, err
    assert f"rehearsal: resolved, not rehearsed (the bundle is for {other}" in out
    assert str(tmp_path / "key.pub") in out
    assert "bootstrap.py sha256" in out
    words = shlex.split(out.splitlines()[-1])
    assert words[:4] == ["python3", "-I", "out/bootstrap.py", "install"]
    assert (tmp_path / "out" / MANIFEST).is_file()
    assert "resolved, not rehearsed" in call(capsys, "inspect", tmp_path / "out")[1]
    told = json.loads(call(capsys, "inspect", tmp_path / "out", "--json")[1])
    assert told["rehearsal"]["status"] == "resolved, not rehearsed"
    assert "holds a finished bundle" in error_of(capsys, 1, *asked)

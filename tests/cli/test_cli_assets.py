"""`nerdistill assets`, as a user calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.cli.main import _run
from tests.bundle.installed import MODEL, installed, put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.making import Made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Made]:
    """An install root that is nerdistill's home, with a model of its user's own."""
    home, made = installed(tmp_path)
    put(home / "models" / "own", MODEL)
    monkeypatch.setenv("NERDISTILL_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "80")
    return home, made


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    code = _run(["assets", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_list(root: tuple[Path, Made], capsys: pytest.CaptureFixture[str]) -> None:
    """A row an item, within 80 columns; what is not from the bundle has a mark."""
    (root[0] / "offline_assets" / "demo" / "test.jsonl").unlink()
    code, out, _ = call(capsys, "list")
    table = out.partition("* not from")[0].splitlines()[1:]
    assert code == 0
    assert max(map(len, table)) <= 80
    assert "own *" in out
    assert [line.split()[0] for line in table if " NO " in line] == ["offline_assets/demo/tes"]
    assert "test.jsonl is missing\nInstall the bundle again" in out


def test_list_json(root: tuple[Path, Made], capsys: pytest.CaptureFixture[str]) -> None:
    """All that the table shows, and whole digests, also of what no manifest tells of."""
    code, out, _ = call(capsys, "list", "--json")
    told = json.loads(out)
    assert (code, told["home"], told["bundle"]["name"]) == (0, str(root[0]), "demo")
    (own,) = (one for one in told["assets"] if not one["bundled"])
    assert (own["name"], own["kind"], len(own["digest"]), own["intact"]) == (
        "own",
        "student",
        64,
        True,
    )


def test_verify(root: tuple[Path, Made], capsys: pytest.CaptureFixture[str]) -> None:
    """Whole: exit code 0, and whether the signature was looked at is told."""
    _, made = root
    code, out, _ = call(capsys, "verify", "--key", str(made.key.file))
    assert (code, "whole: 5 files of demo 1, signed by this key" in out) == (0, True)
    code, out, _ = call(capsys, "verify", "--progress", "none")
    assert (code, "signature not checked" in out) == (0, True)
    assert "3 more files are not from the bundle" in out


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_verify_names_the_damaged_file(
    more: list[str], root: tuple[Path, Made], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, the file and the command that mends it; JSON stays JSON."""
    file = root[0] / "models" / "small" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    code, out, error = call(capsys, "verify", "--progress", "none", *more)
    assert code == 1
    assert "models/small/model.safetensors" in out
    assert "1 fault in" in error
    assert "bootstrap.py install BUNDLE" in error
    if more:
        assert [one["path"] for one in json.loads(out)["faults"]] == [
            "models/small/model.safetensors"
        ]


def test_a_wrong_key_is_one_line(
    root: tuple[Path, Made], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A key that is nowhere, and one that did not sign."""
    for key in (str(tmp_path / "none.pub"), "ab" * 32):
        code, out, error = call(capsys, "verify", "--key", key)
        assert (code, out, len(error.splitlines())) == (1, "", 1)
    assert str(root[0]) in error

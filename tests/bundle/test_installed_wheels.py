"""What pip really installs is held against its wheels: harm is named, and nothing else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.environment import GUARD, LOCK
from nerdistill.bundle.intact import content_faults
from nerdistill.bundle.inventory import take_inventory
from nerdistill.cli.main import _run
from nerdistill.digest import digest_file
from tests.bundle.installing import ENTRY, HERE, PROGRAM, pip_wheel, put
from tests.bundle.making import FILES, make_bundle
from tests.bundle.tiny_index import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SITE = f".venv/lib/python{HERE['python']}/site-packages"
WHEELS = {
    "nerdistill": {
        "nerdistill.py": PROGRAM,
        "nerdistill-1.0.dist-info/entry_points.txt": ENTRY,
        "shared/__init__.py": b"1",
    },
    "tool": {
        "shared/__init__.py": b"2",
        "tool-1.0.data/data/share/tool.txt": b"told",
        "tool-1.0.data/headers/tool.h": b"int i;",
        "tool-1.0.data/platlib/deep/er.py": b"1",
        "tool-1.0.data/scripts/tool": b"#!python\nprint(1)\n",
        "tool-1.0.data/scripts/native": b"\x7fELF",
    },
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An install root made by the real pip, of wheels with all that a wheel may bring."""
    place = tmp_path_factory.mktemp("installed")
    own = [make_wheel(place, name, files=files) for name, files in WHEELS.items()]
    lock = "".join(f"{one.name[:-21]}==1.0 --hash=sha256:{digest_file(one)}\n" for one in own)
    wheels = {f"wheels/{path.name}": path.read_bytes() for path in (*own, pip_wheel(place))}
    made = make_bundle(place, {**FILES, **wheels, LOCK: lock.encode()}, target=HERE)
    return put(made, place / "root")


@pytest.fixture
def home(original: Path, tmp_path: Path) -> Path:
    """A copy, to harm."""
    return shutil.copytree(original, tmp_path / "root" / "versions" / "1", symlinks=True)


def told(home: Path) -> list[str]:
    """What is wrong."""
    return [str(fault) for fault in content_faults(take_inventory(home))[0]]


def test_what_pip_installed_is_whole(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where wheels overlap and Python has compiled; the number of files is told."""
    assert (home / SITE / "__pycache__").is_dir()
    assert told(home) == []
    (home / SITE / "shared" / "__init__.py").write_bytes(b"1")
    assert told(home) == []
    monkeypatch.setenv("NERDISTILL_HOME", str(home))
    assert _run(["assets", "verify", "--progress", "none"]) == 0
    installed = sum(path.is_file() for path in (home / SITE).rglob("*.py")) + 2 * 2 + 1
    scripts, data, guard = 3, 1, 1
    assert f" and {installed + scripts + data + guard} installed from" in capsys.readouterr().out


def test_harm_is_told_with_the_remedy(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`assets verify` ends with exit code 1, the wheel's name and the command that mends it."""
    monkeypatch.setenv("NERDISTILL_HOME", str(home))
    (home / SITE / "nerdistill.py").unlink()
    assert _run(["assets", "verify", "--progress", "none"]) == 1
    out, error = capsys.readouterr()
    assert out.endswith(f"nerdistill-1.0-py3-none-any.whl: {SITE}/nerdistill.py is missing\n")
    assert "bootstrap.py install BUNDLE" in error


def flip(path: Path) -> None:
    """Change the last byte."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize(
    "name",
    [
        f"{SITE}/nerdistill.py",
        f"{SITE}/deep/er.py",
        f"{SITE}/shared/__init__.py",
        f"{SITE}/{GUARD}",
        f"{SITE}/tool-1.0.dist-info/METADATA",
        ".venv/bin/nerdistill",
        ".venv/bin/native",
        ".venv/bin/tool",
        ".venv/share/tool.txt",
    ],
)
@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda path: path.unlink(), "is missing"),
        (flip, "is damaged: its digest differs"),
        (lambda path: path.write_bytes(b"longer than it was" * 99), "has 1,782 bytes, not"),
    ],
    ids=["gone", "flipped", "replaced"],
)
def test_each_file_is_looked_at(
    name: str, harm: Callable[[Path], object], found: str, home: Path
) -> None:
    """By its path alone, whichever way it came there."""
    harm(home / name)
    (line,) = told(home)
    assert line.startswith(f"{name} {found}")


def test_a_record_that_is_gone_is_told(home: Path) -> None:
    """Without it nobody knows what the scripts should be."""
    record = f"{SITE}/tool-1.0.dist-info/RECORD"
    (home / record).unlink()
    assert told(home) == [f"{record} is missing"]


def test_what_was_added_is_named(home: Path) -> None:
    """Files, links and whole folders among the packages; not what Python compiles."""
    site = home / SITE
    (site / "evil.pth").write_text("import os")
    (site / "nerdistill.pyc").write_bytes(b"")
    (site / "shared" / "more.py").write_text("")
    (site / "package" / "deep").mkdir(parents=True)
    (site / "package" / "deep" / "one.py").write_text("")
    (site / "linked").symlink_to(home / "models")
    (site / "shared" / "__pycache__").mkdir(exist_ok=True)
    (site / "shared" / "__pycache__" / "more.cpython-311.pyc").write_bytes(b"")
    names = ["evil.pth", "linked", "nerdistill.pyc", "package", "shared/more.py"]
    why = "was added: no wheel of the bundle has it"
    assert sorted(told(home)) == [f"{SITE}/{name} {why}" for name in names]


def test_an_environment_that_is_gone_is_one_fault(home: Path) -> None:
    """Not one for each of its files."""
    shutil.rmtree(home / ".venv")
    assert told(home) == [f"{SITE} is missing"]


def test_a_damaged_wheel_is_told_itself(home: Path) -> None:
    """What it installed is not taken for added."""
    wheel = home / "wheels" / "tool-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:-40])
    (line,) = told(home)
    assert line.startswith("wheels/tool-1.0-py3-none-any.whl has ")

"""nerdistill's own wheel, from this checkout and from an installation."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.own_wheel import _build, _from_installed, own_wheel, requirements_of
from nerdistill.bundle.wheel_file import read_wheel
from tests.bundle.tiny_index import X86, make_wheel

if TYPE_CHECKING:
    from tests.bundle.tiny_index import TinyIndex

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return own_wheel(tmp_path_factory.mktemp("cache"))


def test_it_holds_the_code_that_runs(made: Path) -> None:
    """Each module and template of this checkout is in it, with the same bytes."""
    wanted = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "nerdistill").rglob("*")
        if path.suffix in {".py", ".j2"}
    }
    with zipfile.ZipFile(made) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if name in wanted}
    assert found == wanted


def test_it_needs_what_the_project_says(made: Path) -> None:
    """What is resolved is what pyproject.toml asks for, with pip and the chosen extras."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    plain, with_vllm = requirements_of(made, X86), requirements_of(made, X86, ["vllm"])
    assert len(plain) == len(told["dependencies"]) + 1
    assert "pip>=25" in plain
    assert sorted({*with_vllm} - {*plain}) == told["optional-dependencies"]["vllm"]


def test_what_an_older_build_left_is_not_in_it(tmp_path: Path, made: Path) -> None:
    """A module that was deleted does not come back out of `build/`, and nothing is written."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "nerdistill", tree / "nerdistill")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, tree / name)
    stale = tree / "build" / "lib" / "nerdistill" / "deleted.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("STALE = True\n")
    before = sorted(tree.rglob("*"))
    again = _build(tree, tmp_path / "own")
    assert again.read_bytes() == made.read_bytes()
    assert sorted(tree.rglob("*")) == before


def test_an_installation_gives_the_same_wheel(tmp_path: Path, made: Path) -> None:
    """Without sources the wheel is put together again from what pip recorded."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--no-index", "--no-deps"]
    subprocess.run([*command, "--target", site, made], check=True, capture_output=True)
    (info,) = site.glob("nerdistill-*.dist-info")
    again = _from_installed(PathDistribution(info), tmp_path / "own")
    assert again.name == made.name
    assert again.read_bytes() == made.read_bytes()


def test_markers_of_extras_are_those_of_the_server(index: TinyIndex) -> None:
    """A requirement of an extra counts only where its other markers do, too."""
    requires = [
        'far; extra == "vllm" and platform_machine == "aarch64"',
        'near; extra == "vllm" and platform_machine == "x86_64"',
        'other; extra == "dev"',
    ]
    wheel = make_wheel(index.files, "nerdistill", requires=requires)
    assert requirements_of(wheel, X86, ["vllm"]) == ["near", "pip>=25"]
    assert len(read_wheel(wheel).requires) == 3

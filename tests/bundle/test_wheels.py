"""Collecting wheels with the real pip, from an index of this test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.own_wheel import requirements_of
from nerdistill.bundle.resolve import resolve
from nerdistill.bundle.wheels import Wheels, build, choose, collect_wheels
from nerdistill.errors import BundleError
from nerdistill.progress import Silent
from tests.bundle.tiny_index import ARM, X86, make_sdist, make_wheel, pin_of, tiny_index
from tests.connected import Noted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.bundle.resolve import Pin
    from tests.bundle.tiny_index import TinyIndex


def own(place: Path, *requires: str) -> Path:
    """A wheel that stands for nerdistill's."""
    return make_wheel(place / "own", "nerdistill", "0.1.0", requires=requires)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a first run left."""

    wheel: Path
    pins: tuple[Pin, ...]
    cache: Path
    wheels: Wheels
    said: list[str]

    def again(self, place: Path, noted: Noted) -> Wheels:
        """A second run, on a copy of the cache."""
        shutil.copytree(self.cache, place)
        return collect_wheels(self.pins, self.wheel, X86, place, noted)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyIndex]:
    """An index with pip, a pure package, one compiled for two machines, and one of sources."""
    with tiny_index(tmp_path_factory.mktemp("filled")) as index:
        files, native = index.files, "cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64"
        make_wheel(files, "pip", "26.0")
        make_wheel(files, "upper", requires=["native", "source"], headers=["License: MIT"])
        make_wheel(files, "native", tag=native)
        make_wheel(files, "native", tag="cp312-abi3-manylinux_2_34_aarch64")
        make_sdist(files, "source")
        index.publish()
        yield index


@pytest.fixture(scope="module")
def collected(filled: TinyIndex) -> Collected:
    """What `bundle create` does, once."""
    place = filled.root.parent
    wheel, noted = own(place, "upper"), Noted()
    pins = resolve(requirements_of(wheel, X86), X86, None, place / "work")
    wheels = collect_wheels(pins, wheel, X86, place / "cache", noted)
    return Collected(wheel, pins, place / "cache", wheels, noted.said)


def bytes_of(wheels: Wheels) -> dict[str, bytes]:
    """All that the bundle would hold, by path."""
    return {file.path: file.origin.read_bytes() for asset in wheels.assets for file in asset.files}


def test_the_lock_is_what_pip_installs(collected: Collected, tmp_path: Path) -> None:
    """The wheels with the lock are enough for pip, by digest, without an index."""
    folder = tmp_path / "bundle"
    for path, data in bytes_of(collected.wheels).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--no-index", "--no-deps"]
    command += ["--require-hashes", "--find-links", str(folder / "wheels")]
    command += ["--target", str(tmp_path / "site"), "-r", str(folder / "requirements.lock")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    installed = {path.name for path in (tmp_path / "site").glob("*.py")}
    assert installed == {"nerdistill.py", "upper.py", "native.py", "source.py"}


def test_each_wheel_is_an_asset(collected: Collected) -> None:
    """Each has its version and licence; pip travels, but is not among what is installed."""
    found = collected.wheels
    told = {one.name: (one.role, one.source, one.licence) for one in found.assets}
    assert told == {
        "requirements.lock": ("requirements", "nerdistill", None),
        "native 1.0": ("wheel", "pkg:pypi/native", None),
        "nerdistill 0.1.0": ("wheel", "nerdistill", None),
        "pip 26.0": ("wheel", "pkg:pypi/pip", None),
        "source 1.0": ("wheel", "pkg:pypi/source", None),
        "upper 1.0": ("wheel", "pkg:pypi/upper", "MIT"),
    }
    locked = [line.partition("==")[0] for line in found.lock.splitlines()]
    assert locked == ["native", "nerdistill", "source", "upper"]
    assert found.glibc == (2, 27)
    assert found.unpacked >= 4 * 4096


def test_a_second_run_asks_for_nothing(
    collected: Collected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is fetched or built already is used, and the bundle is the same to the byte."""
    monkeypatch.setenv("PIP_INDEX_URL", tmp_path.as_uri())
    noted = Noted()
    assert bytes_of(collected.again(tmp_path / "cache", noted)) == bytes_of(collected.wheels)
    assert any("building source 1.0" in line for line in collected.said)
    assert not any("building" in line for line in noted.said)


def test_a_damaged_wheel_is_fetched_again(collected: Collected, tmp_path: Path) -> None:
    """A file in the cache counts by its digest, and what a killed run left is taken away."""
    cache = tmp_path / "cache"
    shutil.copytree(collected.cache, cache)
    (damaged,) = (cache / "wheels").rglob("upper-*.whl")
    killed = damaged.parent / ".fetch-killed"
    killed.mkdir()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    again = collect_wheels(collected.pins, collected.wheel, X86, cache, Silent())
    assert bytes_of(again) == bytes_of(collected.wheels)
    assert not killed.exists()


def test_wheels_are_fetched_for_another_machine(collected: Collected, tmp_path: Path) -> None:
    """A bundle can be made for a machine and a Python that are not this one's."""
    pins = resolve(requirements_of(collected.wheel, ARM), ARM, None, tmp_path / "work")
    found = collect_wheels(pins, collected.wheel, ARM, tmp_path / "cache", Silent())
    names = {one.path.name for one in found.files}
    assert "native-1.0-cp312-abi3-manylinux_2_34_aarch64.whl" in names
    assert found.glibc == (2, 34)


def test_the_best_wheel_is_chosen(tmp_path: Path) -> None:
    """Of several that run there, the one for the newest glibc and the most exact Python."""
    tags = [
        "py3-none-any",
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-manylinux_2_34_x86_64",
        "cp39-abi3-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux_2_28_x86_64",
    ]
    pin = pin_of(*(make_wheel(tmp_path, "native", tag=tag) for tag in tags))
    chosen = choose(pin, X86)
    assert chosen is not None
    assert chosen.name == "native-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_a_package_without_a_wheel_for_the_server_is_refused(tmp_path: Path) -> None:
    """The error names the wheels that there are, and the platform."""
    pin = pin_of(make_wheel(tmp_path, "native", tag="cp311-cp311-manylinux_2_34_x86_64"))
    with pytest.raises(BundleError, match=r"native 1.0 .*glibc 2.28.*manylinux_2_34") as caught:
        choose(pin, X86)
    assert "constraints" in caught.value.hint


def test_pip_s_own_words_are_told(index: TinyIndex, tmp_path: Path) -> None:
    """Where the index has another file since it was resolved, pip says so and the run ends."""
    wheel = own(tmp_path, "upper")
    make_wheel(index.files, "pip", "26.0")
    make_wheel(index.files, "upper")
    index.publish()
    pins = resolve(requirements_of(wheel, X86), X86, None, tmp_path / "work")
    (index.files / "upper-1.0-py3-none-any.whl").write_bytes(b"another")
    with pytest.raises(BundleError, match=r"can't fetch pip 26\.0, upper 1\.0: .*DO NOT MATCH"):
        collect_wheels(pins, wheel, X86, tmp_path / "cache", Silent())


def test_what_is_built_does_not_depend_on_the_day(index: TinyIndex, tmp_path: Path) -> None:
    """The same sources give the same bytes, whatever the umask."""
    pin = pin_of(make_sdist(index.files, "source"))
    index.publish()
    first = build(pin, X86, tmp_path / "one", Silent())
    before = os.umask(0o077)
    try:
        second = build(pin, X86, tmp_path / "two", Silent())
    finally:
        os.umask(before)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"tag": "cp311-cp311-linux_x86_64"}, "compiled from its sources"),
        ({"fail": True}, "the compiler is missing"),
    ],
)
def test_sources_that_are_no_pure_python_are_refused(
    index: TinyIndex, tmp_path: Path, settings: dict[str, object], expected: str
) -> None:
    """What this machine compiles might not run on the server; nothing of it is kept."""
    pin = pin_of(make_sdist(index.files, "source", **settings))  # type: ignore[arg-type]
    index.publish()
    with pytest.raises(BundleError, match=expected) as caught:
        build(pin, X86, tmp_path / "cache", Silent())
    assert caught.value.message.startswith("source 1.0 ")
    assert not list((tmp_path / "cache").rglob("*.whl"))

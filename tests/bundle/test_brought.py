"""The Python that a bundle brings is one that runs on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.brought import bring_python
from nerdistill.bundle.target import Target
from nerdistill.errors import BundleError, ConfigError
from nerdistill.progress import Silent
from tests.bundle.python_archives import (
    HEADER_FILE,
    SYSCONFIG,
    archive,
    elf,
    files,
    sysconfig_data,
)
from tests.connected import Noted

if TYPE_CHECKING:
    from pathlib import Path

SERVER = Target("x86_64", (2, 28), ((3, 6),), None, (), True, ())
LIBRARY = {"lib/libpython3.11.so.1.0": elf(loader="")}


def without(*names: str) -> dict[str, bytes]:
    """A small CPython that lacks files."""
    return {name: data for name, data in files().items() if name not in names}


def renamed(version: str) -> dict[str, bytes]:
    """A CPython of another version, as far as its names tell."""
    return {name.replace("3.11", version): data for name, data in files().items()}


def test_it_is_an_asset_of_the_bundle(tmp_path: Path) -> None:
    """With its version, its licence, and files below `python/` where the installer looks."""
    path = archive(tmp_path / "cpython-3.11.9.tar.gz", files())
    found = bring_python(path, SERVER, tmp_path / "cache", Silent(), headers=True)
    asset = found.asset
    assert (found.version, found.glibc) == ((3, 11), (2, 17))
    assert (asset.name, asset.role, asset.revision, asset.licence, asset.source) == (
        *("CPython 3.11.9", "python", "3.11.9", "PSF-2.0"),
        "file cpython-3.11.9.tar.gz",
    )
    assert {one.path for one in asset.files} == {f"python/{name}" for name in files()}
    assert [one.path for one in asset.files if one.executable] == ["python/bin/python3.11"]


def test_it_is_unpacked_once(tmp_path: Path) -> None:
    """A second run takes it from the cache, unless something is missing there."""
    path = archive(tmp_path / "a.tar", files())
    noted = Noted()
    first = bring_python(path, SERVER, tmp_path / "cache", noted, headers=True)
    assert "left out: tests" in noted.said[1]
    assert bring_python(path, SERVER, tmp_path / "cache", noted, headers=True) == first
    assert len(noted.said) == 2
    first.asset.files[0].origin.unlink()
    assert bring_python(path, SERVER, tmp_path / "cache", noted, headers=True) == first
    assert first.asset.files[0].origin.is_file()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"README": b""}, r"no bin/python3\.X"),
        (files(program=b"MZ"), "no program for Linux"),
        (files(program=elf(183)), "for aarch64, and the server is x86_64"),
        (files(program=elf(loader="/lib/ld-musl-x86_64.so.1")), "not made for glibc.*ld-musl"),
        (files(program=elf(loader="")), "not made for glibc"),
        (files(program=elf(glibc=34)), r"glibc 2\.34, and the server has 2\.28"),
        (files(vars=sysconfig_data(Py_GIL_DISABLED=1)), "free-threaded"),
        (files(vars=sysconfig_data(Py_DEBUG=1)), "debug build"),
        (files(vars=sysconfig_data(HOST_GNU_TYPE="x86_64-unknown-linux-musl")), "musl"),
        (files(vars=sysconfig_data(VERSION="3.12")), r"does not tell of Python 3\.11"),
        (files(vars=b"import os; os.abort()\n"), r"does not tell of Python 3\.11"),
        (files(vars=b"build_time_vars = {"), "never closed"),
        (without(SYSCONFIG), "no _sysconfigdata"),
        (without(HEADER_FILE), r"no Python\.h"),
        (renamed("3.10"), r"Python 3\.10, not one of 3\.11 to 3\.14"),
        (renamed("3.15"), r"Python 3\.15"),
        ({**files(), "lib/python3.11/OS.py": b""}, "one where case does not count"),
        (
            {**files(program=elf(needed=["libpython3.11.so.1.0"], run_path="/opt/lib")), **LIBRARY},
            r"not relocatable: .*libpython3\.11\.so\.1\.0 in /opt/lib",
        ),
    ],
)
def test_one_that_would_not_run_is_refused(
    tmp_path: Path, content: dict[str, bytes], expected: str
) -> None:
    """The error names the archive, the reason and what to take instead."""
    path = archive(tmp_path / "a.tar", content)
    with pytest.raises(BundleError, match=rf"a\.tar can't be used: .*{expected}") as caught:
        bring_python(path, SERVER, tmp_path / "cache", Silent(), headers=True)
    assert "install_only" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00damaged"])
def test_another_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """One that is no archive at all."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"a\.tar\.gz can't be used"):
        bring_python(path, SERVER, tmp_path / "cache", Silent(), headers=False)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """As is a folder."""
    for path in (tmp_path, tmp_path / "missing.tar.gz"):
        with pytest.raises(ConfigError, match="is no file"):
            bring_python(path, SERVER, tmp_path / "cache", Silent(), headers=False)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    """Cut off anywhere, it leaves no mark in the cache."""
    whole = archive(tmp_path / "a.tar.gz", files()).read_bytes()
    path = tmp_path / "b.tar.gz"
    for length in range(20, len(whole) - 30, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(BundleError, match=r"b\.tar\.gz can't be used"):
            bring_python(path, SERVER, tmp_path / "cache", Silent(), headers=False)


@pytest.mark.parametrize(
    ("needed", "run_path"),
    [
        ("libpython3.11.so.1.0", "$ORIGIN/../lib"),
        ("$ORIGIN/../lib/libpython3.11.so.1.0", ""),
    ],
)
def test_its_own_library_comes_along(tmp_path: Path, needed: str, run_path: str) -> None:
    """Whether the program names its folder or its place, it is found wherever it lies."""
    program = elf(needed=[needed, "libc.so.6"], run_path=run_path)
    noted = Noted()
    path = archive(tmp_path / "a.tar", {**files(program=program), **LIBRARY})
    found = bring_python(path, SERVER, tmp_path / "cache", noted, headers=True)
    assert "python/lib/libpython3.11.so.1.0" in {one.path for one in found.asset.files}
    assert not any("needs of the server" in line for line in noted.said)


def test_headers_are_needed_for_vllm_alone(tmp_path: Path) -> None:
    """A bundle without it may bring a smaller Python."""
    path = archive(tmp_path / "a.tar", without(HEADER_FILE))
    found = bring_python(path, SERVER, tmp_path / "cache", Silent(), headers=False)
    assert found.version == (3, 11)


def test_what_it_takes_of_the_server_is_told(tmp_path: Path) -> None:
    """A library that is neither glibc's nor its own."""
    program = elf(needed=["libc.so.6", "libm.so.6", "libssl.so.3"])
    noted = Noted()
    path = archive(tmp_path / "a.tar", files(program=program))
    bring_python(path, SERVER, tmp_path / "cache", noted, headers=False)
    assert noted.said[-1].endswith("needs of the server: libssl.so.3")

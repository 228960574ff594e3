"""Preflight: a bundle for another machine is refused before a byte is written."""

from __future__ import annotations

import copy
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nerdistill.bundle.bare import install as installer
from nerdistill.bundle.bare.manifest import Manifest, canonical, parse
from nerdistill.bundle.bare.preflight import (
    OTHER_TARGET,
    check_locale,
    check_machine,
    check_space,
    choose_python,
    numbers,
)
from nerdistill.bundle.bare.probe import facts
from nerdistill.bundle.bare.refusal import Refused
from tests.bundle.installing import put
from tests.bundle.making import TARGET, Made, make_bundle

if TYPE_CHECKING:
    from pathlib import Path

CUDA = {"version": "12.8", "driver": "525.60.13", "capabilities": ["7.0", "12.9"]}
GPU = {"name": "H100", "memory_mib": 81559, "compute_capability": "9.0"}
PYTHON = {
    "path": "/usr/bin/python3.11",
    "version": "3.11.7",
    "implementation": "cpython",
    "venv": True,
    "ensurepip": True,
    "headers": True,
}
SERVER: dict[str, Any] = {
    "machine": "x86_64",
    "libc": {"kind": "glibc", "version": "2.34"},
    "driver": "550.54.15",
    "gpus": [GPU],
    "compilers": {"gcc": "11.4.1", "cc": None, "clang": None, "nvcc": None},
    "pythons": [PYTHON],
}
"""A machine that the bundle below fits."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A bundle that needs CUDA and a compiler."""
    return make_bundle(
        tmp_path_factory.mktemp("made"), target={**TARGET, "cuda": CUDA, "compiler": True}
    )


@pytest.fixture
def manifest(made: Made) -> Manifest:
    """Its manifest."""
    return parse((made.folder / "manifest.json").read_bytes())


def server(path: str, value: object) -> dict[str, Any]:
    """The machine with one thing changed."""
    told = copy.deepcopy(SERVER)
    *above, last = path.split(".")
    place: Any = told
    for name in above:
        place = place[int(name) if name.isdigit() else name]
    place[last] = value
    return told


def test_the_machine_it_is_made_for_passes(manifest: Manifest) -> None:
    """Nothing to say, and the interpreter is found."""
    assert check_machine(manifest, SERVER) == []
    assert choose_python(manifest, SERVER, None) == PYTHON["path"]


@pytest.mark.parametrize(
    ("path", "value", "why", "remedy"),
    [
        ("machine", "aarch64", "for x86_64, this machine is aarch64", OTHER_TARGET),
        ("libc.version", "2.9", "needs glibc 2.17, this machine has glibc 2.9", OTHER_TARGET),
        ("libc.kind", "musl", "needs glibc 2.17, this machine has musl", OTHER_TARGET),
        ("driver", "470.57.02", "driver 525.60.13 or newer, this machine has 470", "updated"),
        ("driver", "525.9", "driver 525.60.13 or newer, this machine has 525.9", "updated"),
        ("gpus.0.compute_capability", "6.1", "H100 has compute capability 6.1", "another GPU"),
        ("gpus.0.compute_capability", "13.0", "runs on 7.0 to 12.9", "another GPU"),
        ("compilers.gcc", None, "there is no C compiler here", "Install gcc"),
        ("pythons.0.headers", False, "no Python.h for Python 3.11", "python3-devel"),
        ("pythons.0.version", "3.9.18", "no Python.h for Python 3.11", "--python-archive"),
    ],
)
def test_another_machine_is_refused(
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    value: object,
    why: str,
    remedy: str,
) -> None:
    """What does not fit is named with both numbers and the remedy; no folder is made."""
    monkeypatch.setattr(installer, "facts", lambda *_: server(path, value))
    with pytest.raises(Refused) as refused:
        put(made, tmp_path / "root", python=None)
    assert why in refused.value.message
    assert remedy in refused.value.hint
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("driver", None),
        ("gpus.0.compute_capability", None),
        ("compilers", {"gcc": None, "cc": None, "clang": "18", "nvcc": None}),
        ("libc.version", "2.17"),
        ("driver", "525.60.13"),
    ],
)
def test_what_cannot_be_told_is_not_refused(manifest: Manifest, path: str, value: object) -> None:
    """An unknown driver or GPU, another compiler, and just enough."""
    assert check_machine(manifest, server(path, value)) == []


def test_a_login_node_has_no_gpu(manifest: Manifest) -> None:
    """There one installs all the same, and is told."""
    (note,) = check_machine(manifest, {**SERVER, "gpus": [], "driver": None})
    assert "login node" in note


@pytest.mark.parametrize(
    ("key", "value"),
    [("version", "3.12.1"), ("implementation", "pypy"), ("venv", False)],
)
def test_a_python_that_does_not_do(manifest: Manifest, key: str, value: object) -> None:
    """Another version, another implementation, or one that makes no environments."""
    told = server(f"pythons.0.{key}", value)
    with pytest.raises(Refused, match=r"is for Python 3.11, on this machine there is not one"):
        choose_python(manifest, told, None)
    with pytest.raises(Refused, match=r"/usr/bin/python3.11 is not one.*--python-archive"):
        choose_python(manifest, told, "/usr/bin/python3.11")


def test_a_python_beside_the_one_that_is_brought(made: Made) -> None:
    """It would not be used, and that is said."""
    told = made.told
    told["assets"][0]["role"] = "python"
    manifest = parse(canonical(told))
    assert choose_python(manifest, SERVER, None) is None
    with pytest.raises(Refused, match=r"own Python, /usr/bin/python3.11 would not.*Leave --python"):
        choose_python(manifest, SERVER, "/usr/bin/python3.11")


def test_one_with_headers_is_preferred(manifest: Manifest) -> None:
    """VLLM's kernels are compiled against them."""
    bare = {**PYTHON, "path": "/opt/python3.11", "headers": False}
    told = {**SERVER, "pythons": [bare, PYTHON]}
    assert choose_python(manifest, told, None) == PYTHON["path"]
    assert choose_python(manifest, told, "/opt/python3.11") == "/opt/python3.11"


def test_versions_are_compared_as_numbers() -> None:
    """Ten is more than nine."""
    assert numbers("2.10") > numbers("2.9") > numbers("2")
    assert numbers("") == ()


def test_a_full_disk_is_named(manifest: Manifest, tmp_path: Path) -> None:
    """Both numbers and the place are told; what lies there already is not asked for again."""
    free = os.statvfs(tmp_path)
    room = free.f_bavail * free.f_frsize
    check_space(manifest, str(tmp_path), 0)
    with pytest.raises(Refused, match=rf"{tmp_path} has \d+ MiB free, the bundle needs \d+\. Free"):
        check_space(manifest, str(tmp_path), 2 * room)
    wide = manifest._replace(unpacked=2 * room)
    with pytest.raises(Refused, match="MiB free"):
        check_space(wide, str(tmp_path), 0)
    check_space(wide, str(tmp_path), -2 * room)


def test_a_locale_that_cannot_write_a_name(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.6 under LANG=C would stop in the middle of it."""
    check_locale(manifest, "/opt/modèles")

    def ascii_only(path: str) -> bytes:
        return path.encode("ascii", "surrogateescape")

    monkeypatch.setattr(os, "fsencode", ascii_only)
    check_locale(manifest, "/opt/\udcc3\udca9")
    with pytest.raises(Refused, match=r"'/opt/modèles'. Put LC_ALL=C.UTF-8"):
        check_locale(manifest, "/opt/modèles")


def test_the_python_that_is_named_need_not_be_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--python` is looked at wherever it lies."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = facts([], sys.executable)["pythons"]
    assert os.path.realpath(found[0]["path"]) == os.path.realpath(sys.executable)
    assert found[0]["venv"]

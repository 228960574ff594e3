"""Wheels, sources and an index of them, made by hand: real pip and uv need no network for them."""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.platform import Platform
from nerdistill.bundle.resolve import Pin, Remote
from nerdistill.bundle.wheel_file import pack
from nerdistill.digest import digest_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

X86 = Platform("x86_64", 28, (3, 11))
ARM = Platform("aarch64", 34, (3, 12))

BACKEND = """\
import pathlib, zipfile
NAME, VERSION, TAG, FAIL = {name!r}, {version!r}, {tag!r}, {fail!r}
METADATA = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n"
WHEEL = f"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {{TAG}}\\n"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    if FAIL:
        raise SystemExit("the compiler is missing")
    file = f"{{NAME}}-{{VERSION}}-{{TAG}}.whl"
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder, file), "w") as archive:
        archive.writestr(f"{{NAME}}.py", "BUILT = True\\n")
        archive.writestr(f"{{info}}/METADATA", METADATA)
        archive.writestr(f"{{info}}/WHEEL", WHEEL)
        archive.writestr(f"{{info}}/RECORD", "")
    return file
"""
"""A build backend that needs nothing but Python."""


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    headers: Sequence[str] = (),
    files: dict[str, bytes] | None = None,
) -> Path:
    """A wheel of one module."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *headers]
    lines += [f"Requires-Dist: {one}" for one in requires]
    parts = tag.split("-")
    tags = [f"Tag: {parts[0]}-{parts[1]}-{one}" for one in parts[2].split(".")]
    wheel = ["Wheel-Version: 1.0", "Generator: test", "Root-Is-Purelib: true", *tags]
    told = {
        f"{name}.py": f"VERSION = {version!r}\n".encode(),
        f"{info}/METADATA": "\n".join([*lines, "", ""]).encode(),
        f"{info}/WHEEL": "\n".join([*wheel, ""]).encode(),
        **(files or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    pack(path, {key: (data, False) for key, data in told.items()})
    return path


def make_sdist(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    fail: bool = False,
) -> Path:
    """Sources that build a wheel of that tag, or fail."""
    settings = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    # Like this nobody need build it to learn what it needs.
    settings += f'[project]\nname = "{name}"\nversion = "{version}"\n'
    told = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "backend.py": BACKEND.format(name=name, version=version, tag=tag, fail=fail),
        "pyproject.toml": settings,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for key, text in told.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{key}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def pin_of(*files: Path) -> Pin:
    """What resolving finds for the files of one version."""
    remotes = [
        Remote(one.name, one.as_uri(), digest_file(one), one.stat().st_size) for one in files
    ]
    name, version = files[0].name.removesuffix(".tar.gz").split("-")[:2]
    wheels = tuple(one for one in remotes if one.name.endswith(".whl"))
    sdist = next((one for one in remotes if one.name.endswith(".tar.gz")), None)
    return Pin(name.replace("_", "-"), version, wheels, sdist)


@dataclass(frozen=True, slots=True)
class TinyIndex:
    """A folder of files, and an index of them as PEP 503 has it."""

    root: Path

    @property
    def files(self) -> Path:
        """Where the files lie."""
        return self.root / "files"

    def publish(self) -> None:
        """List all files that lie there now."""
        for path in sorted(self.files.iterdir()):
            page = self.root / "simple" / path.name.split("-")[0].replace("_", "-")
            page.mkdir(parents=True, exist_ok=True)
            digest = digest_file(path)
            with (page / "index.html").open("a") as stream:
                stream.write(f'<a href="../../files/{path.name}#sha256={digest}">{path.name}</a>\n')


@contextmanager
def tiny_index(place: Path) -> Iterator[TinyIndex]:
    """The only index that pip is set to; nothing of this machine's settings is left."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith(("PIP_", "UV_"))]:
            patch.delenv(name)
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_INDEX_URL", (place / "index" / "simple").as_uri())
        patch.setenv("PIP_CACHE_DIR", str(place / "pip"))
        patch.setenv("UV_CACHE_DIR", str(place / "uv"))
        patch.setenv("UV_OFFLINE", "1")
        found = TinyIndex(place / "index")
        found.files.mkdir(parents=True)
        yield found


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TinyIndex]:
    """An index of one test."""
    with tiny_index(tmp_path) as found:
        yield found

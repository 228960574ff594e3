"""A Python that is too old, an environment that was moved, a guard file that is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pip._vendor.distlib.scripts import ScriptMaker

from nerdistill.bundle.bare.environment import GUARD, GUARD_LINE
from nerdistill.doctor.interpreter import (
    check_environment,
    check_guard_file,
    check_version,
    interpreter_of,
)
from nerdistill.doctor.site import Site

BASE = Path("/usr")


def environment(place: Path, python: Path | None = None) -> Site:
    """An environment whose command starts a Python: its own where none is named."""
    folder = place / "bin"
    folder.mkdir(parents=True)
    maker: Any = ScriptMaker(None, str(folder))  # type: ignore[no-untyped-call]
    maker.executable = str(python or folder / "python")
    maker.variants = {""}
    maker.make("nerdistill = nerdistill.cli.main:main")
    return Site(place, None)


@pytest.mark.parametrize(("version", "status"), [((3, 11, 0), "ok"), ((3, 10, 9), "failure")])
def test_version(version: tuple[int, ...], status: str, tmp_path: Path) -> None:
    """3.11 is the oldest."""
    (found,) = check_version(version, Site(tmp_path, None))
    assert (found.status, "scripts/setup" in found.remedy) == (status, status == "failure")


@pytest.mark.parametrize("name", ["venv", "v" * 150])
def test_where_it_was_made(name: str, tmp_path: Path) -> None:
    """The command starts the Python beside it, also by a path too long for a first line."""
    site = environment(tmp_path / name)
    (found,) = check_environment(site, BASE)
    assert (found.status, found.found) == ("ok", "where it was made")
    first = (site.prefix / "bin" / "nerdistill").read_bytes()[:9]
    assert (first == b"#!/bin/sh") == (name != "venv")


def test_a_link_to_it_is_no_move(tmp_path: Path) -> None:
    """`current` names a version, whose commands name that version's own path."""
    environment(tmp_path / "versions" / "1a" / ".venv")
    (tmp_path / "current").symlink_to("versions/1a")
    (found,) = check_environment(Site(tmp_path / "current" / ".venv", None), BASE)
    assert found.status == "ok"


def test_a_moved_one_is_told(tmp_path: Path) -> None:
    """Its command starts a Python elsewhere."""
    old = tmp_path / "old" / "bin" / "python"
    (found,) = check_environment(environment(tmp_path / "new", old), BASE)
    assert (found.status, str(old) in found.found) == ("failure", True)
    assert found.remedy


def test_none_at_all(tmp_path: Path) -> None:
    """Without an environment, or without the command in it."""
    (found,) = check_environment(Site(BASE, None), BASE)
    assert (found.status, "no virtual environment" in found.found) == ("warning", True)
    (found,) = check_environment(Site(tmp_path, None), BASE)
    assert (found.status, "is missing" in found.found) == ("failure", True)


def test_scripts_of_other_kinds(tmp_path: Path) -> None:
    """A script without an interpreter names none."""
    script = tmp_path / "script"
    script.write_bytes(b"\x7fELF")
    assert interpreter_of(script) is None
    script.write_text("#!/bin/sh\necho\n")
    assert interpreter_of(script) is None


@pytest.mark.parametrize(
    ("text", "status"), [(GUARD_LINE, "ok"), ("import os\n", "failure"), (None, "failure")]
)
def test_guard_file(text: str | None, status: str, tmp_path: Path) -> None:
    """It must be there, unchanged."""
    if text is not None:
        (tmp_path / GUARD).write_text(text)
    (found,) = check_guard_file(tmp_path, Site(tmp_path, None))
    assert found.status == status

"""Who may read what is made: bits and groups, in new folders and in old ones."""

from __future__ import annotations

import grp
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

import pytest

from nerdistill import sharing
from nerdistill.errors import ConfigError
from nerdistill.files import write_whole
from nerdistill.study.stage import Stage
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAGE = Stage("corpus", 1, {"first": 0})


def may_give(user: int, group: int) -> bool:
    """Whether this process may give files away: root may, but not in every namespace."""
    with tempfile.NamedTemporaryFile() as file:
        try:
            os.chown(file.name, user, group)
        except OSError:
            return False
    return True


GROUP = next(
    (one for one in (4242, *os.getgroups()) if one != os.getegid() and may_give(-1, one)), None
)
"""One that this process may give files to, and does not by itself."""
as_root = pytest.mark.skipif(
    not may_give(1234, -1) or shutil.which("setpriv") is None, reason="only root can be two users"
)
needs_group = pytest.mark.skipif(GROUP is None, reason="this user can give files to no group")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The umask that shows the most, and afterwards everything as it was."""
    before = os.umask(0)
    yield
    sharing.keep_private()
    os.umask(before)


def bits(path: Path) -> str:
    """A file's bits in octal."""
    return f"{stat.S_IMODE(path.lstat().st_mode):o}"


def all_bits(folder: Path) -> dict[str, set[str]]:
    """The bits of all files and of all folders below one, and its own."""
    found: dict[str, set[str]] = {"files": set(), "folders": {bits(folder)}}
    for path in folder.rglob("*"):
        found["folders" if path.is_dir() else "files"].add(bits(path))
    return found


def run_stage(workspace: Workspace) -> None:
    """Fill a workspace with a stage that has a folder of its own."""

    def build(folder: Path) -> dict[str, object]:
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_text("x")
        return {}

    workspace.prepare()
    workspace.run(STAGE, build)


def test_a_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """A library that was told nothing writes for its user alone."""
    sharing.make_folder(tmp_path / "a" / "b")
    write_whole(tmp_path / "a" / "b" / "c", "x")
    assert all_bits(tmp_path / "a") == {"files": {"600"}, "folders": {"700"}}


@needs_group
def test_a_group_may_read_but_not_write(tmp_path: Path) -> None:
    """In a folder that is another group's, files and new folders are the named group's."""
    sharing.share_with(str(GROUP))
    sharing.make_folder(tmp_path / "a" / "b")
    write_whole(tmp_path / "a" / "b" / "c", "x")
    write_whole(tmp_path / "d", "x")
    (tmp_path / "a" / "b" / "of-a-library").mkdir()
    assert all_bits(tmp_path / "a") == {"files": {"640"}, "folders": {"2750"}}
    assert {path.stat().st_gid for path in tmp_path.rglob("*")} == {GROUP}
    assert bits(tmp_path / "d") == "640"


@needs_group
def test_what_can_be_executed_stays_so(tmp_path: Path) -> None:
    """The bit that lets a program run is kept, for all who may read it."""
    program = tmp_path / "program"
    program.touch()
    program.chmod(0o755)
    sharing.settle(program)
    assert bits(program) == "700"
    sharing.share_with(str(GROUP))
    sharing.settle(program)
    assert bits(program) == "750"


def test_a_group_that_does_not_exist_is_refused() -> None:
    """A mistyped name is told, with the names that can be given."""
    with pytest.raises(ConfigError, match="no such group") as caught:
        sharing.share_with("no-such-group-anywhere")
    assert grp.getgrgid(os.getegid()).gr_name in caught.value.hint


def test_a_group_of_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not in a group is told so before anything is written."""
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os, "getgroups", lambda: [1234])
    with pytest.raises(ConfigError, match="you are not in this group") as caught:
        sharing.share_with("4321")
    assert "1234" in caught.value.hint


@pytest.mark.skipif(not may_give(1234, -1), reason="only root can make another user's file")
def test_what_is_another_users_stays_as_it_is(tmp_path: Path) -> None:
    """A workspace of somebody else's is not taken from those whom it was shared with."""
    place = tmp_path / "work"
    run_stage(Workspace(place))
    place.chmod(0o2750)
    os.chown(place, 1234, -1)
    assert Workspace(place).prepare() == []
    assert bits(place) == "2750"


def test_a_workspace_with_other_bits_is_put_right(tmp_path: Path) -> None:
    """What was copied with everybody's eyes on it is private again; links lead nowhere."""
    place, outside = tmp_path / "work", tmp_path / "outside"
    run_stage(Workspace(place))
    outside.write_text("x")
    stage = Workspace(place).folder(STAGE)
    (stage / "link").symlink_to(outside)
    for path in (place, *place.rglob("*"), outside):
        path.chmod(0o777)
    assert Workspace(place).prepare() == []
    (stage / "link").unlink()
    assert all_bits(place) == {"files": {"700"}, "folders": {"700"}}
    assert bits(outside) == "777"


def test_stages_that_lie_elsewhere_are_left_alone(tmp_path: Path) -> None:
    """A folder of stages that is a link to a larger disk keeps its bits."""
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "stages").symlink_to(elsewhere)
    run_stage(Workspace(tmp_path / "work"))
    assert bits(elsewhere) == "777"
    assert all_bits(Workspace(tmp_path / "work").folder(STAGE)) == {
        "files": {"600"},
        "folders": {"700"},
    }


def test_a_folder_that_is_not_only_a_workspace_keeps_its_bits(tmp_path: Path) -> None:
    """One line says so and how to change them; what nerdistill made in it is private."""
    place = tmp_path / "project"
    place.mkdir()
    (place / "notes.txt").touch()
    told = Workspace(place).prepare()
    assert len(told) == 1
    assert told[0].startswith(f"{place} keeps its permissions")
    assert told[0].endswith(f"(notes.txt). To change them: chmod 700 {place}")
    run_stage(Workspace(place))
    assert bits(place) == "777"
    assert all_bits(place / "stages") == {"files": {"600"}, "folders": {"700"}}


@needs_group
def test_a_private_workspace_can_be_shared_later(tmp_path: Path) -> None:
    """A workspace that was made without a group is opened to it, and closed again."""
    place = tmp_path / "work"
    run_stage(Workspace(place))
    sharing.share_with(str(GROUP))
    Workspace(place).prepare()
    assert all_bits(place) == {"files": {"640"}, "folders": {"2750"}}
    assert {path.stat().st_gid for path in (place, *place.rglob("*"))} == {GROUP}
    sharing.keep_private()
    Workspace(place).prepare()
    assert all_bits(place) == {"files": {"600"}, "folders": {"700"}}

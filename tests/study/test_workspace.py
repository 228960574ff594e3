"""Workspaces: complete or absent."""

from __future__ import annotations

import json
import os
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from nerdistill.errors import WorkspaceError
from nerdistill.study.lease import LeaseLostError, Pace
from nerdistill.study.stage import Stage, in_order
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nerdistill.study.stage import Kind

STAGE = Stage("corpus", 1, {"first": 0})


def test_a_stage_is_built_once(tmp_path: Path) -> None:
    """A finished stage is read, not built again."""
    workspace = Workspace(tmp_path)
    calls: list[Path] = []

    def build(folder: Path) -> dict[str, object]:
        calls.append(folder)
        (folder / "data").write_text("x")
        return {"sentences": 3}

    first, second = workspace.run(STAGE, build), workspace.run(STAGE, build)
    assert first == second
    assert len(calls) == 1
    assert workspace.result(STAGE) == {"sentences": 3}


def test_an_unfinished_stage_starts_over(tmp_path: Path) -> None:
    """What a killed builder left behind is gone before the next try."""
    workspace = Workspace(tmp_path)

    def dies(folder: Path) -> dict[str, object]:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.run(STAGE, dies)
    assert workspace.record(STAGE) is None
    workspace.run(STAGE, lambda folder: {"left": [p.name for p in folder.iterdir()]})
    assert workspace.result(STAGE) == {"left": []}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "of another stage"}'])
def test_a_damaged_record_is_told(tmp_path: Path, text: str) -> None:
    """A record that cannot be believed stops the run and names the folder to remove."""
    workspace = Workspace(tmp_path)
    workspace.run(STAGE, lambda _folder: {})
    (workspace.folder(STAGE) / "record.json").write_text(text)
    with pytest.raises(WorkspaceError, match="Remove the folder"):
        workspace.record(STAGE)


IMPATIENT = Pace(beat=1000, lives=0)
"""Whose runner takes every lease over at once, and renews none by itself."""


def _writes(text: str) -> Callable[[Path], dict[str, object]]:
    def build(folder: Path) -> dict[str, object]:
        (folder / "data").write_text(text)
        return {"by": text}

    return build


def test_a_stage_that_another_runner_is_at_is_left_alone(tmp_path: Path) -> None:
    """Who comes second builds nothing, and is told who is at it."""
    first, second = Workspace(tmp_path), Workspace(tmp_path)

    def build(_folder: Path) -> dict[str, object]:
        here = f"{socket.gethostname()} (process {os.getpid()})"
        return {"second": second.run(STAGE, _writes("x")), "told": second.holder(STAGE) == here}

    first.run(STAGE, build)
    assert first.result(STAGE) == {"second": None, "told": True}
    assert second.holder(STAGE) is None
    assert not list((tmp_path / "leases").iterdir())


@pytest.mark.parametrize("kind", ["annotate", "corpus"])
def test_one_runner_at_a_time_asks_the_teacher(tmp_path: Path, kind: Kind) -> None:
    """Two corpora are not labelled at once: their replies go into one store."""
    first, second = Workspace(tmp_path), Workspace(tmp_path)
    one, other = Stage(kind, 1, {"n": 1}), Stage(kind, 1, {"n": 2})
    first.run(one, lambda _folder: {"other": second.run(other, _writes("x")) is not None})
    assert first.result(one) == {"other": kind == "corpus"}
    assert second.run(other, _writes("x")) is not None


def test_who_was_taken_for_dead_drops_its_result(tmp_path: Path) -> None:
    """A runner that was silent for too long finds its stage done by another, and says so."""
    first, second = Workspace(tmp_path, IMPATIENT), Workspace(tmp_path, IMPATIENT)

    def build(folder: Path) -> dict[str, object]:
        second.run(STAGE, _writes("second"))
        folder.mkdir(exist_ok=True)
        return _writes("first")(folder)

    with pytest.raises(LeaseLostError, match="another runner took over"):
        first.run(STAGE, build)
    assert (first.folder(STAGE) / "data").read_text() == "second"
    assert [path.name for path in (tmp_path / "stages").iterdir()] == [STAGE.folder_name]


def test_who_wakes_up_in_a_folder_that_is_gone_is_told_why(tmp_path: Path) -> None:
    """The failure of a builder whose stage was taken over is not an error of the study."""
    first, second = Workspace(tmp_path, IMPATIENT), Workspace(tmp_path, IMPATIENT)

    def build(folder: Path) -> dict[str, object]:
        second.run(STAGE, _writes("second"))
        return _writes("first")(folder)

    with pytest.raises(LeaseLostError):
        first.run(STAGE, build)
    assert first.result(STAGE) == {"by": "second"}


def test_an_error_of_its_own_stays_one(tmp_path: Path) -> None:
    """A builder that fails while its lease holds fails as it did, and lets others try."""
    with pytest.raises(FileNotFoundError):
        Workspace(tmp_path).run(STAGE, lambda folder: {"x": (folder / "none").read_text()})
    assert Workspace(tmp_path).run(STAGE, _writes("x")) is not None


def test_the_first_that_is_finished_stays(tmp_path: Path) -> None:
    """Where the place is taken when a stage is finished, what stands there is kept."""
    workspace, elsewhere = Workspace(tmp_path / "a"), Workspace(tmp_path / "b")
    elsewhere.run(STAGE, _writes("carried here"))

    def build(folder: Path) -> dict[str, object]:
        shutil.copytree(elsewhere.folder(STAGE), workspace.folder(STAGE))
        return _writes("too late")(folder)

    assert workspace.run(STAGE, build) == elsewhere.record(STAGE)
    assert (workspace.folder(STAGE) / "data").read_text() == "carried here"


def test_what_dead_runners_left_is_removed(tmp_path: Path) -> None:
    """Half-built folders of killed attempts, and of the versions that built in place, are gone."""
    workspace = Workspace(tmp_path)
    place = workspace.folder(STAGE)
    for left in (place, place.with_name(f".{place.name}.0123")):
        (left / "deep").mkdir(parents=True)
    workspace.run(STAGE, _writes("x"))
    assert sorted(path.name for path in place.iterdir()) == ["data", "record.json"]
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_keys_tell_content_not_place(tmp_path: Path) -> None:
    """The same file elsewhere makes the same stage; another content, another one."""
    keys = []
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).write_text(text)
        keys.append(Stage("corpus", 1, {}, files={"source": tmp_path / name}).key)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "other",
    [
        Stage("train", 1, {"first": 0}),
        Stage("corpus", 2, {"first": 0}),
        Stage("corpus", 1, {"first": 1}),
        Stage("corpus", 1, {"first": 0}, {"pool": STAGE}),
    ],
)
def test_everything_that_matters_is_in_the_key(other: Stage) -> None:
    """Kind, version, parameters and inputs each make another stage; a title does not."""
    assert other.key != STAGE.key
    assert Stage("corpus", 1, {"first": 0}, title="told otherwise").key == STAGE.key


def test_order_respects_inputs() -> None:
    """Every stage comes once, after what it reads."""
    middle = Stage("annotate", 1, {}, {"corpus": STAGE})
    top = Stage("distil", 1, {}, {"a": middle, "b": STAGE})
    assert [stage.kind for stage in in_order([top, middle])] == ["corpus", "annotate", "distil"]


def test_records_are_readable_json(tmp_path: Path) -> None:
    """A record states what its stage depended on, for an auditor without nerdistill."""
    workspace = Workspace(tmp_path)
    workspace.run(STAGE, lambda _folder: {})
    record = json.loads((workspace.folder(STAGE) / "record.json").read_text())
    assert record["stage"]["params"] == {"first": 0}
    assert record["key"] == STAGE.key

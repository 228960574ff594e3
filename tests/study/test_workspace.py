"""Workspaces: complete or absent."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill.errors import WorkspaceError
from nerdistill.study.stage import Stage, in_order
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_second_runner_is_kept_out(tmp_path: Path) -> None:
    """While one process holds a workspace, another is told so."""
    code = (
        "import sys; from pathlib import Path\n"
        "from nerdistill.study.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).locked():\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(WorkspaceError, match="another nerdistill"),
            Workspace(tmp_path).locked(),
        ):
            pass
        holder.communicate()
    with Workspace(tmp_path).locked():
        assert (tmp_path / "lock").exists()


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

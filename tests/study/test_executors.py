"""A study on several slots of one machine, some of which die."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

from nerdistill.annotate.child import start_child
from nerdistill.cli.main import _run
from nerdistill.digest import digest_folder
from nerdistill.errors import ConfigError, CorpusError, WorkspaceError
from nerdistill.progress import Silent
from nerdistill.study.executors import local
from nerdistill.study.executors.devices import find_slots, visible_gpus
from nerdistill.study.executors.local import Local
from nerdistill.study.executors.packed import pack, unpack
from nerdistill.study.executors.ray_tasks import look
from nerdistill.study.executors.relay import error_of, event_of
from nerdistill.study.lease import LeaseLostError, Pace
from nerdistill.study.results import collect
from nerdistill.study.runner import run_stages, run_study
from nerdistill.study.workspace import Workspace
from tests.study.test_study_run import Json, _cells, _graph, _without_seconds, study, write_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nerdistill.annotate.child import Child
    from nerdistill.progress import Task

__all__ = ["study"]

SETTINGS = ("training.steps=20", "training.learning_rate=0.01", "seeds=[1]")
"""Four trainings, long enough to be hit."""
MAIN = "from nerdistill.cli.main import main; main()"
PACE = Pace(beat=0.1, lives=1.0, look=0.05)


class Listener(Silent):
    """Keeps what is said, and does something when the first training begins."""

    def __init__(self, at_training: Callable[[], None] = lambda: None) -> None:
        self.said: list[str] = []
        self.titles: list[str] = []
        self._at_training = at_training

    @contextmanager
    def task(self, title: str, *, total: int | None, unit: str) -> Iterator[Task]:
        """Note a task."""
        first = not any(": train " in one for one in self.titles)
        self.titles.append(title)
        if first and ": train " in title:
            self._at_training()
        with super().task(title, total=total, unit=unit) as task:
            yield task

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said.append(text)


def trainer(workspace: Workspace) -> int:
    """A process that trains now; waits until there is one."""
    while True:
        for folder in workspace.leases.root.glob("train-*"):
            if found := re.search(r"process (\d+)", workspace.leases.holder(folder.name) or ""):
                return int(found[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one process finds."""
    folder = tmp_path_factory.mktemp("whole")
    graph = _graph(write_study(folder), *SETTINGS)
    results = run_study(graph, Workspace(folder / "work"), Silent())
    assert any(cast("Json", cell["test"])["f1"] for cell in _cells(results))
    return _without_seconds(results)


def found(study: Path, workspace: Workspace) -> str:
    """What a workspace holds."""
    assert not list(workspace.root.glob("stages/.*"))
    return _without_seconds(collect(_graph(study, *SETTINGS), workspace))


def test_slots_find_what_one_process_finds(study: Path, tmp_path: Path, whole: str) -> None:
    """Two train different students with the same results; a second run starts none."""
    workspace, listener = Workspace(tmp_path / "work", PACE), Listener()
    Local(slots=2).run(_graph(study, *SETTINGS), workspace, listener)
    trained = [title for title in listener.titles if ": train " in title]
    assert len(trained) == len({title.partition(": ")[2] for title in trained}) == 4
    assert {title.partition(": ")[0] for title in trained} == {"slot 0", "slot 1"}
    assert len(listener.said) == len(set(listener.said))
    assert found(study, workspace) == whole
    again = Listener()
    Local(slots=2).run(_graph(study, *SETTINGS), workspace, again)
    assert again.titles == ["data of tiny"]


def test_a_slot_that_is_killed_costs_only_its_stage(
    study: Path, tmp_path: Path, whole: str
) -> None:
    """The death is told, the other slot takes over, and the results are the same."""
    workspace = Workspace(tmp_path / "work", PACE)
    killed: list[int] = []

    def kill() -> None:
        killed.append(trainer(workspace))
        os.kill(killed[0], signal.SIGKILL)

    listener = Listener(kill)
    Local(slots=2).run(_graph(study, *SETTINGS), workspace, listener)
    (told,) = [line for line in listener.said if "has died" in line]
    assert "(signal 9: it said nothing); the others take over" in told
    assert found(study, workspace) == whole


def test_no_slot_is_left(
    study: Path, tmp_path: Path, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with an error that says where the logs are, and the next run goes on."""
    workspace = Workspace(tmp_path / "work", PACE)
    started: list[Child] = []

    def starting(*arguments: Any, **settings: Any) -> Child:  # noqa: ANN401 - as they come
        started.append(start_child(*arguments, **settings))
        return started[-1]

    def kill() -> None:
        for child in started:
            child.process.kill()

    monkeypatch.setattr(local, "start_child", starting)
    with pytest.raises(WorkspaceError, match="all 2 workers have died: it said nothing") as caught:
        Local(slots=2).run(_graph(study, *SETTINGS), workspace, Listener(kill))
    folder = started[0].log.parent
    assert str(folder) in caught.value.hint
    shutil.rmtree(folder)
    Local(slots=1).run(_graph(study, *SETTINGS), workspace, Silent())
    assert found(study, workspace) == whole


def test_sigterm_reaches_every_slot(study: Path, tmp_path: Path) -> None:
    """Trainings are saved and let go, and the command ends as one that was terminated."""
    settings = [f"data.root={study.parent}", f"student.path={study.parent / 'student'}"]
    settings += ["seeds=[1]", "training.steps=100000"]
    place = tmp_path / "work"
    words = ["--workspace", str(place), "--slots", "2", "--progress", "json"]
    words += [word for setting in settings for word in ("--set", setting)]
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "study", "run", str(study), *words],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        stepping = set[str]()
        for line in process.stderr:
            event = json.loads(line)
            if event["event"] == "progress" and ": train " in event["task"]:
                stepping.add(event["task"])
            if len(stepping) == 2:
                break
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 143, said
    workspace, graph = Workspace(place), _graph(study, *settings)
    begun = [one.train for one in graph.cells if workspace.checkpoints(one.train).steps()]
    assert len(begun) == 2
    assert not any(workspace.holder(stage) for stage in begun)


def test_an_error_in_a_slot_is_the_studys(study: Path, tmp_path: Path) -> None:
    """It comes out as it was raised there, and the other slot is stopped."""
    workspace, graph = Workspace(tmp_path / "work", PACE), _graph(study, "seeds=[1]")
    run_study(graph, workspace, Silent())
    scored = graph.cells[0].test
    (workspace.folder(scored) / "record.json").unlink()
    read = workspace.folder(scored.inputs["corpus"]) / "corpus.jsonl"
    read.write_text("{\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"corpus\.jsonl"):
        Local(slots=2).run(graph, workspace, Silent())
    assert workspace.holder(scored) is None


def test_errors_keep_their_class_on_the_way() -> None:
    """What the common tree holds comes back as it was, the rest as a plain error with its hint."""
    for error in (ConfigError("seeds", "Mend it."), LeaseLostError("late", "Wait.")):
        back = error_of(event_of(error))
        assert str(back) == str(error)
        assert back.exit_code == error.exit_code
    assert type(error_of(event_of(ConfigError("seeds", "Mend it.")))) is ConfigError


@pytest.mark.parametrize(
    ("visible", "count", "wanted", "gpus"),
    [
        (None, 0, None, [None]),
        (None, 0, 2, [None, None]),
        (None, 2, None, ["0", "1"]),
        ("3, 5", 2, None, ["3", "5"]),
        ("3,5", 2, 3, ["3", "5", "3"]),
        ("3,5", 2, 1, ["3"]),
    ],
)
def test_slots_are_the_gpus(
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    visible: str | None,
    count: int,
    wanted: int | None,
    gpus: list[str | None],
) -> None:
    """One for each GPU that this process may use, by its name; one CPU; or as many as asked."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    slots = find_slots(study.parent / "student", wanted)
    assert [slot.gpu for slot in slots] == gpus
    assert len({slot.name for slot in slots}) == len(slots)


def test_students_without_cohorts_share_a_gpu(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of other architectures, as many as the memory of the fullest GPU holds; four at most."""
    student = study.parent / "student"
    config = json.loads((student / "config.json").read_text())
    (student / "config.json").write_text(json.dumps({**config, "model_type": "electra"}))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    free = [1 << 30, 10 << 30, 80 << 30]
    for memory, each in zip(free, (1, 2, 4), strict=True):
        frees = [memory, 80 << 30]
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda at, frees=frees: (frees[at], 0))
        assert len(find_slots(student)) == 2 * each
    assert len(visible_gpus()) == 2


def test_a_node_tells_whether_it_sees_the_workspace(study: Path, tmp_path: Path) -> None:
    """It must find the very file and the very student."""
    student, probe = study.parent / "student", tmp_path / "probe"
    digest = digest_folder(student)
    assert not look(probe, "word", student, digest).shared
    probe.write_text("word")
    assert look(probe, "word", student, digest).shared
    assert not look(probe, "other", student, digest).shared
    (student / "config.json").write_text("{}")
    assert not look(probe, "word", student, digest).shared


def test_what_travels_arrives_whole_or_not_at_all(study: Path, tmp_path: Path) -> None:
    """Content and the names of files are kept, links are followed, damage is refused."""
    student, place = study.parent / "student", tmp_path / "place"
    (student / "inner").mkdir()
    (student / "inner" / "link").symlink_to(student / "config.json")
    packed = pack(student)
    unpack(packed, place)
    assert digest_folder(place) == digest_folder(student)
    assert not (place / "inner" / "link").is_symlink()
    with pytest.raises(WorkspaceError, match="student was damaged on its way"):
        unpack(replace(packed, data=packed.data[:-1] + b"x"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_stage_built_elsewhere_is_adopted(study: Path, tmp_path: Path) -> None:
    """It is put in place once; not while another runner is at it, nor as another stage."""
    graph = _graph(study, "seeds=[1]")
    stage, another = graph.corpus("human"), graph.corpus("web")
    there, here = Workspace(tmp_path / "there"), Workspace(tmp_path / "here", PACE)
    run_stages("data", [stage, another], there, Silent())
    packed = pack(there.folder(stage))
    with pytest.raises(WorkspaceError, match="is damaged"):
        here.adopt(another, partial(unpack, packed))
    lease = Workspace(here.root).leases.take(stage.folder_name)
    assert lease is not None
    here.adopt(stage, partial(unpack, packed))
    assert here.record(stage) is None
    lease.release()
    here.adopt(stage, partial(unpack, packed))
    assert here.record(stage) == there.record(stage)
    assert digest_folder(here.folder(stage)) == digest_folder(there.folder(stage))
    here.adopt(stage, lambda folder: pytest.fail(f"{folder} is filled again"))
    assert [path.name for path in (here.root / "stages").iterdir()] == [stage.folder_name]


def test_ray_is_an_extra(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it is missing, one line names it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(study.parent)
    words = ["--workspace", str(tmp_path / "work"), "--progress", "none", "--executor", "ray"]
    assert _run(["study", "run", str(study), *words]) == 2
    assert capsys.readouterr().err == (
        "nerdistill: Ray is not installed. Install nerdistill's extra ray: "
        "pip install 'nerdistill[ray]'.\n"
    )

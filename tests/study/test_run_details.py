"""How a study was run, as results.json tells it."""

from __future__ import annotations

import getpass
import json
import re
import socket
from pathlib import Path
from typing import cast

import pytest

from nerdistill.digest import digest_file, digest_folder
from nerdistill.progress import Silent
from nerdistill.study.results import collect
from nerdistill.study.run_details import command_of
from nerdistill.study.runner import run_study
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.study.test_study_run import Json, _graph, study

__all__ = ["study"]

SETTINGS = ("seeds=[1]", 'regimens=["original"]', "training.steps=1")


def _run(results: Json) -> Json:
    return cast("Json", results["run"])


@pytest.mark.parametrize(
    ("file", "settings", "shown"),
    [
        ("studies/a.toml", (), "studies/a.toml"),
        ("/home/ada/a.toml", ("seeds=[1, 2]",), "a.toml --set 'seeds=[1, 2]'"),
        ("a.toml", ("data.root=/srv/texts/",), "a.toml --set data.root=texts/"),
        ("a.toml", ("student.path=~ada/bert",), "a.toml --set student.path=bert"),
        ("a.toml", ("student.path=models/bert",), "a.toml --set student.path=models/bert"),
        (
            "a.toml",
            ('teacher.base_url=["http://ada:word@gpu01:8000/v1"]',),
            """a.toml --set 'teacher.base_url=["http://HOST/v1"]'""",
        ),
        (
            "a.toml",
            ('teacher.vllm_arguments=["--config=/etc/v/llm.yml"]',),
            """a.toml --set 'teacher.vllm_arguments=["--config=llm.yml"]'""",
        ),
    ],
)
def test_a_command_tells_no_place(file: str, settings: tuple[str, ...], shown: str) -> None:
    """It can be run again from a shell, and names neither hosts nor absolute folders."""
    assert command_of(Path(file), settings) == f"nerdistill study run {shown}"


def test_the_run_is_told_from_the_records(study: Path, tmp_path: Path) -> None:
    """Versions, machine, times and digests; told the same however often they are collected."""
    graph, workspace = _graph(study, *SETTINGS), Workspace(tmp_path / "work")
    run_study(graph, workspace, Silent())
    command = command_of(study, SETTINGS)
    run = _run(collect(graph, workspace, command))
    assert run["command"] == command
    assert {"nerdistill", "torch", "python"} <= cast("Json", run["versions"]).keys()
    assert {"system", "cores", "memory"} <= cast("Json", run["machine"]).keys()
    assert cast("str", run["started"]) <= cast("str", run["ended"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", cast("str", run["started"]))
    assert run["stages"] == len(stages_of(graph, workspace))
    digests = cast("Json", run["digests"])
    assert digests["human.jsonl"] == digest_file(study.with_name("human.jsonl"))
    assert digests["student"] == digest_folder(study.with_name("student"))
    assert {"web.jsonl", "validation.jsonl", "test.jsonl", "labels"} <= digests.keys()
    assert _run(collect(_graph(study, *SETTINGS), workspace, command)) == run


def test_the_run_names_neither_user_nor_machine(study: Path, tmp_path: Path) -> None:
    """Results leave the house: they hold no host, no user and no absolute path."""
    workspace = Workspace(tmp_path / "work")
    run = _run(run_study(_graph(study, *SETTINGS), workspace, Silent()))
    told = json.dumps(run)
    for secret in (socket.gethostname(), str(tmp_path), f'"{getpass.getuser()}"'):
        assert secret not in told


def test_several_machines_stand_side_by_side(study: Path, tmp_path: Path) -> None:
    """Of a workspace that was carried on, both machines are told; an old record tells nothing."""
    graph, workspace = _graph(study, *SETTINGS), Workspace(tmp_path / "work")
    run_study(graph, workspace, Silent())
    first, second = stages_of(graph, workspace)[:2]
    for stage, change in ((first, {"machine": {"cores": "999"}}), (second, None)):
        file = workspace.folder(stage) / "record.json"
        record = json.loads(file.read_text())
        if change is None:
            for name in ("began", "ended", "machine", "versions"):
                del record[name]
        file.write_text(json.dumps(record | (change or {})))
    run = _run(collect(graph, workspace))
    assert cast("dict[str, str]", run["machine"])["cores"].startswith("999, ")
    assert run["command"] == ""

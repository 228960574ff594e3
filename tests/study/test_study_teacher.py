"""A study whose teacher is asked over the wire: its keys, its failures, its second run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.output import read_annotations
from nerdistill.annotate.replies import ReplyStore
from nerdistill.corpus.formats import read_corpus
from nerdistill.errors import AnnotationError, ConfigError
from nerdistill.progress import Silent
from nerdistill.study.graph import Graph
from nerdistill.study.load import load_study
from nerdistill.study.runner import _done
from nerdistill.study.stage import in_order
from nerdistill.study.workspace import Workspace
from tests.fault_server.client import running

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.stage import Stage

COUNT = 8
STUDY = """
name = "asked"
title = "A teacher that is asked"
[corpora.human]
path = "human.jsonl"
[corpora.web]
path = "web.jsonl"
[corpora.heldout]
path = "heldout.jsonl"
[teacher]
annotator = "openai"
model = "m"
base_url = "http://127.0.0.1:9/v1"
corpora = ["web"]
[original]
corpus = "human"
budgets = [2]
[validation]
corpus = "heldout"
[test]
corpus = "heldout"
[student]
path = "student"
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's file with its corpora beside it."""
    for name in ("human", "web", "heldout"):
        lines = [
            json.dumps({"id": f"{name}{n}", "tokens": [f"Quill{n}", "left"], "entities": []})
            for n in range(COUNT)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "student").mkdir()
    (tmp_path / "study.toml").write_text(STUDY)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    return tmp_path / "study.toml"


def graph_of(study: Path, *settings: str) -> Graph:
    """The study with its data and its student where they are."""
    root, student = f"data.root={study.parent}", f"student.path={study.parent / 'student'}"
    return Graph(load_study(study, [root, student, *settings]))


def stage_of(study: Path, *settings: str) -> Stage:
    """The stage in which the teacher labels the corpus."""
    return graph_of(study, *settings).annotation("web")


def selected(study: Path, *settings: str) -> Stage:
    """The stage that takes a part of what the teacher labels."""
    cells = graph_of(study, "phases=[5]", *settings).cells
    pools = {cell.regimen.name: cell.train.inputs["distilled"] for cell in cells}
    return pools["select-random"].inputs["corpus"]


def build(stage: Stage, workspace: Workspace) -> dict[str, object]:
    """Do the stage and what it reads."""
    for one in in_order([stage]):
        if workspace.record(one) is None:
            _done([one], workspace, Silent())
    record = workspace.record(stage)
    assert record is not None
    return record


@pytest.mark.parametrize(
    "setting",
    [
        "teacher.base_url='http://other/v1'",
        "teacher.max_concurrency=3",
        "teacher.timeout=5.0",
        "teacher.deadline=5.0",
        "teacher.vllm_python='/somewhere/python'",
    ],
)
def test_where_and_how_fast_is_not_what(study: Path, setting: str) -> None:
    """The same questions to the same model are the same stage, wherever it is asked."""
    assert stage_of(study, setting).key == stage_of(study).key


@pytest.mark.parametrize(
    "setting",
    [
        "teacher.model='n'",
        "teacher.prompt='bare'",
        "teacher.temperature=0.5",
        "teacher.max_tokens=99",
        "teacher.votes=3",
        "teacher.verify=true",
        "teacher.sentences_per_request=2",
        "teacher.structured='object'",
        "teacher.extra_body={top_k=20}",
        "teacher.examples='human'",
    ],
)
def test_what_changes_an_answer_changes_the_stage(study: Path, setting: str) -> None:
    """Another question or another model is another stage."""
    assert stage_of(study, setting).key != stage_of(study).key


def test_a_model_folder_is_known_by_its_content(study: Path) -> None:
    """The same weights in another place are the same stage, other weights are another one."""
    stages = []
    for name, weights in (("a/llm", b"1"), ("b/llm", b"1"), ("c/llm", b"2")):
        folder = study.parent / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "chat_template.jinja").touch()
        config = load_study(study, ["teacher.annotator='vllm'", f"teacher.model='{folder}'"])
        teacher = config.teacher.model_copy(update={"base_url": None})
        root = config.data.model_copy(update={"root": str(study.parent)})
        student = config.student.model_copy(update={"path": str(study.parent / "student")})
        update = {"teacher": teacher, "data": root, "student": student}
        stages.append(Graph(config.model_copy(update=update)).annotation("web"))
    assert stages[0].key == stages[1].key != stages[2].key
    assert stages[0].aside["model"] != stages[1].aside["model"]


def test_a_stage_waits_for_every_answer(study: Path) -> None:
    """A server's bad day ends no stage; the next run asks for what is missing, elsewhere too."""
    workspace = Workspace(study.parent / "workspace")
    with running(texts={"Quill3 ": "500"}) as server:
        where = f"teacher.base_url='{server.base_url}'"
        failing = stage_of(study, where, "teacher.deadline=0.3")
        with pytest.raises(AnnotationError, match=r"1 of 8 sentences got no answer.*HTTP 500"):
            build(failing, workspace)
        assert workspace.record(failing) is None
    with running() as server:
        stage = stage_of(study, f"teacher.base_url='{server.base_url}'")
        assert stage.key == failing.key
        record = build(stage, workspace)
        assert server.stats().received == 1
    result = record["result"]
    assert isinstance(result, dict)
    assert (result["sentences"], result["failed"]) == (COUNT, 0)


def test_what_the_model_refuses_is_a_result(study: Path) -> None:
    """A sentence that the model will not label fails for good, and the study goes on."""
    with running(texts={"Quill3 ": "refusal"}) as server:
        stage = stage_of(study, f"teacher.base_url='{server.base_url}'")
        record = build(stage, Workspace(study.parent / "workspace"))
    result = record["result"]
    assert isinstance(result, dict)
    assert (result["failed"], result["failures"]) == (1, {"refused": 1})


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("heldout", ()),
        ("other-gold", ("corpora.other-gold={path='heldout.jsonl'}", "test.also=['other-gold']")),
        ("human", ("validation.labels='capped'",)),
    ],
)
def test_examples_are_never_those_that_choose_or_score(
    study: Path, name: str, settings: tuple[str, ...]
) -> None:
    """Showing the teacher the test set is refused before anything is asked.

    So are other labels of the test set, and the corpus that a capped validation is drawn from.
    """
    with pytest.raises(ConfigError, match=rf"teacher\.examples names '{name}'"):
        stage_of(study, f"teacher.examples='{name}'", *settings)


def test_selected_labels_cost_tokens(study: Path) -> None:
    """What the teacher's server counted is told of the part and of the whole."""
    workspace = Workspace(study.parent / "workspace")
    with running() as server:
        chosen = selected(study, f"teacher.base_url='{server.base_url}'")
        result = build(chosen, workspace)["result"]
    assert isinstance(result, dict)
    pool = chosen.inputs["pool"]
    kept = read_corpus(workspace.folder(chosen) / "corpus.jsonl", format="jsonl")
    with ReplyStore(workspace.replies) as store:
        spent = {
            f"web/{one.sentence_id}": reply.tokens_in + reply.tokens_out
            for one in read_annotations(workspace.folder(pool.inputs["from-web"]) / "corpus.jsonl")
            if (reply := store.get(one.source.request))
        }
    assert len(spent) == COUNT
    assert result["of_tokens"] == sum(spent.values()) > 0
    assert result["tokens"] == sum(spent[one.id] for one in kept.sentences) > 0


def test_labels_of_an_earlier_version_have_no_price(study: Path) -> None:
    """Where what they cost was not kept, nothing is told of it."""
    workspace = Workspace(study.parent / "workspace")
    with running() as server:
        chosen = selected(study, f"teacher.base_url='{server.base_url}'")
        pool = chosen.inputs["pool"]
        build(pool, workspace)
    (workspace.folder(pool.inputs["from-web"]) / "tokens.json").unlink()
    result = build(chosen, workspace)["result"]
    assert isinstance(result, dict)
    assert (result["tokens"], result["of_tokens"]) == (None, None)

"""What a study names, gathered for a bundle and found again where the bundle lands."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.corpus.formats import read_corpus
from nerdistill.errors import AssetError, ConfigError
from nerdistill.progress import Silent
from nerdistill.study.collect import Collected, collect
from nerdistill.study.graph import Graph
from nerdistill.study.load import load_study
from nerdistill.study.needs import needs
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.connected import Noted
from tests.corpus.test_parquet import CONLL, ROWS, write
from tests.study.test_study_run import STUDY, _write_corpus

if TYPE_CHECKING:
    from nerdistill.bundle.asset import Asset
    from tests.connected import Connected
    from tests.hub_server import Hub

DEMO = Path("offline_assets/studies/demo.toml")
ENCODER = '\n[sources."models/far"]\nhub = "some-team/far-bert"\nrevision = "{revision}"\n'
NEWS = """
[sources."{path}"]
hub = "some-team/news"
revision = "{revision}"
kind = "dataset"
config = "conll"
"""


def _collect(study: Path, *settings: str, cache: Path) -> Collected:
    return collect(study, settings, cache, Silent())


def _install(collected: Collected, root: Path) -> Path:
    """Put every file in its place, as a bundle does; the study's."""
    for asset in collected.assets:
        for file in asset.files:
            (root / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.origin, root / file.path)
    return root / collected.study.path


def _keys(study: Path, *settings: str) -> list[str]:
    graph = Graph(load_study(study, settings))
    return [stage.key for stage in stages_of(graph, Workspace(study.parent))]


def _paths(collected: Collected) -> set[str]:
    return {file.path for asset in collected.assets for file in asset.files}


def _asset(collected: Collected, name: str) -> Asset:
    (found,) = [asset for asset in collected.assets if asset.name == name]
    return found


@pytest.fixture
def tiny(tmp_path: Path, tiny_repository: Path) -> Path:
    """A study of the user's own, with data, student and files outside nerdistill's home."""
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    for seed, name in enumerate(["human", "deep/web", "validation", "test"], start=1):
        _write_corpus(data / f"{name}.jsonl", 12, seed)
    student = tmp_path / "student"
    shutil.copytree(tiny_repository, student, ignore=shutil.ignore_patterns("*.bin", "onnx", ".g*"))
    path = tmp_path / "tiny.toml"
    path.write_text(STUDY.replace("web.jsonl", "deep/web.jsonl"), encoding="utf-8")
    return path


def _outside(tiny: Path) -> tuple[str, ...]:
    return f"data.root={tiny.parent / 'data'}", f"student.path={tiny.parent / 'student'}"


def test_the_demo_stays_as_it_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study whose paths lie in the home keeps its place and its bytes, and runs elsewhere."""
    collected = _collect(DEMO, cache=tmp_path / "cache")
    assert collected.study.path == str(DEMO)
    assert collected.study.origin == (home / DEMO).resolve()
    keys = _keys(DEMO)
    root = tmp_path / "root"
    study = _install(collected, root)
    monkeypatch.setenv("NERDISTILL_HOME", str(root))
    monkeypatch.chdir(tmp_path)
    assert study.read_bytes() == (home / DEMO).read_bytes()
    # The demo's pickle stays behind, so its student's content is another: the data are the same.
    assert _keys(study)[:3] == keys[:3]
    assert {asset.role for asset in collected.assets} == {
        "demo",
        "document",
        "labels",
        "prices",
        "simulated",
        "student",
        "study",
    }
    assert _asset(collected, "demo").licence == "CC0-1.0"
    names = [asset.name for asset in collected.assets]
    assert len(names) == len(set(names))


def test_a_study_of_ones_own_moves_and_means_the_same(
    home: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and student from anywhere are found again in the install root, under the same keys."""
    settings = (*_outside(tiny), "training.steps=3", "seeds=[7]")
    keys = _keys(tiny, *settings)
    collected = _collect(tiny, *settings, cache=tmp_path / "cache")
    assert collected.study.path == "offline_assets/studies/tiny.toml"
    assert {
        "offline_assets/datasets/tiny/deep/web.jsonl",
        "offline_assets/datasets/tiny/human.jsonl",
        "models/student/model.safetensors",
        "models/minilm/model.safetensors",
        str(DEMO),
    } <= _paths(collected)
    study = _install(collected, tmp_path / "root")
    text = study.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert tomllib.loads(text)["training"]["steps"] == 3
    shutil.rmtree(home)
    shutil.rmtree(tiny.parent / "data")
    monkeypatch.setenv("NERDISTILL_HOME", str(tmp_path / "root"))
    monkeypatch.chdir(tmp_path)
    assert _keys(Path(collected.study.path)) == keys


def test_a_second_call_changes_nothing(home: Path, tiny: Path, tmp_path: Path) -> None:
    """What is written for the bundle is the same each time."""
    assert home.is_dir()
    first = _collect(tiny, *_outside(tiny), cache=tmp_path / "cache")
    text = first.study.origin.read_bytes()
    assert _collect(tiny, *_outside(tiny), cache=tmp_path / "cache") == first
    assert first.study.origin.read_bytes() == text


def test_every_named_file_comes_along(home: Path, tiny: Path, tmp_path: Path) -> None:
    """Labels, prompt, template, keep-files, replies and encoder; equal names get apart."""
    assert home.is_dir()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "replies.jsonl").write_text("{}\n", encoding="utf-8")
    shutil.copy("offline_assets/labels/conll.toml", tmp_path / "one" / "mine.toml")
    for name in ("ask.j2", "chat.jinja"):
        text = "{% block system %}{% endblock %}{% block user %}{% endblock %}"
        (tmp_path / "one" / name).write_text(text, encoding="utf-8")
    (tmp_path / "data" / "kept.jsonl").write_text('{"i": 0}\n', encoding="utf-8")
    settings = (
        *_outside(tiny),
        f"labels={tmp_path / 'one' / 'mine.toml'}",
        f"teacher.prompt={tmp_path / 'one' / 'ask.j2'}",
        f'teacher.replies=["{tmp_path}/one/replies.jsonl", "{tmp_path}/two/replies.jsonl"]',
        f'teacher.vllm_arguments=["--x", "--chat-template={tmp_path}/one/chat.jinja"]',
        'corpora.human.keep={file="kept.jsonl", field="i"}',
        "teacher.annotator=replay",
        "teacher.examples=human",
        f"teacher.choose={tmp_path / 'student'}",
    )
    collected = _collect(tiny, *settings, cache=tmp_path / "cache")
    folder = "offline_assets/datasets/tiny"
    assert {
        f"{folder}/{name}"
        for name in ("mine.toml", "ask.j2", "replies.jsonl", "replies-2.jsonl", "kept.jsonl")
    } <= _paths(collected)
    study = tomllib.loads(collected.study.origin.read_text(encoding="utf-8"))
    assert study["labels"] == f"{folder}/mine.toml"
    assert study["teacher"]["replies"] == ["replies.jsonl", "replies-2.jsonl"]
    assert study["teacher"]["vllm_arguments"][1] == f"--chat-template={folder}/chat.jinja"
    assert study["teacher"]["choose"] == study["student"]["path"] == "models/student"
    assert str(tmp_path) not in str(study)


def test_models_of_one_name_get_apart(
    home: Path, tiny: Path, tiny_repository: Path, tmp_path: Path
) -> None:
    """The user's own `minilm` is not the demo's."""
    shutil.copytree(tiny_repository, tmp_path / "own" / "minilm")
    settings = (_outside(tiny)[0], f"student.path={tmp_path / 'own' / 'minilm'}")
    collected = _collect(tiny, *settings, cache=tmp_path / "cache")
    study = tomllib.loads(collected.study.origin.read_text(encoding="utf-8"))
    assert study["student"]["path"] == "models/minilm-2"
    origins = {file.path: file.origin for asset in collected.assets for file in asset.files}
    assert origins["models/minilm/config.json"].is_relative_to(home)


def test_a_study_named_demo_does_not_replace_the_demo(
    home: Path, tiny: Path, tmp_path: Path
) -> None:
    """The demo comes with every bundle, as it ships."""
    collected = _collect(tiny, *_outside(tiny), "name=demo", cache=tmp_path / "cache")
    assert collected.study.path == "offline_assets/studies/demo-2.toml"
    origins = {file.path: file.origin for asset in collected.assets for file in asset.files}
    assert origins[str(DEMO)] == home / DEMO


def test_without_the_demo_student(home: Path, tiny: Path, tmp_path: Path) -> None:
    """A bundle can do without it, but does not keep that to itself."""
    shutil.rmtree(home / "models" / "minilm")
    progress = Noted()
    collected = collect(tiny, _outside(tiny), tmp_path / "cache", progress)
    assert not [path for path in _paths(collected) if path.startswith("models/minilm")]
    assert any("demo's student" in line for line in progress.said)


def test_needs_tell_roles_and_places(home: Path, tiny: Path) -> None:
    """The study first, then its models and data, each by the key that names it."""
    found = needs(load_study(DEMO), DEMO)
    assert [(need.told, need.role) for need in found] == [
        ("", "study"),
        ("student.path", "student"),
        ("labels", "labels"),
        ("corpora.original.path", "corpus"),
        ("corpora.news.path", "corpus"),
        ("corpora.validation.path", "corpus"),
        ("corpora.test.path", "corpus"),
        ("teacher.replies.0", "replies"),
    ]
    assert all(need.origin and need.origin.exists() for need in found)
    vllm = load_study(tiny, [*_outside(tiny), "teacher.annotator=vllm", "teacher.model=models/llm"])
    (teacher,) = [need for need in needs(vllm, tiny) if need.role == "teacher"]
    assert (teacher.path, teacher.origin) == ("models/llm", None)
    assert home.is_dir()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("student.path=models/none", ["student.path: 'models/none'", '[sources."models/none"]']),
        ("corpora.web.path=none.conll", ["corpora.web.path", "none.conll", "[sources."]),
    ],
)
def test_what_is_nowhere_is_told_with_the_remedy(
    home: Path, tiny: Path, tmp_path: Path, setting: str, words: list[str]
) -> None:
    """The error names the key, the path and the table to add."""
    assert home.is_dir()
    with pytest.raises(AssetError) as caught:
        _collect(tiny, *_outside(tiny), setting, cache=tmp_path / "cache")
    assert all(word in str(caught.value) for word in words)


def test_a_teacher_without_a_chat_template(
    home: Path, tiny: Path, tiny_repository: Path, tmp_path: Path
) -> None:
    """What vLLM would refuse on the isolated side is refused before it travels."""
    shutil.copytree(tiny_repository, home / "models" / "llm")
    settings = (*_outside(tiny), "teacher.annotator=vllm", "teacher.model=models/llm")
    with pytest.raises(AssetError, match="without a chat template"):
        _collect(tiny, *settings, cache=tmp_path / "cache")


def test_a_source_of_the_wrong_kind(home: Path, tiny: Path, tmp_path: Path) -> None:
    """A dataset is no student."""
    assert home.is_dir()
    text = tiny.read_text(encoding="utf-8") + NEWS.format(path="models/far", revision="0" * 40)
    tiny.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is a dataset, and student\.path asks for a model"):
        _collect(tiny, _outside(tiny)[0], "student.path=models/far", cache=tmp_path / "cache")


@pytest.mark.parametrize("root", ["offline_assets/datasets/news", "/nowhere/news"])
def test_models_and_datasets_are_fetched_as_the_study_says(
    hub: Hub,
    outside: Connected,
    home: Path,
    tiny: Path,
    tiny_repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    root: str,
) -> None:
    """From the hub through parquet to a corpus with the spans of the CoNLL file, offline."""
    repository = tmp_path / "repository"
    for split in ("train", "test"):
        (repository / "conll" / split).mkdir(parents=True)
        write(repository / "conll" / split / "0000.parquet", ROWS)
    data = hub.add("some-team/news", repository, kind="datasets")
    model = hub.add("some-team/far-bert", tiny_repository)
    text = tiny.read_text(encoding="utf-8").replace("deep/web.jsonl", "train.parquet")
    for name in ("human", "validation", "test"):
        text = text.replace(f"{name}.jsonl", "test.parquet")
    sources = ENCODER.format(revision=model) + NEWS.format(path=root, revision=data)
    tiny.write_text(text + sources, encoding="utf-8")
    settings = (f"data.root={root}", "student.path=models/far")
    outside.stand_in(home)
    collected = outside(collect, tiny, settings, tmp_path / "cache", Silent())
    far = _asset(collected, "far")
    assert (far.source, far.revision) == ("some-team/far-bert", model)
    (news,) = [asset for asset in collected.assets if asset.source == "some-team/news"]
    assert news.revision == data
    hub.log.clear()
    assert outside(collect, tiny, settings, tmp_path / "cache", Silent()) == collected
    assert hub.log == []

    _install(collected, tmp_path / "root")
    monkeypatch.setenv("NERDISTILL_HOME", str(tmp_path / "root"))
    monkeypatch.chdir(tmp_path)
    graph = Graph(load_study(Path(collected.study.path)))
    assert graph.student == (tmp_path / "root/models/far").resolve()
    columns = tmp_path / "train.conll"
    columns.write_text(CONLL, encoding="utf-8")
    read = [(s.tokens, s.spans) for s in read_corpus(graph.corpus("web").files["source"]).sentences]
    assert read == [(s.tokens, s.spans) for s in read_corpus(columns).sentences]


def test_a_split_that_the_dataset_does_not_have(
    hub: Hub, outside: Connected, home: Path, tiny: Path, tmp_path: Path
) -> None:
    """The error names those it has."""
    repository = tmp_path / "repository"
    (repository / "conll" / "train").mkdir(parents=True)
    write(repository / "conll" / "train" / "0000.parquet", ROWS)
    commit = hub.add("some-team/news", repository, kind="datasets")
    path = "offline_assets/datasets/news"
    text = tiny.read_text(encoding="utf-8").replace("human.jsonl", f"{home}/{path}/dev.parquet")
    source = NEWS.format(path=home / path, revision=commit)
    tiny.write_text(text + source, encoding="utf-8")
    outside.stand_in(home)
    with pytest.raises(AssetError, match=r"corpora\.human\.path: .* no dev\.parquet, but train\."):
        outside(collect, tiny, _outside(tiny), tmp_path / "cache", Silent())


def test_sources_change_no_key(home: Path) -> None:
    """Where something comes from is not what it is."""
    own = home / "own.toml"
    own.write_text(DEMO.read_text(encoding="utf-8"), encoding="utf-8")
    before = _keys(own)
    own.write_text(own.read_text(encoding="utf-8") + ENCODER.format(revision="0" * 40))
    assert _keys(own) == before

"""What `train`, `evaluate` and `predict` do with folders and numbers that are not as hoped."""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from nerdistill.cli.main import _run
from nerdistill.labels import load_schema
from nerdistill.student.tagger import load_student, save_tagger
from nerdistill.train import loop
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINES = [
    {"id": "a#0", "tokens": ["Ada", "left"], "entities": [{"start": 0, "end": 1, "label": "PER"}]},
    {"id": "b#0", "tokens": ["It", "rained"], "entities": []},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two labelled sentences."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder."""
    return save_tiny_student(tmp_path / "student", ["ada", "left", "it", "rained"])


@pytest.fixture
def model(student: Path, tmp_path: Path) -> Path:
    """A tagger, as if it were trained."""
    folder = tmp_path / "model"
    save_tagger(load_student(student, load_schema("conll").tags, seed=1), folder)
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    code = _run([str(word) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err


def training(corpus: Path, student: Path, out: object) -> list[object]:
    """The words of a short training."""
    pools = ["--original", corpus, "--distilled", corpus]
    return ["train", *pools, "--student", student, "--out", out, "--steps", 1, "--batch-size", 2]


def test_the_record_tells_how_a_model_was_made(
    corpus: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """training.json and --json hold pools, curve, recipe, seed and what was really shown."""
    out = tmp_path / "deep" / "er" / "out"
    more = ["--curve", "sigmoid", "--curve-parameter", "steepness=8", "--mean-share", 0.5]
    code, told, error = call(capsys, *training(corpus, student, out), *more, "--json")
    assert code == 0, error
    record = json.loads((out / "training.json").read_text())
    assert json.loads(told) == {"out": str(out), **record}
    assert (record["original"], record["student"]) == (str(corpus), str(student))
    assert (record["curve"]["steepness"], record["curve"]["mean_share"]) == (8.0, 0.5)
    assert (record["recipe"]["steps"], record["seed"]) == (1, 1)
    assert record["shown"] == {"original": 1, "distilled": 1}
    assert len(record["losses"]) == 1
    assert record["types"] == list(load_schema("conll").names)


def test_a_training_that_is_stopped_goes_on(
    corpus: Path,
    student: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C leaves a checkpoint beside OUT, from which the same command, and no other, goes on."""
    step = loop._step

    def stopping(course: loop.Course, runs: Sequence[loop.Run]) -> None:
        step(course, runs)
        if course.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    words = training(corpus, student, tmp_path / "out")
    words[words.index("--steps") + 1] = 4
    monkeypatch.setattr(loop, "_step", stopping)
    assert call(capsys, *words)[0] == 130
    monkeypatch.undo()
    assert [path.name for path in tmp_path.glob(".*")] == [".out.checkpoints"]
    code, _, error = call(capsys, *words, "--seed", 2)
    assert (code, "goes on" in error, "belongs to another" in error) == (0, False, True)
    shutil.rmtree(tmp_path / "out")
    monkeypatch.setattr(loop, "_step", stopping)
    assert call(capsys, *words)[0] == 130
    monkeypatch.undo()
    code, _, error = call(capsys, *words)
    assert (code, "goes on after step 2" in error) == (0, True)
    assert not list(tmp_path.glob(".*"))
    words[words.index(tmp_path / "out")] = tmp_path / "whole"
    assert call(capsys, *words)[0] == 0
    one, other = (tmp_path / name / "model.safetensors" for name in ("out", "whole"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("place", ["file", "student", "data", "."])
def test_a_place_that_cannot_be_taken_is_refused_at_once(
    place: str,
    corpus: Path,
    student: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file, or a folder that holds what is read, is not replaced, not even with --force."""
    data = tmp_path / "data"
    data.mkdir()
    corpus = corpus.rename(data / "corpus.jsonl")
    (tmp_path / "file").write_text("precious")
    monkeypatch.chdir(tmp_path)
    code, out, error = call(capsys, *training(corpus, student, place), "--force")
    assert (code, out, len(error.splitlines())) == (2, "", 1), error
    assert "--out" in error
    assert (tmp_path / "file").read_text() == "precious"
    assert corpus.exists()
    assert (student / "model.safetensors").exists()


def test_a_failed_training_leaves_the_old_model(
    corpus: Path, student: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where training cannot be done, --force has not touched what it would have replaced."""
    before = sorted((path.name, path.stat().st_mtime_ns) for path in model.iterdir())
    (student / "model.safetensors").write_bytes(b"")
    code, _, error = call(capsys, *training(corpus, student, model), "--force")
    assert (code, "cannot be loaded" in error) == (2, True)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in model.iterdir()) == before
    assert [path.name for path in model.parent.glob(".*")] == []


def test_an_empty_folder_and_the_current_one_can_be_taken(
    corpus: Path,
    student: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`--out .` in an empty folder means that folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, _, error = call(capsys, *training(corpus, student, "."))
    assert (code, (tmp_path / "here" / "training.json").exists()) == (0, True), error


@pytest.mark.parametrize(
    "words",
    [
        ["--learning-rate", "0"],
        ["--learning-rate", "2"],
        ["--learning-rate", "nan"],
        ["--steps", "0"],
        ["--batch-size", "0"],
        ["--seed", "-1"],
        ["--seed", str(2**70)],
        ["--curve-parameter", "at"],
        ["--curve-parameter", "at=nan"],
        ["--mean-share", "1.5"],
        ["--curve", "linear", "--schedule", "restart"],
    ],
)
def test_settings_out_of_range_are_refused(
    words: list[str],
    corpus: Path,
    student: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No number that cannot be trained with reaches the training."""
    code, out, error = call(capsys, *training(corpus, student, tmp_path / "out"), *words)
    assert (code, out, (tmp_path / "out").exists()) == (2, "", False)
    assert "Traceback" not in error


def test_evaluate_shows_a_table(
    corpus: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table goes to standard output alone and counts all gold."""
    code, out, error = call(capsys, "evaluate", model, corpus, "--progress", "plain")
    assert code == 0
    assert all(word in out for word in ("precision", "recall", "F1", "PER"))
    assert "evaluate: 2/2 sentences" in error


def test_unlabelled_corpora_are_named(
    corpus: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence without labels ends a scoring with file and sentence."""
    corpus.write_text(corpus.read_text() + '{"id": "c#0", "tokens": ["Bare"]}\n')
    code, out, error = call(capsys, "evaluate", model, corpus)
    assert (code, out) == (2, "")
    assert f"{corpus}: sentence c#0 has no labels" in error


@pytest.mark.parametrize(("name", "first"), [("x.conll", "Ada"), ("x.jsonl", "{"), ("x", "{")])
def test_predictions_come_as_the_name_says(
    name: str,
    first: str,
    corpus: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Columns where the name asks for them, else JSONL; sentences and their ids stay."""
    out = tmp_path / "new" / name
    code, told, error = call(capsys, "predict", model, corpus, "--out", out, "--json")
    assert code == 0, error
    assert json.loads(told)["sentences"] == 2
    text = out.read_text()
    assert any(line.startswith(first) for line in text.splitlines())
    if first == "{":
        assert [json.loads(line)["id"] for line in text.splitlines()] == ["a#0", "b#0"]


def test_predictions_need_a_file(
    corpus: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder as --out is told before the model has worked."""
    code, _, error = call(capsys, "predict", model, corpus, "--out", tmp_path)
    assert (code, "is a folder" in error) == (2, True)

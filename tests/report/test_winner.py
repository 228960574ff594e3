"""The winner's folder and its card."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import metadata_load
from transformers import AutoModelForTokenClassification

from nerdistill.evaluate.predict import predict_tags
from nerdistill.progress import Silent
from nerdistill.report.card import TAGS, model_card
from nerdistill.report.tables import SIMULATED
from nerdistill.report.winner import best_cell, write_winner
from nerdistill.student.tagger import load_tagger
from nerdistill.study.runner import run_study
from nerdistill.study.workspace import Workspace
from nerdistill.types import Sentence
from tests.report.test_report import Json, cell, results, sure
from tests.study.test_study_run import _graph, study, write_study

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["study"]

WINNER: Json = {
    "regimen": "mixed",
    "distilled": "web",
    "budget": 100,
    "validation_f1": 81.0,
    "test_f1": 75.0,
    "chosen_by": "validation",
    "trainings": 2,
}

FRONT = {
    "library_name": "transformers",
    "pipeline_tag": "token-classification",
    "license": "other",
}


def won(**more: object) -> Json:
    """Results with a winner of two trainings, of which the second is better on validation."""
    cells = [cell("original", 70.0, 70.0, distilled=None)]
    cells += [cell("mixed", f1, test, seed) for seed, f1, test in ((1, 80, 76), (2, 82, 74))]
    return {**results(*cells), "winner": WINNER, **more}


def card(told: Json) -> str:
    """The card of their winner."""
    best = best_cell(told)
    assert best is not None
    return model_card(told, best)


def test_validation_chooses_among_seeds() -> None:
    """The better one on test is left."""
    best = best_cell(won())
    assert best is not None
    assert (best["regimen"], best["seed"]) == ("mixed", 2)
    assert best_cell(results(cell("mixed", 1.0, 1.0))) is None


def test_the_front_matter_is_what_the_hub_reads(tmp_path: Path) -> None:
    """Library, task and tags; no licence is made up."""
    (tmp_path / "README.md").write_text(card(won()))
    assert metadata_load(tmp_path / "README.md") == {**FRONT, "tags": [*TAGS]}


@pytest.mark.parametrize("simulated", [True, False])
def test_a_simulated_teacher_is_told_on_top(simulated: bool) -> None:
    """Nobody takes such a model for a real one."""
    text = card(won(simulated=simulated))
    assert (SIMULATED in text.partition("## Labels")[0]) == simulated
    assert ("simulated-teacher" in text) == simulated


def test_the_card_tells_what_it_rests_on() -> None:
    """Data, scores with their interval, choice, command, versions and digests."""
    run = {
        "command": "nerdistill study run s.toml --set 'seeds=[1, 2]'",
        "versions": {"torch": "2.9"},
        "machine": {"cores": "8"},
        "digests": {"student": "ab12"},
    }
    text = card(won(run=run, evidence=sure()["evidence"]))
    assert "seed 2 on 100 original sentences (sample 1)" in text
    assert "100 sentences to train on, 20 to choose" in text
    assert "distilled: 9 sentences of web, labels of the teacher" in text
    assert "640 original and 640 distilled examples, in 80 steps of 16" in text
    assert "| test, all | 74.0 | 74.0 | 74.0 | 9 |" in text.splitlines()
    assert "81.2, 95 % interval 80.0 to 82.5" in text
    assert "best mean validation F1, 81.0 over 2 trainings" in text
    assert "2 trainings of the study were not finished" in text
    assert "```bash\nnerdistill study run s.toml --set 'seeds=[1, 2]'\n```" in text
    for fact in ("torch: 2.9", "cores: 8", "sha256 of student: ab12"):
        assert fact in text


def test_names_cannot_break_the_card(tmp_path: Path) -> None:
    """Markdown, HTML, links, fences and YAML in names and labels stay text."""
    evil = "---\nlicense: mit\n# x `](javascript:a) <script>![](http://a.b/c) |*_\ud800\x1b"
    told = won(
        title=evil,
        note=evil,
        student=evil,
        labels=[evil],
        run={"command": f"run '{evil}\n````\n# y'", "digests": {evil: evil}},
    )
    text = card(told)
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert metadata_load(tmp_path / "README.md") == {**FRONT, "tags": [*TAGS]}
    outside = text.partition("`````bash")[0] + text.rpartition("`````\n")[2]
    for part in ("<script", "](", "![", "javascript:", "http:", "\x1b", "\n# x", "\nlicense: mit"):
        assert part not in outside
    assert text.count("\n`````") == 2
    assert "\n# y" not in text


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Json]:
    """The workspace of a finished study, and its results."""
    folder = tmp_path_factory.mktemp("finished")
    graph = _graph(write_study(folder), 'regimens=["original", "mixed"]')
    return folder / "work", run_study(graph, Workspace(folder / "work"), Silent())


@pytest.fixture
def place(finished: tuple[Path, Json], tmp_path: Path) -> Path:
    """A copy of the workspace."""
    return shutil.copytree(finished[0], tmp_path / "work")


def test_the_winner_opens_and_predicts(place: Path, finished: tuple[Path, Json]) -> None:
    """Transformers and nerdistill read it; it is the model of its cell."""
    _, told = finished
    winner = write_winner(told, place)
    assert winner == place / "winner"
    model = AutoModelForTokenClassification.from_pretrained(winner)
    assert set(model.config.id2label.values()) >= {"O", "B-PER", "I-LOC"}
    sentence = Sentence("a", ("Ada", "lives", "in", "Ulm", "."))
    with Silent().task("predict", total=1, unit="sentences") as task:
        (tags,) = predict_tags(load_tagger(winner), [sentence], task=task)
    assert len(tags) == len(sentence.tokens)
    best = best_cell(told)
    assert best is not None
    weights = place / str(best["model"]) / "model.safetensors"
    assert (winner / "model.safetensors").samefile(weights)


def test_the_winner_is_left_alone_where_nothing_changed(
    place: Path, finished: tuple[Path, Json]
) -> None:
    """A second report writes nothing; a change, a lost or a cut file has it made anew."""
    _, told = finished
    winner = write_winner(told, place)
    assert winner is not None
    first = winner.stat().st_ino
    write_winner(told, place)
    assert winner.stat().st_ino == first
    (winner / "tokenizer.json").write_text("{")
    write_winner(told, place)
    assert json.loads((winner / "tokenizer.json").read_text()) != {}
    (winner / "config.json").unlink()
    write_winner({**told, "note": "other"}, place)
    assert (winner / "config.json").is_file()
    assert "Note: other" in (winner / "README.md").read_text()
    assert [path.name for path in place.iterdir() if path.name.startswith(".winner")] == []


def test_an_edited_copy_does_not_reach_the_stage(place: Path, finished: tuple[Path, Json]) -> None:
    """What people edit in place is no link to what the study keeps."""
    _, told = finished
    winner, best = write_winner(told, place), best_cell(told)
    assert winner is not None
    assert best is not None
    (winner / "config.json").write_text("{}")
    assert json.loads((place / str(best["model"]) / "config.json").read_text()) != {}


def test_a_failed_write_leaves_the_old_winner(place: Path, finished: tuple[Path, Json]) -> None:
    """What cannot be made whole takes nobody's place."""
    _, told = finished
    winner = write_winner(told, place)
    assert winner is not None
    best = best_cell(told)
    assert best is not None
    (place / str(best["model"]) / "no-file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_winner({**told, "note": "other"}, place)
    assert (winner / "model.safetensors").is_file()
    assert [path.name for path in place.iterdir() if path.name.startswith(".winner")] == []


def test_results_without_their_models_have_no_winner_folder(
    place: Path, finished: tuple[Path, Json]
) -> None:
    """Numbers may be carried without the weights: there is then nothing to hand over."""
    _, told = finished
    best = best_cell(told)
    assert best is not None
    shutil.rmtree(place / str(best["model"]))
    assert write_winner(told, place) is None


def test_without_a_winner_nothing_is_written(tmp_path: Path) -> None:
    """Before the first training has ended there is no folder."""
    assert write_winner(results(), tmp_path) is None
    assert list(tmp_path.iterdir()) == []

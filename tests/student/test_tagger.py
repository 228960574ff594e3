"""Students and taggers on disk."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForTokenClassification

from nerdistill.errors import AssetError, NerdistillError
from nerdistill.student.tagger import load_student, load_tagger, save_tagger
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from pathlib import Path

TAGS = ("O", "B-PER", "I-PER")


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder."""
    return save_tiny_student(tmp_path / "student", ["ada"])


def test_a_saved_tagger_opens_in_transformers(student: Path, tmp_path: Path) -> None:
    """What we save, `AutoModelForTokenClassification` opens, with the same logits and labels."""
    tagger = load_student(student, TAGS, seed=1)
    save_tagger(tagger, tmp_path / "out")
    theirs = AutoModelForTokenClassification.from_pretrained(tmp_path / "out")
    pieces = torch.tensor([[2, 5, 6, 3]])
    ours = tagger.model
    ours.train(mode=False)
    with torch.inference_mode():
        assert torch.equal(ours(pieces).logits, theirs(pieces).logits)
    assert theirs.config.id2label == dict(enumerate(TAGS))
    assert load_tagger(tmp_path / "out").tags == TAGS
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_a_model_that_cannot_be_written_is_one_line(student: Path, tmp_path: Path) -> None:
    """A full disk, or a file in the folder's place, is told without a traceback."""
    (tmp_path / "file").write_text("")
    tagger = load_student(student, TAGS, seed=1)
    with pytest.raises(NerdistillError, match="cannot be written"):
        save_tagger(tagger, tmp_path / "file" / "out")


def test_the_seed_draws_the_head(student: Path) -> None:
    """One seed, one head; another seed, another; the encoder is the pretrained one."""
    one, same, other = (load_student(student, TAGS, seed=seed).model for seed in (1, 1, 2))
    heads = [model.get_parameter("classifier.weight") for model in (one, same, other)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert torch.equal(one.get_parameter(name), other.get_parameter(name))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(student: Path, name: str) -> None:
    """A folder that lacks a file is no student, and the line says which file."""
    (student / name).unlink()
    with pytest.raises(AssetError, match=name):
        load_student(student, TAGS, seed=1)


def test_pickled_weights_are_not_read(student: Path) -> None:
    """Weights in a .bin file alone are refused, with the remedy."""
    (student / "model.safetensors").rename(student / "pytorch_model.bin")
    with pytest.raises(AssetError, match="safetensors"):
        load_student(student, TAGS, seed=1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("config.json", text) for text in ("{", "null", "[1]", '"x"', '{"model_type": "none"}')),
        *(("tokenizer.json", text) for text in ("", "{", "{}", "[]")),
        ("tokenizer_config.json", "{"),
    ],
)
def test_a_broken_file_is_one_line(student: Path, name: str, text: str) -> None:
    """A file that cannot be read is told in one line, whatever a library makes of it."""
    (student / name).write_text(text)
    with pytest.raises(AssetError, match=r"student") as caught:
        load_student(student, TAGS, seed=1)
    assert "\n" not in str(caught.value)


def change(folder: Path, **settings: object) -> None:
    """Put other settings into a model's config."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_size": "x"}, "hidden_size"),
        ({"hidden_size": 31}, "cannot be loaded"),
        ({"max_position_embeddings": None}, "max_position_embeddings"),
        ({"max_position_embeddings": 2}, "leave no room"),
        ({"max_position_embeddings": -1}, "cannot be loaded"),
        ({"vocab_size": 20}, "word_embeddings.weight in model.safetensors does not have"),
        ({"num_hidden_layers": 4}, "lacks 32 of the weights"),
        ({"model_type": "gpt2"}, "lacks"),
    ],
)
def test_a_config_that_does_not_fit_is_told(
    student: Path, settings: dict[str, object], words: str
) -> None:
    """A config of another model never ends in random weights that nobody asked for."""
    change(student, **settings)
    with pytest.raises(AssetError, match=words):
        load_student(student, TAGS, seed=1)


def test_missing_weights_are_told(student: Path) -> None:
    """A weight file without weights is no student: nothing is filled in at random."""
    save_file({}, student / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AssetError, match="lacks"):
        load_student(student, TAGS, seed=1)


def test_a_models_own_code_is_never_run(
    student: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that brings Python is refused without a question, even if the user would say yes."""
    auto = {"AutoConfig": "code.Config", "AutoModelForTokenClassification": "code.Model"}
    change(student, model_type="own", auto_map=auto)
    (student / "code.py").write_text("raise SystemExit('the code ran')\n")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(AssetError, match="cannot be loaded"):
        load_student(student, TAGS, seed=1)
    assert "[y/N]" not in capsys.readouterr().out


def test_a_tagger_is_no_student(student: Path, tmp_path: Path) -> None:
    """A trained head is never taken for a new one, with the same tags or with others."""
    save_tagger(load_student(student, TAGS, seed=1), tmp_path / "out")
    with pytest.raises(AssetError, match="not a pretrained encoder"):
        load_student(tmp_path / "out", TAGS, seed=1)
    with pytest.raises(AssetError, match="classifier"):
        load_student(tmp_path / "out", (*TAGS, "B-LOC", "I-LOC"), seed=1)


@pytest.mark.parametrize(
    "classes",
    [
        {"0": "O", "5": "B-PER"},
        {"0": "O", "1": "PER", "2": "LOC"},
        {"0": "O", "1": "I-PER", "2": "I-LOC"},
        {"0": "O", "1": "B-PER", "2": "S-PER"},
        {"0": "O", "1": "B-PER", "2": "B-PER"},
        {"0": "B-PER", "1": "I-PER", "2": "B-LOC"},
        ["O", "B-PER", "I-PER"],
    ],
)
def test_other_tags_than_iob2_are_refused(student: Path, tmp_path: Path, classes: object) -> None:
    """A model tagged by another scheme would be scored as if it knew nothing."""
    save_tagger(load_student(student, TAGS, seed=1), tmp_path / "out")
    change(tmp_path / "out", id2label=classes)
    with pytest.raises(AssetError, match="no IOB2 tags"):
        load_tagger(tmp_path / "out")


def test_tags_without_their_head_are_refused(student: Path) -> None:
    """A config that names tags beside weights that lack the head is no trained tagger."""
    change(student, id2label=dict(enumerate(TAGS)))
    with pytest.raises(AssetError, match="lacks classifier"):
        load_tagger(student)


def test_damaged_weights_are_told(student: Path) -> None:
    """A truncated weight file is an asset error, no traceback of a library."""
    weights = student / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(AssetError, match="cannot be loaded"):
        load_student(student, TAGS, seed=1)


def test_an_untrained_student_is_no_tagger(student: Path, tmp_path: Path) -> None:
    """Evaluating a bare encoder says so, instead of scoring a random head."""
    with pytest.raises(AssetError, match="no trained tagger"):
        load_tagger(student)
    shutil.copytree(student, tmp_path / "other")
    config = json.loads((student / "config.json").read_text())
    config["id2label"] = {"0": "LABEL_0", "1": "LABEL_1"}
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    with pytest.raises(AssetError, match="no trained tagger"):
        load_tagger(tmp_path / "other")

"""Students and taggers on disk."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
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


@pytest.mark.parametrize("text", ["{", '{"model_type": "no-such-model"}'])
def test_a_broken_config_is_one_line(student: Path, text: str) -> None:
    """A config that cannot be read is told in one line."""
    (student / "config.json").write_text(text)
    with pytest.raises(AssetError) as caught:
        load_student(student, TAGS, seed=1)
    assert "\n" not in str(caught.value)


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

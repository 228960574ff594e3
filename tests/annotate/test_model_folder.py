"""Folders that hold a language model, and folders that do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nerdistill.annotate.model_folder import find_model, name_of
from nerdistill.errors import AssetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model's."""
    made = tmp_path / "tiny"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model-1.safetensors").touch()
    (made / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    return made


def test_a_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by its whole path, and called by its folder's name."""
    monkeypatch.chdir(folder.parent)
    assert find_model(Path("tiny")) == folder
    assert name_of(folder) == "tiny"
    monkeypatch.chdir(folder)
    assert name_of(find_model(Path())) == "tiny"


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("config.json", "config.json is missing"),
        ("model-1.safetensors", "no \\*.safetensors"),
        ("tokenizer_config.json", "without a chat template"),
    ],
)
def test_no_model(folder: Path, lost: str, told: str) -> None:
    """What is missing is named, in one line."""
    (folder / lost).unlink()
    with pytest.raises(AssetError, match=told) as caught:
        find_model(folder)
    assert str(folder) in str(caught.value)


def test_a_chat_template_of_ones_own(folder: Path) -> None:
    """A base model passes where a template is given to vLLM, or lies in a file of its own."""
    (folder / "tokenizer_config.json").write_text("[]")
    assert find_model(folder, ("--chat-template=x.jinja",)) == folder
    (folder / "chat_template.jinja").touch()
    assert find_model(folder) == folder


def test_a_model_that_was_copied_in_part(folder: Path) -> None:
    """Weights that the index names must be there."""
    index = folder / "model.safetensors.index.json"
    names = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    index.write_text(json.dumps({"weight_map": names}))
    with pytest.raises(AssetError, match=r"lacks 1 files of weights, model-2\.safetensors"):
        find_model(folder)
    index.write_text("[]")
    with pytest.raises(AssetError, match="not an index"):
        find_model(folder)


def test_a_file_or_nothing(folder: Path, tmp_path: Path) -> None:
    """A file and a name of nothing are refused; no hub is asked."""
    with pytest.raises(AssetError, match="is a file"):
        find_model(folder / "config.json")
    with pytest.raises(AssetError, match="does not exist"):
        find_model(tmp_path / "Qwen" / "Qwen3-8B")

"""What is refused in a model's folder."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from nerdistill.bundle.licence import licence_of
from nerdistill.bundle.model_check import check_model, check_names, check_weights, wanted
from nerdistill.errors import AssetError

if TYPE_CHECKING:
    from pathlib import Path


def _check(folder: Path, role: str = "student") -> None:
    names = wanted(path.name for path in folder.iterdir() if path.is_file())
    check_model("m", folder, names, "student" if role == "student" else "teacher")


@pytest.fixture
def model(tiny_repository: Path, tmp_path: Path) -> Path:
    """A whole model, to break."""
    return shutil.copytree(tiny_repository, tmp_path / "model")


def test_a_whole_model_passes(model: Path) -> None:
    """What transformers wrote is both a student and, for its files, a teacher."""
    _check(model)
    _check(model, "teacher")


@pytest.mark.parametrize("cut", [0, 4, 8, 200, -1])
def test_weights_that_were_cut_off(model: Path, cut: int) -> None:
    """Wherever a file of weights ends too early, it is refused by its name."""
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(AssetError, match=r"m: model\.safetensors "):
        _check(model)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"\x80\x04" + b"pickled" * 9, "no safetensors"),
        (b"\xff" * 8 + b"{}", "no safetensors"),
        ((2).to_bytes(8, "little") + b"[]", "no safetensors"),
        ((2).to_bytes(8, "little") + b"{}tail", "14 bytes where its header tells of 10"),
        ((9).to_bytes(8, "little") + b'{"a":[1]}', "no safetensors"),
    ],
)
def test_what_is_no_safetensors(tmp_path: Path, data: bytes, words: str) -> None:
    """Other bytes under the name are refused, a pointer of Git LFS with its own remedy."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(AssetError, match=words):
        check_weights("m", path, path.name)


def test_real_weights_pass(tmp_path: Path) -> None:
    """Metadata, empty tensors and several types are no trouble."""
    tensors = {"a": torch.zeros(3, 5), "b": torch.zeros(0), "c": torch.ones(7, dtype=torch.int8)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    check_weights("m", tmp_path / "x.safetensors", "x.safetensors")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_student_lacks_a_file(model: Path, name: str) -> None:
    """A student is read from three files; the missing one is named."""
    (model / name).unlink()
    with pytest.raises(AssetError, match=rf"no student: {name} is missing"):
        _check(model)


def test_a_teacher_lacks_a_shard_or_its_tokenizer(model: Path) -> None:
    """Every shard of the index must be there, and some tokenizer."""
    index = model / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-00002-of-00002.safetensors"}}))
    with pytest.raises(AssetError, match="model-00002-of-00002"):
        _check(model, "teacher")
    index.write_text("[]")
    with pytest.raises(AssetError, match="no index of weights"):
        _check(model, "teacher")
    index.unlink()
    (model / "tokenizer.json").unlink()
    with pytest.raises(AssetError, match="no tokenizer"):
        _check(model, "teacher")


def test_code_in_an_inner_configuration(model: Path) -> None:
    """`auto_map` one level down counts too; settings that are no JSON are told."""
    config = model / "config.json"
    config.write_text('{"text_config": {"auto_map": {}}}')
    with pytest.raises(AssetError, match=r"config\.json' asks for Python code"):
        _check(model)
    config.write_text("{")
    with pytest.raises(AssetError, match=r"config\.json' is no JSON"):
        _check(model)


def test_which_files_are_wanted() -> None:
    """Weights twice, in another format, below or hidden stay behind; licences come along."""
    names = [
        "LICENSE.txt",
        "License",
        "USE_POLICY.md",
        "chat_template.jinja",
        "config.json",
        "model-00001-of-00001.safetensors",
        "qwen.tiktoken",
        "tokenizer.model",
    ]
    others = [
        ".cache/huggingface/x.json",
        "LICENSE.py",
        "NOTICE.BIN",
        "consolidated.safetensors",
        "logo.png",
        "model.gguf",
        "onnx/model.safetensors",
        "pytorch_model.bin",
        "run.py",
    ]
    assert wanted([*names, *others]) == names
    assert wanted(["consolidated.safetensors"]) == ["consolidated.safetensors"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["pytorch_model.bin"], r"only as pytorch_model\.bin, which can run code"),
        (["flax_model.msgpack", "onnx/model.safetensors"], r"only as flax_model\.msgpack"),
        (["config.json"], r"holds no \*\.safetensors"),
    ],
)
def test_models_without_safetensors(names: list[str], words: str) -> None:
    """Only numbers are carried, and the hint says how to get them."""
    with pytest.raises(AssetError, match=words) as caught:
        check_names("m", names)
    assert "save_pretrained()" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("README.md", "---\nlicense: mit\n---\n", "MIT"),
        ("README.md", "---\nlicense: [mit, cc-by-4.0]\n---\n", "MIT OR CC-BY-4.0"),
        ("README.md", "---\nlicense: other\nlicense_name: llama3\n---\n", "llama3"),
        ("README.md", "---\nlicense: other\n---\n", "other"),
        ("README.md", "---\nlicense: [unclosed\n---\n", None),
        ("README.md", "# no card", None),
        ("LICENSE", "\n  Apache License\n  Version 2.0, January 2004\n", "Apache-2.0"),
        ("LICENSE.txt", "MIT License\n\nCopyright", "MIT"),
        ("LICENCE", "The Own Licence 3\nwords", "The Own Licence 3"),
        ("NOTES", "", None),
    ],
)
def test_licences(tmp_path: Path, name: str, text: str, licence: str | None) -> None:
    """The card's word, else the licence file's; none where neither tells."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert licence_of(tmp_path) == licence

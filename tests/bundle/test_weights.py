"""Models in a bundle: numbers and settings, never a program, whoever signed them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.verify import read_manifest
from nerdistill.bundle.bare.weights import (
    PICKLES,
    PROGRAMS,
    check_names,
    check_settings,
    model_files,
)
from nerdistill.bundle.model_check import WANTED, check_model, wanted
from nerdistill.errors import AssetError
from tests.bundle.installed import MODEL, put
from tests.bundle.making import make_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("ending", sorted({*PICKLES, *PROGRAMS}))
def test_such_names_are_refused(ending: str) -> None:
    """In either case, at any depth; the name and the remedy are told."""
    for name in (f"models/m/x{ending}", f"models/m/a/b/x{ending.upper()}"):
        with pytest.raises(Refused, match=r"^'models/m.* Use ") as refused:
            check_names(["models/m/config.json", name])
        assert repr(name) in refused.value.message


def test_what_is_packed_is_not_refused() -> None:
    """By no name that the connected side picks, even where a program is called a licence."""
    names = [name.replace("*", "x") for name in WANTED]
    programs = [f"LICENSE{ending}" for ending in (*PICKLES, *PROGRAMS)]
    assert wanted([*names, *programs]) == sorted(names)
    check_names(f"models/m/{name}" for name in names)


@pytest.mark.parametrize(
    ("name", "text", "refused"),
    [
        ("config.json", '{"a": [{"b": {"auto_map": {}}}]}', True),
        ("sub/tokenizer_config.json", '{"auto_map": {}}', True),
        ("sub/config.json", "{", True),
        ("vocab.json", '{"auto_map": 1}', False),
        ("sub/notes.json", "{", False),
    ],
)
def test_both_sides_refuse_the_same(tmp_path: Path, name: str, text: str, refused: bool) -> None:
    """The settings that the server refuses are refused when the bundle is made, and no others."""
    files = {**MODEL, name: text.encode()}
    put(tmp_path, files)
    names = wanted(files)
    assert name in names
    with pytest.raises(AssetError, match=repr(name)) if refused else nullcontext():
        check_model("m", tmp_path, names, "student")
    with pytest.raises(Refused, match=repr(name)) if refused else nullcontext():
        check_settings(str(tmp_path), names)


@pytest.mark.parametrize(
    "name",
    ["config.json", "tokenizer_config.json", "sub/Config.JSON", "video_preprocessor_config.json"],
)
@pytest.mark.parametrize(
    "text",
    [
        '{"auto_map": {"AutoModel": "m.M"}}',
        '{"a": [{"b": {"auto_map": {}}}]}',
        '{"auto\\u005fmap": {}}',
        '{"a": 1, "a": {"auto_map": 1}}',
        pytest.param("[" * 500 + '{"auto_map": {}}' + "]" * 500, id="deep"),
    ],
)
def test_settings_that_name_code_are_refused(tmp_path: Path, name: str, text: str) -> None:
    """Wherever the key lies, however it is written."""
    path = tmp_path / "models" / "m" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(Refused) as refused:
        check_settings(str(tmp_path), [f"models/m/{name}"])
    assert repr(f"models/m/{name}") in refused.value.message
    assert "auto_map" in refused.value.message


@pytest.mark.parametrize("data", [b"", b"\xff\xfe{}", b"[" * 100_000, b"{} x"], ids=len)
def test_settings_that_nobody_can_read_are_refused(tmp_path: Path, data: bytes) -> None:
    """What is no JSON here may be some to another reader."""
    (tmp_path / "config.json").write_bytes(data)
    with pytest.raises(Refused, match=r"'config.json' is no JSON"):
        check_settings(str(tmp_path), ["config.json"])


def test_a_word_of_a_vocabulary_is_no_code(tmp_path: Path) -> None:
    """Only settings are looked into: a token may be called auto_map."""
    for name in ("vocab.json", "tokenizer.json"):
        (tmp_path / name).write_text('{"auto_map": 1}')
    (tmp_path / "config.json").write_text('{"model_type": "auto_map"}')
    check_settings(str(tmp_path), ["vocab.json", "tokenizer.json", "config.json"])


def test_a_model_is_known_by_its_role_and_by_its_place(tmp_path: Path) -> None:
    """A maker can't hide one under another role, or in another case."""
    files = {"models/a/x": b"", "elsewhere/b": b"", "offline_assets/studies/demo.toml": b""}
    made = make_bundle(tmp_path, files)
    told = made.told
    told["assets"][0]["role"] = "document"
    told["assets"][1]["role"] = "teacher"
    made.sign(told)
    found = model_files(read_manifest(str(made.folder), made.key.public))
    assert found == ["models/a/x", "elsewhere/b"]

"""The folder of a language model: what must lie in it before a server is started."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from nerdistill import assets
from nerdistill.digest import digest_of
from nerdistill.errors import AssetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HINT = "Name the folder of a language model, with config.json, its *.safetensors and tokenizer."
CONTENT = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt"})
"""What a model consists of: weights, settings, tokenizer, chat template."""
LOOKED_AT = 1 << 16
"""Bytes."""
OWN_CHAT = ("--chat-template", "--tokenizer-mode", "--tokenizer")
"""Arguments of vLLM that say where the chat's format comes from instead."""


def find_model(path: Path, extra: Sequence[str] = ()) -> Path:
    """The whole path of a model's folder that vLLM can load.

    Args:
        path: as a user names it.
        extra: further arguments for vLLM.

    Raises:
        AssetError: it does not exist, holds no model, or one without a chat template.
    """
    folder = assets.find(path, kind="model").absolute()
    if not folder.is_dir():
        raise AssetError(f"{path} is a file, not a model's folder", HINT)
    if not (folder / "config.json").is_file():
        raise AssetError(f"{path} holds no model: config.json is missing", HINT)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise AssetError(f"{path} holds no model: there are no *.safetensors", HINT)
    _check_shards(path, folder)
    if not _has_chat_template(folder) and not any(
        word.partition("=")[0] in OWN_CHAT for word in extra
    ):
        raise AssetError(
            f"{path} holds a model without a chat template",
            "Name the instruction-tuned model, or a template with "
            "--vllm-argument=--chat-template=FILE.",
        )
    return folder


def name_of(folder: Path) -> str:
    """What a model is called: its folder's name."""
    return folder.resolve().name if folder.name in {"", ".."} else folder.name


def identity_of(folder: Path) -> str:
    """A model's name with a mark of its content, for the keys of requests: `name@1a2b3c4d`.

    Of each large file the size, the start and the end are looked at: hashing all weights would
    take minutes, and no two trainings end in the same numbers.
    """
    looked_at = [
        [path.relative_to(folder).as_posix(), path.stat().st_size, *_ends(path)]
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in CONTENT
    ]
    return f"{name_of(folder)}@{digest_of(looked_at)[:8]}"


def _ends(path: Path) -> tuple[str, str]:
    with path.open("rb") as stream:
        start = stream.read(LOOKED_AT)
        stream.seek(max(0, path.stat().st_size - LOOKED_AT))
        return hashlib.sha256(start).hexdigest(), hashlib.sha256(stream.read()).hexdigest()


def _check_shards(path: Path, folder: Path) -> None:
    """Refuse a folder that was copied in part."""
    index = folder / "model.safetensors.index.json"
    try:
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise AssetError(f"{index}: not an index of weights", HINT) from error
    missing = sorted({str(name) for name in named if not (folder / str(name)).is_file()})
    if missing:
        raise AssetError(
            f"{path} lacks {len(missing)} files of weights, {missing[0]} among them",
            "Copy the model's folder again, whole.",
        )


def _has_chat_template(folder: Path) -> bool:
    files = ("chat_template.jinja", "chat_template.json", "tekken.json")
    if any((folder / name).is_file() for name in files):
        return True
    try:
        told = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and bool(told.get("chat_template"))

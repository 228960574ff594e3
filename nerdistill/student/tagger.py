"""A student: a BERT-like encoder with a token classification head. Loads and saves safetensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import transformers
from safetensors import SafetensorError

from nerdistill.errors import AssetError, NerdistillError
from nerdistill.student.encode import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase


MAX_PIECES = 512

_HINT = (
    "A student is a folder with config.json, model.safetensors and tokenizer.json "
    "(convert older weights with transformers' save_pretrained, which writes safetensors)."
)


@dataclass(frozen=True, slots=True)
class Tagger:
    """A model with its tokenizer and tags.

    Attributes:
        model: of the class `AutoModelForTokenClassification`; mutable, as weights are.
        tokenizer: saved along with the model.
        encoder: cuts words into windows for this model.
        tags: IOB2 tags in class order.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    encoder: Encoder
    tags: tuple[str, ...]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_student(folder: Path, tags: Sequence[str], *, seed: int) -> Tagger:
    """A pretrained encoder with a new head for these IOB2 tags; on `best_device()`.

    The head is drawn with `seed`.

    Raises:
        AssetError: the folder is not a student.
    """
    torch.manual_seed(seed)
    return _load(folder, tuple(tags))


def load_tagger(folder: Path) -> Tagger:
    """A trained tagger, with the tags it was trained for; on `best_device()`.

    Raises:
        AssetError: the folder is not a trained tagger.
    """
    classes = _config(folder).get("id2label")
    if not isinstance(classes, dict) or "O" not in classes.values():
        raise AssetError(
            f"{folder} holds no trained tagger: config.json names no IOB2 tags",
            "Name a folder that `nerdistill train` or a study wrote.",
        )
    return _load(folder, tuple(str(classes[str(i)]) for i in range(len(classes))))


def save_tagger(tagger: Tagger, folder: Path) -> None:
    """Write weights, config and tokenizer; `AutoModelForTokenClassification` opens the folder.

    Raises:
        NerdistillError: the disk is full, or the folder cannot be written.
    """
    try:
        tagger.model.save_pretrained(folder)
        tagger.tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise NerdistillError(
            f"the model cannot be written to {folder}: {reason}",
            "Free space or name another folder, then run the same command again.",
        ) from error


def _config(folder: Path) -> dict[str, object]:
    if not folder.is_dir():
        raise AssetError(f"model folder {folder} does not exist", _HINT)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise AssetError(f"model folder {folder} has no {name}", _HINT)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise AssetError(f"{folder / 'config.json'} is not JSON: {error}", _HINT) from error
    return dict(config)


def _load(folder: Path, tags: tuple[str, ...]) -> Tagger:
    config = _config(folder)
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = transformers.AutoModelForTokenClassification.from_pretrained(
            folder,
            id2label=dict(enumerate(tags)),
            label2id={tag: i for i, tag in enumerate(tags)},
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise AssetError(f"model folder {folder} cannot be loaded: {reason}", _HINT) from error
    return Tagger(model.to(best_device()), tokenizer, Encoder(tokenizer, _max_pieces(config)), tags)


def _max_pieces(config: dict[str, object]) -> int:
    """The encoder's limit, as its position table gives it."""
    positions = config.get("max_position_embeddings", MAX_PIECES)
    size = positions if isinstance(positions, int) else MAX_PIECES
    # RoBERTa's positions start behind the padding index.
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "longformer"}:
        size -= 2
    return min(size, MAX_PIECES)

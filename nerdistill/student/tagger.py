"""A student: a BERT-like encoder with a token classification head. Loads and saves safetensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import transformers
from safetensors import SafetensorError

from nerdistill.errors import AssetError, NerdistillError
from nerdistill.labels import iob2_tags
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
    tagger, missing = _load(folder, tuple(tags))
    encoder = f"{tagger.model.base_model_prefix}."
    # transformers fills what is missing with random numbers, and says so only in its log.
    lost = sorted(name for name in missing if name.startswith(encoder))
    if lost:
        raise AssetError(
            f"model folder {folder}: model.safetensors lacks {len(lost)} of the weights that "
            f"config.json asks for, such as {lost[0]}",
            _HINT,
        )
    if not missing:
        raise AssetError(
            f"model folder {folder} holds a trained tagger, not a pretrained encoder",
            "Name the encoder it was trained from: every training starts with a new head.",
        )
    return tagger


def load_encoder(folder: Path) -> Encoder:
    """How a student reads sentences, without its weights.

    Raises:
        AssetError: the folder is not a student.
    """
    return _encoder(folder)[1]


def load_tagger(folder: Path) -> Tagger:
    """A trained tagger, with the tags it was trained for; on `best_device()`.

    Raises:
        AssetError: the folder is not a trained tagger.
    """
    tags = _tags(_config(folder).get("id2label"))
    if not tags:
        raise AssetError(
            f"{folder} holds no trained tagger: config.json names no IOB2 tags",
            "Name a folder that `nerdistill train` or a study wrote.",
        )
    tagger, missing = _load(folder, tags)
    if missing:
        raise AssetError(
            f"{folder} holds no trained tagger: model.safetensors lacks {min(missing)}",
            "Name a folder that `nerdistill train` or a study wrote.",
        )
    return tagger


def _tags(classes: object) -> tuple[str, ...]:
    """The tags in class order; empty where the classes are not those of an IOB2 tagger."""
    if not isinstance(classes, dict) or set(classes) != {str(i) for i in range(len(classes))}:
        return ()
    tags = tuple(str(classes[str(i)]) for i in range(len(classes)))
    types = [tag[2:] for tag in tags if tag.startswith("B-")]
    iob2 = "O" in tags and len(set(tags)) == len(tags) and set(tags) <= set(iob2_tags(types))
    return tags if iob2 else ()


def save_tagger(tagger: Tagger, folder: Path) -> None:
    """Write weights, config and tokenizer; `AutoModelForTokenClassification` opens the folder.

    Raises:
        NerdistillError: the disk is full, or the folder cannot be written.
    """
    try:
        tagger.model.save_pretrained(folder)
        tagger.tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
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
    if not isinstance(config, dict):
        raise AssetError(f"{folder / 'config.json'} is not a JSON object", _HINT)
    return config


def _load(folder: Path, tags: tuple[str, ...]) -> tuple[Tagger, set[str]]:
    """The model, and the names of the weights that the folder did not hold."""
    tokenizer, encoder = _encoder(folder)
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        # Without trust_remote_code=False, transformers offers at the terminal to run the
        # folder's own Python.
        model, loaded = transformers.AutoModelForTokenClassification.from_pretrained(
            folder,
            id2label=dict(enumerate(tags)),
            label2id={tag: i for i, tag in enumerate(tags)},
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # told below, in one line
            output_loading_info=True,
        )
    except Exception as error:  # the libraries' parsers raise what they like
        raise _unreadable(folder, error) from error
    wrong = sorted(str(row[0]) for row in loaded["mismatched_keys"])
    if wrong:
        raise AssetError(
            f"model folder {folder}: {wrong[0]} in model.safetensors does not have the shape that "
            f"config.json and {len(tags)} tags ask for",
            _HINT,
        )
    return Tagger(model.to(best_device()), tokenizer, encoder, tags), set(loaded["missing_keys"])


def _encoder(folder: Path) -> tuple[PreTrainedTokenizerBase, Encoder]:
    config = _config(folder)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        return tokenizer, Encoder(tokenizer, _max_pieces(config))
    except Exception as error:  # as above
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> AssetError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return AssetError(f"model folder {folder} cannot be loaded: {reason}", _HINT)


def _max_pieces(config: dict[str, object]) -> int:
    """The encoder's limit, as its position table gives it."""
    positions = config.get("max_position_embeddings", MAX_PIECES)
    size = positions if isinstance(positions, int) else MAX_PIECES
    # RoBERTa's positions start behind the padding index.
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "longformer"}:
        size -= 2
    return min(size, MAX_PIECES)

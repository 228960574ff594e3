"""Sentence vectors from a local encoder: the mean of its last hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import transformers
from safetensors import SafetensorError

from nerdistill.errors import AssetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BATCH = 64
MOST_PIECES = 256
"""Word pieces of a sentence that count: likeness needs no more."""
_HINT = (
    "Name fixed, bm25, or a folder with config.json, model.safetensors and tokenizer.json of an "
    "encoder such as BERT."
)


class Nearest:
    """Scores sentences against a question by the cosine between their vectors.

    Args:
        folder: of the encoder; nothing is downloaded and none of its own code is run.
        sentences: the words of each.

    Raises:
        AssetError: the folder is no encoder.
    """

    def __init__(self, folder: Path, sentences: Sequence[Sequence[str]]) -> None:
        _silence()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            self._model = transformers.AutoModel.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise AssetError(f"{folder} holds no encoder: {reason}", _HINT) from error
        self._model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        room = getattr(self._model.config, "max_position_embeddings", MOST_PIECES)
        # RoBERTa counts its positions from 2, and two must be left for the marks at the ends.
        self._room = min(MOST_PIECES, max(3, room - 2))
        self._pool = self._vectors(sentences)

    def scores(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The cosine of each sentence to a question, in [-1, 1]: `(sentences,) float32`."""
        cosines: NDArray[np.float32] = self._pool @ self._vectors([words])[0]
        return cosines

    def _vectors(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """A vector of length 1 for each: `(sentences, dimensions) float32`."""
        # Sentences of like length share a batch, so that little of it is padding.
        order = sorted(range(len(sentences)), key=lambda at: len(sentences[at]))
        made: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            made |= zip(batch, self._batch([list(sentences[at]) for at in batch]), strict=True)
        return np.stack([made[at] for at in range(len(sentences))])

    @torch.inference_mode()
    def _batch(self, sentences: list[list[str]]) -> NDArray[np.float32]:
        coded = self._tokenizer(
            sentences,
            is_split_into_words=True,
            truncation=True,
            max_length=self._room,
            padding=True,
            return_tensors="pt",
        ).to(self._model.device)
        states = self._model(**coded).last_hidden_state
        mask = coded["attention_mask"].unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=1).cpu().numpy()
        return vectors


def _silence() -> None:
    # It would report on standard error that a tagger's head is not loaded.
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]

"""Words to word pieces, with nothing lost.

Every word keeps at least one piece and its first piece carries its label. A sentence that is too
long for the encoder becomes overlapping windows; each word is scored in exactly one of them, the
one in which it stands further from a cut.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

OVERLAP = 0.25
"""The share of a window's room that it has in common with the window before it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A run of a sentence's words that fits into the encoder.

    Attributes:
        pieces: ids of the word pieces, special tokens included.
        first_word: the first word that is scored here.
        heads: for each scored word, in order, the position of its first piece in `pieces`.
    """

    pieces: tuple[int, ...]
    first_word: int
    heads: tuple[int, ...]


class Encoder:
    """Cuts sentences into windows for one encoder.

    Args:
        tokenizer: a fast tokenizer of transformers.
        max_pieces: room of the encoder, special tokens included.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_pieces: int) -> None:
        self._backend = _bare_backend(tokenizer)
        probe = self._backend.encode(["a"], is_pretokenized=True, add_special_tokens=True)
        special = list(probe.special_tokens_mask)
        inside = special.index(0), len(special) - special[::-1].index(0)
        self._prefix, self._suffix = probe.ids[: inside[0]], probe.ids[inside[1] :]
        unknown = tokenizer.unk_token_id
        self._unknown: int = unknown if isinstance(unknown, int) else probe.ids[inside[0]]
        self.room = max_pieces - len(self._prefix) - len(self._suffix)
        if self.room < 1:
            raise ValueError(f"{max_pieces} pieces leave no room for words")

    def encode(
        self, sentences: Sequence[Sequence[str]], *, windows: bool = True
    ) -> list[list[Window]]:
        """The windows of each sentence.

        Args:
            sentences: words of each.
            windows: False keeps only the first window and scores all of it, as plain truncation
                does; the words behind it are then scored nowhere.
        """
        batch = self._backend.encode_batch(
            [list(words) for words in sentences], is_pretokenized=True, add_special_tokens=False
        )
        coded: list[list[Window]] = []
        for words, encoding in zip(sentences, batch, strict=True):
            pieces: list[list[int]] = [[] for _ in words]
            for piece, word in zip(encoding.ids, encoding.word_ids, strict=True):
                if word is not None:
                    pieces[word].append(piece)
            # A word of nothing but, say, a zero-width space has no piece; a huge word has too many.
            kept = [word[: self.room] or [self._unknown] for word in pieces]
            cuts = self._cut([len(word) for word in kept])
            if not windows:
                _, end, _, _ = cuts[0]
                cuts = [(0, end, 0, end)]
            coded.append([self._window(kept, *cut) for cut in cuts])
        return coded

    def _cut(self, sizes: Sequence[int]) -> list[tuple[int, int, int, int]]:
        """Windows as `(first word, end word, first scored, end scored)`."""
        reaches: list[tuple[int, int]] = []
        start = 0
        while True:
            end, used = start, 0
            while end < len(sizes) and used + sizes[end] <= self.room:
                used += sizes[end]
                end += 1
            reaches.append((start, end))
            if end == len(sizes):
                break
            shared, start = 0, end
            while start - 1 > reaches[-1][0] and shared + sizes[start - 1] <= OVERLAP * self.room:
                start -= 1
                shared += sizes[start]
        middles = [(a_end + b_start + 1) // 2 for (_, a_end), (b_start, _) in pairwise(reaches)]
        edges = [0, *middles, len(sizes)]
        return [(*reach, *scored) for reach, scored in zip(reaches, pairwise(edges), strict=True)]

    def _window(
        self, pieces: list[list[int]], start: int, end: int, first: int, last: int
    ) -> Window:
        ids = list(self._prefix)
        heads: list[int] = []
        for word in range(start, end):
            if first <= word < last:
                heads.append(len(ids))
            ids += pieces[word]
        return Window((*ids, *self._suffix), first, tuple(heads))


def _bare_backend(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """The tokenizer's engine, free of baked-in truncation and padding."""
    from tokenizers import Tokenizer, pre_tokenizers

    own: Tokenizer = tokenizer.backend_tokenizer
    backend = Tokenizer.from_str(own.to_str())
    backend.no_truncation()
    backend.no_padding()
    settings = json.loads(backend.to_str())["pre_tokenizer"] or {}
    if settings.get("type") == "ByteLevel":
        # Otherwise each word would be read as the tail of the one before it.
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(
            add_prefix_space=True, use_regex=settings.get("use_regex", True)
        )
    return backend

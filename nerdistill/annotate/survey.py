"""What the requests of a run hold, seen once as they stream by."""

from __future__ import annotations

import os.path
from array import array
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from nerdistill.annotate.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nerdistill.annotate.protocol import Reply, Request
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.tokens import TokenCounter
    from nerdistill.digest import Digest

CHUNK = 500
"""Requests that are looked up in the store, and counted, at once."""
COUNTED = 20_000
"""Prompts that the tokenizer counts; those after them are estimated by its tokens per byte."""

REPLY_BASE = 7.0
REPLY_SHARE = 0.115
"""Reply tokens of a sentence: a base, and these for each byte of it.

Measured on the 666 recorded replies of the demo corpus, which state label and text of each entity
as JSON: 28 bytes and 0.45 for each byte of the sentence, at four bytes a token. A prompt that has
the model think aloud needs several times as many.
"""


@dataclass(frozen=True, slots=True)
class New:
    """The different requests that the store cannot answer.

    Attributes:
        requests: how many.
        prompt_tokens: of all of them.
        longest: tokens of the longest prompt.
        size: bytes of all prompts.
        prefix: bytes at the start of every prompt that are identical in all.
        reply_tokens: estimated, of all replies together.
    """

    requests: int
    prompt_tokens: int
    longest: int
    size: int
    prefix: int
    reply_tokens: float


@dataclass
class Survey:
    """Counts requests. It keeps 20 bytes of each that the store cannot answer.

    Attributes:
        counter: of the prompts' tokens.
        sentences: that the requests are about.
        requests: in all.
        stored: of those, answered by the store.
        seen_tokens: of the stored replies together.
        max_tokens: what a reply may have at most.
        counted: how many prompts the model's own tokenizer counted.
    """

    counter: TokenCounter
    sentences: int = 0
    requests: int = 0
    stored: int = 0
    seen_tokens: int = 0
    max_tokens: int = 0
    counted: int = 0
    _prefix: str | None = None
    _counted_tokens: int = 0
    _counted_bytes: int = 0
    _keys: array[int] = field(default_factory=lambda: array("Q"))
    _sizes: array[int] = field(default_factory=lambda: array("I"))
    _tokens: array[int] = field(default_factory=lambda: array("I"))
    _replies: array[float] = field(default_factory=lambda: array("f"))

    def look(self, requests: Iterable[Request], store: ReplyStore | None) -> None:
        """Take in all requests.

        Raises:
            StoreError: the reply store cannot be used.
            ConfigError: the model's chat template refuses the prompt.
        """
        for chunk in _chunks(requests):
            self._add(chunk, {} if store is None else store.many(one.key for one in chunk))

    def new(self) -> New:
        """The requests that are to be asked, each counted once."""
        import numpy as np

        _, first = np.unique(np.asarray(self._keys, dtype=np.uint64), return_index=True)
        tokens = np.asarray(self._tokens, dtype=np.int64)[first]
        prefix = (self._prefix or "").encode("utf-8", "surrogatepass")
        return New(
            requests=len(first),
            prompt_tokens=int(tokens.sum()),
            longest=int(tokens.max(initial=0)),
            size=int(np.asarray(self._sizes, dtype=np.int64)[first].sum()),
            prefix=len(prefix) if len(first) > 1 else 0,  # one prompt shares nothing with another
            reply_tokens=float(np.asarray(self._replies, dtype=np.float64)[first].sum()),
        )

    def _add(self, chunk: list[Request], replies: Mapping[Digest, Reply]) -> None:
        self.requests += len(chunk)
        self.sentences += sum(len(one.sentences) for one in chunk if one.sample == 0)
        known = [replies[one.key] for one in chunk if one.key in replies]
        self.stored += len(known)
        self.seen_tokens += sum(reply.tokens_out or tokens_of(reply.text) for reply in known)
        missing = [one for one in chunk if one.key not in replies]
        texts = [_text(one) for one in missing]
        sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
        for one, text, size in zip(missing, texts, sizes, strict=True):
            # 64 bits of the digest: in a million requests, two collide once in 37 million runs.
            self._keys.append(int(one.key[:16], 16))
            self._sizes.append(size)
            self._replies.append(_expected(one))
            self.max_tokens = max(self.max_tokens, one.sampling.max_tokens)
            if self._prefix is None:
                self._prefix = text
            elif not text.startswith(self._prefix):
                pair = (self._prefix, text)
                self._prefix = os.path.commonprefix(pair)  # noqa: RUF071 - no paths: characters
        self._tokens.extend(self._count(missing, sizes))

    def _count(self, missing: list[Request], sizes: list[int]) -> list[int]:
        if self.counter.exact and self.counted >= COUNTED:
            ratio = self._counted_tokens / max(self._counted_bytes, 1)
            return [round(size * ratio) for size in sizes]
        counts = self.counter.count(missing) if missing else []
        if self.counter.exact:
            self.counted += len(counts)
            self._counted_tokens += sum(counts)
            self._counted_bytes += sum(sizes)
        return counts


def _text(request: Request) -> str:
    """The prompt in one piece, roles included."""
    return "".join(f"{one.role}\n{one.content}\n" for one in request.messages)


def _expected(request: Request) -> float:
    """The estimated tokens of a reply, within what it may have."""
    sizes = (len(one.text.encode("utf-8", "surrogatepass")) for one in request.sentences)
    total = sum(REPLY_BASE + REPLY_SHARE * size for size in sizes)
    return min(total, request.sampling.max_tokens)


def _chunks(requests: Iterable[Request]) -> Iterator[list[Request]]:
    iterator = iter(requests)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk

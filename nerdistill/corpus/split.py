"""Parts of a corpus: seeded splits and samples by document, and filters."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from nerdistill.digest import digest_of
from nerdistill.errors import ConfigError
from nerdistill.types import Corpus, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from nerdistill.types import Sentence


def split(corpus: Corpus, shares: Mapping[str, float], seed: int) -> dict[str, Corpus]:
    """Deal whole documents out to named parts, each keeping the corpus's order.

    Who gets which document depends on the seed and the documents' ids, not on their order.

    Args:
        corpus: what to split.
        shares: of the sentences, for each part; they add up to 1.
        seed: another seed, another split.

    Raises:
        ConfigError: the shares do not add up to 1, or a part would stay empty.
    """
    if any(share <= 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1):
        told = ", ".join(f"{name}={share:g}" for name, share in shares.items())
        raise ConfigError(
            f"the shares ({told}) do not add up to 1", "Give each part a share above 0, 1 in all."
        )
    order = _seeded(corpus.documents, seed)
    ends = list(accumulate(len(document.sentences) for document in order))
    bounds = [bound * len(corpus) for bound in accumulate(shares.values())][:-1]
    chosen: list[set[str]] = [set() for _ in shares]
    for document, end in zip(order, ends, strict=True):
        # A document belongs where its middle falls.
        middle = end - len(document.sentences) / 2
        chosen[bisect_right(bounds, middle)].add(document.id)
    for name, ids in zip(shares, chosen, strict=True):
        if not ids:
            raise ConfigError(
                f"the part {name!r} gets none of the {len(order)} documents",
                "Give it a larger share, or a corpus with more documents.",
            )
    return {
        name: Corpus(tuple(one for one in corpus.documents if one.id in ids))
        for name, ids in zip(shares, chosen, strict=True)
    }


def sample(corpus: Corpus, size: int, *, seed: int) -> Corpus:
    """Exactly `size` sentences: whole documents in a seeded order, the last one cut short.

    The documents stay in the corpus's order. With one seed a smaller sample lies inside a larger.

    Raises:
        ConfigError: the corpus holds fewer sentences.
    """
    if not 0 < size <= len(corpus):
        raise ConfigError(
            f"a sample of {size} sentences was asked for, and there are {len(corpus)}",
            "Ask for at least one and at most as many as there are.",
        )
    kept: dict[str, Document] = {}
    left = size
    for document in _seeded(corpus.documents, seed):
        if left <= 0:
            break
        kept[document.id] = Document(document.id, document.sentences[:left])
        left -= len(document.sentences)
    return Corpus(tuple(kept[one.id] for one in corpus.documents if one.id in kept))


def take(corpus: Corpus, keep: Callable[[int, Document, Sentence], bool]) -> Corpus:
    """The sentences that `keep` wants; documents left without any go.

    Args:
        corpus: what to filter.
        keep: called with the sentence's number in the corpus (from 0), its document and itself.
    """
    documents = []
    number = 0
    for document in corpus.documents:
        numbered = enumerate(document.sentences, start=number)
        held = tuple(one for index, one in numbered if keep(index, document, one))
        number += len(document.sentences)
        if held:
            documents.append(Document(document.id, held))
    return Corpus(tuple(documents))


def without_documents(corpus: Corpus, ids: Collection[str]) -> Corpus:
    """The corpus less the documents of these ids."""
    unwanted = frozenset(ids)
    return Corpus(tuple(one for one in corpus.documents if one.id not in unwanted))


def _seeded(documents: Iterable[Document], seed: int) -> list[Document]:
    return sorted(documents, key=lambda document: digest_of([seed, document.id]))

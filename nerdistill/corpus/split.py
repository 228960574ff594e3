"""Parts of a corpus: seeded splits and samples by document, and filters."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Literal

from nerdistill.digest import digest_of
from nerdistill.errors import ConfigError
from nerdistill.types import Corpus, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from nerdistill.types import Sentence

Unit = Literal["sentence", "document"]


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


def sample(corpus: Corpus, size: int, *, seed: int, unit: Unit = "sentence") -> Corpus:
    """Exactly `size` sentences, in the corpus's order. A smaller sample lies inside a larger.

    Args:
        corpus: what to draw from.
        size: in sentences.
        seed: another seed, another sample.
        unit: `sentence` draws sentences one by one, whatever their document; `document` draws
            whole documents, the last one cut short: the same labels in fewer contexts.

    Raises:
        ConfigError: the corpus holds fewer sentences.
    """
    if not 0 < size <= len(corpus):
        raise ConfigError(
            f"a sample of {size} sentences was asked for, and there are {len(corpus)}",
            "Ask for at least one and at most as many as there are.",
        )
    drawn = (
        sorted(corpus.sentences, key=lambda sentence: digest_of([seed, sentence.id]))
        if unit == "sentence"
        else (s for document in _seeded(corpus.documents, seed) for s in document.sentences)
    )
    kept = {sentence.id for sentence in islice(drawn, size)}
    return take(corpus, lambda _number, _document, sentence: sentence.id in kept)


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

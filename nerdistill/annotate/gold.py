"""Gold that was kept aside, brought back to its sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nerdistill.errors import CorpusError
from nerdistill.types import Corpus, Document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.types import Sentence


def with_gold(corpus: Corpus, gold: Corpus) -> Corpus:
    """A corpus whose sentences carry gold's entities, matched by id; None where gold has none.

    Raises:
        CorpusError: gold knows no sentence of the corpus, or has other words for one.
    """
    known = by_id(gold)
    if not any(sentence.id in known for sentence in corpus.sentences):
        raise unknown_gold()
    return Corpus(
        tuple(
            Document(document.id, tuple(labelled(one, known) for one in document.sentences))
            for document in corpus.documents
        )
    )


def unknown_gold() -> CorpusError:
    """What to raise where gold knows no sentence of a corpus."""
    return CorpusError(
        "gold knows none of the sentence ids of the corpus",
        "Name the gold of this corpus: the same ids and the same words, with entities.",
    )


def first_sentences(corpus: Corpus, count: int) -> Corpus:
    """The first `count` sentences of a corpus."""
    documents: list[Document] = []
    left = count
    for document in corpus.documents:
        if left <= 0:
            break
        documents.append(Document(document.id, document.sentences[:left]))
        left -= len(document.sentences)
    return Corpus(tuple(documents))


def by_id(gold: Corpus) -> dict[str, Sentence]:
    """Gold's sentences by their ids."""
    return {sentence.id: sentence for sentence in gold.sentences}


def labelled(sentence: Sentence, known: Mapping[str, Sentence]) -> Sentence:
    """A sentence with gold's entities; without any where gold does not know it.

    Raises:
        CorpusError: gold has other words for it.
    """
    found = known.get(sentence.id)
    if found is None:
        return replace(sentence, spans=None)
    if found.tokens != sentence.tokens:
        raise CorpusError(
            f"sentence {sentence.id} has other words in gold than in the corpus",
            "Cut both into words in one way, for example with `nerdistill corpus convert`.",
        )
    return replace(sentence, spans=found.spans)

"""A small pool with a teacher's labels, for tests of what treats it."""

from __future__ import annotations

from nerdistill.types import Corpus, Document, Sentence, Span

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def pool(*labels: tuple[Span, ...]) -> Corpus:
    """A document for each sentence of the words `Ada left Ulm`."""
    return Corpus(
        tuple(
            Document(f"d{n}", (Sentence(f"d{n}#0", ("Ada", "left", "Ulm"), spans=spans),))
            for n, spans in enumerate(labels)
        )
    )

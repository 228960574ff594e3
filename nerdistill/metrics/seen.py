"""Whether training showed an entity: recall of what is known, and of what is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.types import Sentence, Span

Seen = Literal["original", "distilled", "unseen"]

SEEN: tuple[Seen, ...] = ("original", "distilled", "unseen")
"""In original data; else in distilled data; in neither."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The surface forms of the entities that a student was trained on, of any type.

    Attributes:
        original: those in its original data; empty where it had none.
        distilled: those in its distilled data; empty likewise.
    """

    original: frozenset[str]
    distilled: frozenset[str]

    def where(self, sentence: Sentence, span: Span) -> Seen:
        """Where an entity of the same form was seen first of all."""
        name = form(sentence, span)
        if name in self.original:
            return "original"
        return "distilled" if name in self.distilled else "unseen"


def form(sentence: Sentence, span: Span) -> str:
    """The characters of an entity, case and all, without the space between its tokens.

    Corpora differ in how they cut `Coca-Cola` or `Moody's` into tokens.
    """
    return "".join(sentence.tokens[span.start : span.end])


def forms(sentences: Iterable[Sentence]) -> frozenset[str]:
    """The forms of all entities of labelled sentences."""
    return frozenset(form(one, span) for one in sentences for span in one.spans or ())

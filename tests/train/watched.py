"""What tiny students are watched with, and trainings that are watched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nerdistill.labels import spans_to_tags
from nerdistill.train.pool import prepare
from nerdistill.train.watch import Watch, errors_in, places_of
from nerdistill.types import Sentence, Span
from tests.train.runs import TAGS, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.student.encode import Encoder

TOKENS = ("Ada", "left", "Bela", "for", "good")


def erring(*pairs: tuple[Sequence[Span], Sequence[Span]], encoder: Encoder) -> Watch:
    """A watch of nothing but sentences of five words, each with the teacher's spans and gold's."""
    told = [Sentence(str(i), TOKENS, spans=tuple(said)) for i, (said, _) in enumerate(pairs)]
    gold = [tag for _, right in pairs for tag in spans_to_tags(right, len(TOKENS))]
    errors = [errors_in(said, right, len(TOKENS)) for said, right in pairs]
    places = places_of(errors, [TAGS.index(tag) for tag in gold])
    return Watch(memory=prepare(told, encoder, TAGS), places=places)


def watching(encoder: Encoder, *, seed: int = 1, count: int = 17) -> Watch:
    """A watch of every part, whose content depends on the seed; so many sentences held out."""
    ada, bela, far = Span(0, 1, "PER"), Span(2, 3, "PER"), Span(2, 4, "PER")
    wrong = erring(([ada], [ada, bela]), ([ada, far], [bela]), encoder=encoder)
    return replace(
        wrong,
        original=prepare(sentences(count + seed, fillers=4), encoder, TAGS),
        distilled=prepare(sentences(count, fillers=2 + seed), encoder, TAGS),
    )

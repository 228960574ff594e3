"""Other weights, or other labels, for sentences that a teacher labelled: a distilled pool's cures.

A treatment reads the teacher's labels, and what students think of the same words, as a rule those
who learnt from other sentences; never gold of the sentences that it treats.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from nerdistill.blend.decode import decode
from nerdistill.blend.error_rates import sorts
from nerdistill.labels import spans_to_tags
from nerdistill.types import Corpus, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from nerdistill.blend.error_rates import Sort
    from nerdistill.types import Sentence

How = Literal["confidence", "masked", "agreed", "relabelled"]
"""What is done: see the function of that name."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a pool's labels.

    Attributes:
        tags: IOB2 tags in class order.
        opinion: `(words, classes)`: how probable each class of each word is, sentence after
            sentence, as students think, and mostly as `second_opinion` makes of it; no column where
            the treatment asks no student.
        confidences: the annotator's, of each sentence's entities, by the sentence's id; what is
            missing or None, it did not give.
        rates: of each sort of word, how often the teacher's label is right; sorts that were never
            seen count as right.
    """

    tags: Sequence[str]
    opinion: NDArray[np.floating]
    confidences: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    rates: Mapping[Sort, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence's part of it.

    Attributes:
        given: `(words,)`: the teacher's classes.
        opinion: `(words, classes)`.
    """

    given: NDArray[np.integer]
    opinion: NDArray[np.floating]


def treat(pool: Corpus, evidence: Evidence, how: How) -> Corpus:
    """The pool with other weights or labels; documents, ids and words stay.

    Args:
        pool: as the teacher labelled it.
        evidence: of its words, in its order.
        how: the treatment.
    """
    classes, opinion = classes_of(pool, evidence.tags), evidence.opinion
    parts = (
        Words(classes[start:end], opinion[start:end])
        for start, end in pairwise([0, *accumulate(len(one.tokens) for one in pool.sentences)])
    )
    return Corpus(
        tuple(
            Document(
                document.id,
                tuple(
                    TREATMENTS[how](sentence, next(parts), evidence)
                    for sentence in document.sentences
                ),
            )
            for document in pool.documents
        )
    )


def classes_of(pool: Corpus, tags: Sequence[str]) -> NDArray[np.int64]:
    """`(words,)`: the classes that the teacher gave, sentence after sentence."""
    given = (spans_to_tags(one.spans or (), len(one.tokens)) for one in pool.sentences)
    index = {tag: number for number, tag in enumerate(tags)}
    return np.array([index[tag] for words in given for tag in words], np.int64)


def confidence(sentence: Sentence, words: Words, evidence: Evidence) -> Sentence:
    """Weigh entities by the annotator's confidence, and other words fully.

    Where it gave none, each word weighs the probability of its tag.
    """
    told = evidence.confidences.get(sentence.id, (None,))
    sure = [one for one in told if one is not None]
    if len(sure) < len(told):
        return replace(sentence, weights=_of_classes(words, words.given))
    weights = [1.0] * len(sentence.tokens)
    for span, weight in zip(sentence.spans or (), sure, strict=True):
        weights[span.start : span.end] = [weight] * (span.end - span.start)
    return replace(sentence, weights=tuple(weights))


def masked(sentence: Sentence, words: Words, evidence: Evidence) -> Sentence:  # noqa: ARG001
    """Weigh each word by how often the teacher is right about words of its sort."""
    known = sorts(sentence, sentence.spans or ())
    return replace(sentence, weights=tuple(evidence.rates.get(sort, 1.0) for sort in known))


def agreed(sentence: Sentence, words: Words, evidence: Evidence) -> Sentence:
    """Train on those words alone whose tag is the most probable one, too."""
    found = decode(words.opinion, evidence.tags)
    theirs = spans_to_tags(found, len(sentence.tokens))
    same = [
        float(evidence.tags[given] == tag) for given, tag in zip(words.given, theirs, strict=True)
    ]
    return replace(sentence, weights=tuple(same))


def relabelled(sentence: Sentence, words: Words, evidence: Evidence) -> Sentence:
    """Put the most probable labels in the teacher's place, weighed by how probable each is."""
    spans = decode(words.opinion, evidence.tags)
    index = {tag: number for number, tag in enumerate(evidence.tags)}
    chosen = np.array([index[tag] for tag in spans_to_tags(spans, len(sentence.tokens))])
    return replace(sentence, spans=spans, weights=_of_classes(words, chosen))


def _of_classes(words: Words, classes: NDArray[np.integer]) -> tuple[float, ...]:
    """The probability of these classes, word by word."""
    found = words.opinion[np.arange(len(classes)), classes]
    return tuple(round(float(one), 4) for one in found)


TREATMENTS: dict[How, Callable[[Sentence, Words, Evidence], Sentence]] = {
    "confidence": confidence,
    "masked": masked,
    "agreed": agreed,
    "relabelled": relabelled,
}

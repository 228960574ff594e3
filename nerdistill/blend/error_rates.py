"""How often a label is right, given what it says and what the word looks like."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nerdistill.labels import spans_to_tags, split_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nerdistill.types import Sentence, Span

Sort = tuple[str, bool]
"""The type that a word was given ("" for none), and whether the word has a capital letter."""

PRIOR_RIGHT, PRIOR_WRONG = 1.0, 1.0
"""Words that each sort is taken to have had beforehand: a sort that was seen once proves little."""


def sorts(sentence: Sentence, spans: Iterable[Span]) -> list[Sort]:
    """The sort of each word under some labels."""
    tags = spans_to_tags(spans, len(sentence.tokens))
    return [
        (split_tag(tag)[1], word != word.lower())
        for tag, word in zip(tags, sentence.tokens, strict=True)
    ]


def share_right(
    sentences: Sequence[Sentence], given: Sequence[Sequence[Span]]
) -> Mapping[Sort, float]:
    """Of each sort of word, the share of those whose tag is right.

    Args:
        sentences: with gold.
        given: the labels in question of each sentence.
    """
    seen: Counter[Sort] = Counter()
    right: Counter[Sort] = Counter()
    for sentence, spans in zip(sentences, given, strict=True):
        gold = spans_to_tags(sentence.spans or (), len(sentence.tokens))
        tags = spans_to_tags(spans, len(sentence.tokens))
        for sort, one, other in zip(sorts(sentence, spans), gold, tags, strict=True):
            seen[sort] += 1
            right[sort] += one == other
    return {
        sort: (right[sort] + PRIOR_RIGHT) / (count + PRIOR_RIGHT + PRIOR_WRONG)
        for sort, count in seen.items()
    }

"""How sure a model was of each entity that it wrote, from the probabilities of its tokens.

The confidence of an entity is P(label) x P(text):

- P(label) is the product over the tokens that spell its label: the probability of the decision
  for this type. No mean is taken, as a label is decided by its first token or two, and what
  follows is forced and near 1.
- P(text) is the geometric mean over the tokens that spell its text, so that long names are not
  punished for their length: the length-normalised sequence probability of Malinin and Gales,
  "Uncertainty Estimation in Autoregressive Structured Prediction", ICLR 2021, arXiv 2002.07650.

Brackets, keys and quotation marks do not count: structured output forces them, and depending on
the server they then have probability 1 or that of a choice that the model never had. A token that
spells an end of a label or text and punctuation besides counts as a whole.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from nerdistill.annotate.literals import stated_entities
from nerdistill.annotate.parse.nothing import is_nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.annotate.literals import Literal
    from nerdistill.annotate.parse import Mention

Logprobs = tuple[tuple[str, float], ...]
"""The tokens of a reply, each with its natural-log probability."""

_ROUNDING = 0.01
"""A log-probability above 0 by no more than this is a rounding error of the server."""

_BYTE = re.compile(r"\\x([0-9a-fA-F]{2})|<0x([0-9a-fA-F]{2})>")
_PART = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Written:
    """An entity of a reply, as it stands there.

    Attributes:
        label: its type, in the reply's words.
        text: its text, in the reply's words.
        number: of the sentence, in a reply about several; None where the reply says none.
        confidence: in [0, 1]; None where its tokens cannot be told or have no probability.
    """

    label: str
    text: str
    number: int | None
    confidence: float | None


def written_entities(text: str, logprobs: Logprobs) -> tuple[Written, ...]:
    """The entities that a reply states as JSON, in its order, each with its confidence."""
    extents = _extents(text, [token for token, _ in logprobs])
    if extents is None:
        return ()
    lows, highs = extents
    before = list(accumulate(map(_counts, text), initial=0))

    def logs(literal: Literal) -> list[float]:
        first = bisect_left(highs, 2 * before[literal.start])
        behind = bisect_right(lows, 2 * before[literal.end])
        return [log for _, log in logprobs[first:behind]]

    written: list[Written] = []
    for one in stated_entities(text):
        sure = _confidence(logs(one.label), logs(one.text))
        written.append(Written(one.label.value, one.text.value, one.number, sure))
    return tuple(written)


def confidences(
    mentions: Sequence[Mention], written: Sequence[Written]
) -> tuple[float | None, ...]:
    """The confidence of each mention of a sentence: None where its place cannot be told.

    Args:
        mentions: as the parser read them, in the order of the reply.
        written: the entities that the reply states about this sentence, in its order. Where it
            drafts its answer first, the last ones count.
    """
    named = [one for one in written if not is_nothing(one.text)]
    last = named[len(named) - len(mentions) :] if len(named) >= len(mentions) else []
    if [(one.label, one.text) for one in last] != [(one.label, one.text) for one in mentions]:
        return (None,) * len(mentions)
    return tuple(one.confidence for one in last)


def _confidence(label: Sequence[float], text: Sequence[float]) -> float | None:
    if not label or not text or any(not log <= _ROUNDING for log in (*label, *text)):
        return None
    of_label = math.fsum(min(log, 0.0) for log in label)
    of_text = math.fsum(min(log, 0.0) for log in text) / len(text)
    return math.exp(of_label + of_text)


def _extents(text: str, tokens: Sequence[str]) -> tuple[list[int], list[int]] | None:
    """Where each token begins and ends in the text, both included; None where they do not spell it.

    Only printable ASCII is aligned. Of other characters a byte-level token may hold a part, which
    servers write in ways of their own, and white space at its ends may have been taken off the
    text. The n-th ASCII character (from 0) has place 2n + 1, and all that is not ASCII before it
    has place 2n. Values end at quotation marks, so that no more is needed to tell their tokens.
    """
    wanted = _ascii(text)
    for pieces in (tokens, [_unescaped(token) for token in tokens]):
        # What the model thinks comes before the answer, special tokens come behind it.
        offset = "".join(map(_ascii, pieces)).rfind(wanted)
        if offset >= 0:
            return _placed(pieces, -offset)
    return None


def _placed(pieces: Sequence[str], at: int) -> tuple[list[int], list[int]]:
    lows: list[int] = []
    highs: list[int] = []
    for piece in pieces:
        lows.append(2 * at + _counts(piece[:1]))
        at += len(_ascii(piece))
        highs.append(2 * at - _counts(piece[-1:]))
    return lows, highs


def _ascii(text: str) -> str:
    return "".join(filter(_counts, text))


def _counts(character: str) -> bool:
    return "!" <= character <= "~"  # white space is not; nor is "", an end of an empty token


def _unescaped(token: str) -> str:
    r"""A token that holds parts of characters, written `bytes:\xe2\x80`, `\xe2` or `<0xE2>`."""
    if not _BYTE.search(token):
        return token
    return _BYTE.sub(_byte, token.removeprefix("bytes:"))


def _byte(found: re.Match[str]) -> str:
    value = int(found[1] or found[2], 16)
    return chr(value) if value < 0x80 else _PART  # noqa: PLR2004 - where ASCII ends

"""From mentions, which are strings, to spans, which are tokens. Every mention is accounted for.

A mention is looked for as it is written, on token boundaries only: "US" is never found inside
"virus". Where it is not there, differences of case, white space, quotation marks and dashes are
forgiven, then what a model adds at its ends. Repeated mentions take successive places.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nerdistill.types import Issue, Outcome, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.annotate.parse import Mention
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

Place = tuple[int, int]
"""A half-open range of tokens."""

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")  # noqa: RUF001 - look-alikes are the point
_QUOTES = {**dict.fromkeys(map(ord, "‘’‚`´′"), "'"), **dict.fromkeys(map(ord, "“”„«»″"), '"')}  # noqa: RUF001 - as above
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_FORGIVEN = {**_DASHES, **_QUOTES, **_INVISIBLE}

_ENDS = " \t.,;:!?\"'‘’“”()[]{}<>*_`"  # noqa: RUF001 - as above
"""What may stand around a mention without being part of it."""
_POSSESSIVES = ("'s", "’s", "'S", "’S")  # noqa: RUF001 - both apostrophes occur
_GLOSS = re.compile(r"\([^()]*\)\W*\Z")


@dataclass(frozen=True, slots=True)
class Alignment:
    """The spans of a reply.

    Attributes:
        spans: in text order, not overlapping.
        mentions: for each span the index of the mention that it comes from.
        issues: what became of each mention, in the order of the reply.
    """

    spans: tuple[Span, ...]
    mentions: tuple[int, ...]
    issues: tuple[Issue, ...]


def align(mentions: Sequence[Mention], sentence: Sentence, schema: LabelSchema) -> Alignment:
    """Give each mention a span of the sentence, or a reason why it has none.

    Longer mentions choose first, then those that the reply wrote first; a mention for which only
    taken places are left overlaps. `ambiguous` is one that the text still holds more often than
    the reply does: it takes its first free place.
    """
    finder = _Finder(sentence)
    labels = [schema.resolve(mention.label) for mention in mentions]
    places = [
        finder.places(mention) if label else ()
        for mention, label in zip(mentions, labels, strict=True)
    ]
    waiting = Counter(places)
    free = [True] * len(sentence.tokens)
    taken: dict[int, Span] = {}
    outcomes: list[Outcome] = ["not_in_text" if label else "unknown_label" for label in labels]
    for i in sorted(range(len(mentions)), key=lambda i: (-_width(places[i]), i)):
        label = labels[i]
        if label is None or not places[i]:
            continue
        open_places = [place for place in places[i] if all(free[slice(*place)])]
        ambiguous = len(open_places) > waiting[places[i]]
        waiting[places[i]] -= 1
        if not open_places:
            outcomes[i] = "overlap"
            continue
        start, end = open_places[0]
        free[start:end] = [False] * (end - start)
        taken[i] = Span(start, end, label)
        verbatim = sentence.surface(taken[i]) == mentions[i].text
        outcomes[i] = "ambiguous" if ambiguous else "exact" if verbatim else "repaired"
    placed = sorted(taken, key=lambda i: taken[i].start)
    issues = (Issue(outcomes[i], one.label, one.text) for i, one in enumerate(mentions))
    return Alignment(tuple(taken[i] for i in placed), tuple(placed), tuple(issues))


def _width(places: Sequence[Place]) -> int:
    return places[0][1] - places[0][0] if places else 0


class _Finder:
    """Finds mentions in one sentence, on token boundaries."""

    def __init__(self, sentence: Sentence) -> None:
        self._text = sentence.text
        self._starts = {start: i for i, (start, _) in enumerate(sentence.offsets)}
        self._ends = {end: i + 1 for i, (_, end) in enumerate(sentence.offsets)}
        self._normal = [normalise(token) for token in sentence.tokens]
        # Models repeat themselves; a text is looked for once.
        self._anywhere = cache(self._search)

    def places(self, mention: Mention) -> tuple[Place, ...]:
        """Where a mention stands: at the place that it names, else wherever its text does."""
        if mention.start is not None:
            at = self._verbatim_at(mention.start, mention.text)
            return (at,) if at else ()
        return self._anywhere(mention.text)

    def _search(self, text: str) -> tuple[Place, ...]:
        """As it is written, else as it may be meant."""
        found = self._verbatim(text)
        for meant in _readings(text):
            found = found or self._forgiving(meant)
        return tuple(found)

    def _verbatim(self, text: str) -> list[Place]:
        found, at = list[Place](), -1
        while text and (at := self._text.find(text, at + 1)) >= 0:
            place = self._verbatim_at(at, text)
            if place:
                found.append(place)
        return found

    def _verbatim_at(self, at: int, text: str) -> Place | None:
        """The tokens that spell `text` at a character, if its ends are tokens' ends."""
        start, end = self._starts.get(at), self._ends.get(at + len(text))
        if start is None or end is None or not self._text.startswith(text, at):
            return None
        return (start, end) if start < end else None

    def _forgiving(self, text: str) -> list[Place]:
        """Runs of tokens that spell the text once both are normalised; they do not overlap."""
        wanted = normalise(text)
        found: list[Place] = []
        start = 0
        while wanted and start < len(self._normal):
            end = self._match(wanted, start)
            if end is None:
                start += 1
            else:
                found.append((start, end))
                start = end
        return found

    def _match(self, wanted: str, start: int) -> int | None:
        done = 0
        for end in range(start, len(self._normal)):
            token = self._normal[end]
            if not wanted.startswith(token, done) or (not token and end == start):
                return None
            done += len(token)
            if done == len(wanted):
                return end + 1
        return None


def _readings(text: str) -> list[str]:
    """What a mention may mean, from the likeliest: as it is, without what stands at its ends."""
    bare = text.strip(_ENDS)
    owner = bare
    for ending in _POSSESSIVES:
        owner = owner.removesuffix(ending)
    # "World Trade Organization (WTO)": the model explains itself.
    return [text, bare, owner, _GLOSS.sub("", text).strip(_ENDS)]


def normalise(text: str) -> str:
    """A text without what a language model changes unasked: case, white space, look-alikes.

    Tokens are normalised one by one, so that letters whose case or composition changes their
    length (`İ`, `ß`, combining marks) shift nothing.
    """
    composed = unicodedata.normalize("NFKC", text.translate(_FORGIVEN)).casefold()
    return "".join(unicodedata.normalize("NFKC", composed).translate(_FORGIVEN).split())

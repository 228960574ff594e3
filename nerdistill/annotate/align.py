"""From mentions, which are strings, to spans, which are tokens. Every mention is accounted for.

A mention is looked for as it is written, on token boundaries only: "US" is never found inside
"virus". Where it is not there, differences of case, white space, quotation marks and dashes are
forgiven, then punctuation at its ends. Repeated mentions take successive places.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.types import Issue, Outcome, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nerdistill.annotate.parse import Mention
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

Place = tuple[int, int]
"""A half-open range of tokens."""

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")  # noqa: RUF001 - look-alikes are the point
_QUOTES = {**dict.fromkeys(map(ord, "‘’‚`´′"), "'"), **dict.fromkeys(map(ord, "“”„«»″"), '"')}  # noqa: RUF001 - as above
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_FORGIVEN = {**_DASHES, **_QUOTES, **_INVISIBLE}

_ENDS = " \t.,;:!?\"'()[]{}<>*_`"
"""What may stand around a mention without being part of it."""


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
    taken: dict[int, Span] = {}
    outcomes: dict[int, Outcome] = {}
    places = {i: finder.places(mention) for i, mention in enumerate(mentions)}
    order = sorted(places, key=lambda i: (-_width(places[i]), i))
    for number, i in enumerate(order):
        label = schema.resolve(mentions[i].label)
        if label is None:
            outcomes[i] = "unknown_label"
        elif not places[i]:
            outcomes[i] = "not_in_text"
        else:
            free = [place for place in places[i] if _is_free(place, taken.values())]
            if not free:
                outcomes[i] = "overlap"
                continue
            taken[i] = Span(*free[0], label)
            waiting = sum(places[j] == places[i] for j in order[number:])
            verbatim = sentence.surface(taken[i]) == mentions[i].text
            if len(free) > waiting and mentions[i].start is None:
                outcomes[i] = "ambiguous"
            else:
                outcomes[i] = "exact" if verbatim else "repaired"
    placed = sorted(taken, key=lambda i: taken[i].start)
    issues = (Issue(outcomes[i], one.label, one.text) for i, one in enumerate(mentions))
    return Alignment(tuple(taken[i] for i in placed), tuple(placed), tuple(issues))


def _width(places: Sequence[Place]) -> int:
    return places[0][1] - places[0][0] if places else 0


def _is_free(place: Place, spans: Iterable[Span]) -> bool:
    return all(place[1] <= span.start or span.end <= place[0] for span in spans)


class _Finder:
    """Finds mentions in one sentence, on token boundaries."""

    def __init__(self, sentence: Sentence) -> None:
        self._sentence = sentence
        self._normal = [normalise(token) for token in sentence.tokens]

    def places(self, mention: Mention) -> list[Place]:
        """Where a mention stands: as it is written, else as it may be meant."""
        if mention.start is not None:
            at = self._verbatim_at(mention.start, mention.text)
            return [at] if at else []
        found = self._verbatim(mention.text)
        for text in (mention.text, mention.text.strip(_ENDS), _without_possessive(mention.text)):
            found = found or self._forgiving(text)
        return found

    def _verbatim(self, text: str) -> list[Place]:
        whole, found, at = self._sentence.text, list[Place](), -1
        while text and (at := whole.find(text, at + 1)) >= 0:
            place = self._verbatim_at(at, text)
            if place:
                found.append(place)
        return found

    def _verbatim_at(self, at: int, text: str) -> Place | None:
        """The tokens that spell `text` at a character, if its ends are tokens' ends."""
        starts = {start: i for i, (start, _) in enumerate(self._sentence.offsets)}
        ends = {end: i + 1 for i, (_, end) in enumerate(self._sentence.offsets)}
        start, end = starts.get(at), ends.get(at + len(text))
        spelt = self._sentence.text[at : at + len(text)] == text
        return (start, end) if spelt and start is not None and end is not None else None

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


def normalise(text: str) -> str:
    """A text without what a language model changes unasked: case, white space, look-alikes.

    Tokens are normalised one by one, so that letters whose case or composition changes their
    length (`İ`, `ß`, combining marks) shift nothing.
    """
    composed = unicodedata.normalize("NFKC", text.translate(_FORGIVEN)).casefold()
    return "".join(unicodedata.normalize("NFKC", composed).translate(_FORGIVEN).split())


def _without_possessive(text: str) -> str:
    bare = text.strip(_ENDS)
    for ending in ("'s", "’s", "'S", "’S"):  # noqa: RUF001 - both apostrophes occur
        bare = bare.removesuffix(ending)
    return bare

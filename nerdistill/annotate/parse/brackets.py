"""The bracketed pieces of a reply, found in one pass, and where one never closes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = re.compile(r"[{\[]")
# A string ends with its line, so that a lone quotation mark swallows no more than that.
_INSIDE = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|[{}\[\]]')
_LIKE_JSON = re.compile(r"\{\s*(?:[\"'\w{\[]|$)|\[\s*(?:[\"'{\[]|$)")
_OPENER_OF = {"}": "{", "]": "["}
_CLOSER_OF = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Brackets:
    """The brackets of a text.

    Attributes:
        pieces: the outermost bracketed pieces, as they are written, in order.
        unclosed: where a piece like JSON starts that never ends; None where there is none.
    """

    pieces: tuple[str, ...]
    unclosed: int | None


@dataclass
class _Scan:
    """A pass over a text from bracket to bracket; strings inside brackets are skipped."""

    text: str
    open: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"{": 0, "[": 0})

    def steps(self, start: int = 0) -> Iterator[tuple[str, int, int | None]]:
        """Each token with its end, and for a closing bracket its opening one's place."""
        at = start
        while token := (_INSIDE if self.open else _OPEN).search(self.text, at):
            at = token.end()
            opener = _OPENER_OF.get(token[0])
            if token[0] in self.counts:
                self.open.append(token.start())
                self.counts[token[0]] += 1
                yield token[0], at, None
            elif opener is None:
                yield token[0], at, None
            elif self.counts[opener]:
                yield token[0], at, self._close(opener)

    def _close(self, opener: str) -> int:
        """Close the last open bracket of a kind; those open inside it belong to nothing."""
        while True:
            start = self.open.pop()
            self.counts[self.text[start]] -= 1
            if self.text[start] == opener:
                return start


def scan(text: str) -> Brackets:
    """Find the outermost bracketed pieces of a text, in time linear in its length."""
    bare = text.strip()
    if bare[:1] in _CLOSER_OF and _is_json(bare):
        return Brackets((bare,), None)  # most replies, at a tenth of the time
    walk = _Scan(text)
    pairs = sorted((start, end) for _, end, start in walk.steps() if start is not None)
    pieces: list[str] = []
    done = 0
    for start, end in pairs:
        if start >= done:
            pieces.append(text[start:end])
            done = end
    unclosed = (start for start in walk.open if _LIKE_JSON.match(text, start))
    return Brackets(tuple(pieces), next(unclosed, None))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def closed_again(text: str, start: int) -> list[str]:
    """JSON that was cut off, ended behind what is whole: a bracketed value or a listed string.

    Args:
        text: the reply.
        start: where the JSON opens.

    Returns:
        Candidates for the text, the longest first; none where nothing is whole.
    """
    walk = _Scan(text)
    value = listed = start
    for token, end, opened in walk.steps(start):
        if opened is not None:
            value = listed = end
        elif token[0] == '"' and token[1:].endswith('"') and text[walk.open[-1]] == "[":
            listed = end
    return [_ended(text[:end], start) for end in dict.fromkeys((listed, value)) if end > start]


def _ended(text: str, start: int) -> str:
    walk = _Scan(text)
    for _ in walk.steps(start):
        pass
    return text + "".join(_CLOSER_OF[text[at]] for at in reversed(walk.open))

"""The entities that a reply states as JSON objects, with their places in the reply's text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LABEL, TEXT, NUMBER = "label", "text", "number"
"""The keys of an entity, and of a sentence among several, as every reply schema names them."""

_OPEN = re.compile(r"[{\[]")
_INSIDE = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*:)?|-?\d+(?:\.\d*)?|[{}\[\]]', re.DOTALL)
_OPENER_OF = {"}": "{", "]": "["}
_THOUGHT = "</think>"
_LONGEST_NUMBER = 10


@dataclass(frozen=True, slots=True)
class Literal:
    """A JSON string in a text.

    Attributes:
        value: what it says, decoded.
        start: its first character behind the opening quotation mark.
        end: its closing quotation mark.
    """

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Stated:
    """An object of a reply that states an entity.

    Attributes:
        label: the type.
        text: the mention.
        number: of the sentence, as the nearest numbered object around it says; None where none is.
    """

    label: Literal
    text: Literal
    number: int | None


@dataclass
class _Frame:
    """An open bracket, and what it holds so far."""

    opener: str
    key: str | None = None
    strings: dict[str, Literal] = field(default_factory=dict)
    number: int | None = None


@dataclass
class _Scan:
    """A pass over a reply from token to token."""

    text: str
    stack: list[_Frame] = field(default_factory=list)
    found: list[tuple[Literal, Literal, tuple[_Frame, ...]]] = field(default_factory=list)

    def tokens(self) -> Iterator[re.Match[str]]:
        """Strings, numbers and brackets inside brackets; prose around them is skipped."""
        at = self.text.rfind(_THOUGHT) + 1
        while token := (_INSIDE if self.stack else _OPEN).search(self.text, at):
            at = token.end()
            yield token

    def run(self) -> None:
        """Find every entity; stop where the brackets make no sense."""
        for token in self.tokens():
            if token[0] in _OPENER_OF:
                if not self._close(_OPENER_OF[token[0]]):
                    return
            elif token[0] in "{[":
                if self.stack:
                    self.stack[-1].key = None
                self.stack.append(_Frame(token[0]))
            elif token[0].startswith('"'):
                self._string(token)
            else:
                self._number(token[0])

    def _close(self, opener: str) -> bool:
        frame = self.stack.pop()
        label, text = frame.strings.get(LABEL), frame.strings.get(TEXT)
        if label and text:
            self.found.append((label, text, tuple(self.stack)))
        return frame.opener == opener

    def _string(self, token: re.Match[str]) -> None:
        frame = self.stack[-1]
        try:
            value = str(json.loads(f'"{token[1]}"', strict=False))
        except ValueError:  # an escape that JSON does not know
            frame.key = None
            return
        if token[2]:
            frame.key = value.casefold()
        elif frame.key is not None:
            frame.strings[frame.key] = Literal(value, token.start(1), token.end(1))
            frame.key = None

    def _number(self, digits: str) -> None:
        frame = self.stack[-1]
        if frame.key == NUMBER and digits.isdecimal() and len(digits) < _LONGEST_NUMBER:
            frame.number = int(digits)
        frame.key = None


def stated_entities(text: str) -> tuple[Stated, ...]:
    """The entities of a reply in its order, drafts too; none in what it thought aloud.

    Only objects with the keys `label` and `text` are read, at any depth. A reply in another form
    gives an empty tuple, never an error.
    """
    scan = _Scan(text)
    scan.run()
    return tuple(Stated(label, mention, _number(above)) for label, mention, above in scan.found)


def _number(above: tuple[_Frame, ...]) -> int | None:
    return next((frame.number for frame in reversed(above) if frame.number is not None), None)

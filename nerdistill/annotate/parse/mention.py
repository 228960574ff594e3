"""What every reader of replies shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.labels import LabelSchema

_NOTHING = frozenset(
    {"", "none", "n/a", "na", "null", "nil", "-", "--", "—", "empty", "no entities"}
)
_AROUND = " \t\r\n\"'`“”‘’*_"  # noqa: RUF001 - quotation marks as they occur


class ParseError(ValueError):
    """A reply that cannot be read. The run makes a failure of it."""


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity as a reply wrote it.

    Attributes:
        label: its type, in the reply's words.
        text: its text, in the reply's words.
        start: its first character in the sentence, where the format tells the position.
    """

    label: str
    text: str
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: see `parse_reply`."""

    sentence: str
    schema: LabelSchema
    default_label: str | None
    salvage: bool


def mentions_in(label: str, texts: list[str]) -> list[Mention]:
    """A mention for each text that is not a way to say "none"."""
    bare = (text.strip(_AROUND) for text in texts)
    return [Mention(label, text) for text in bare if text.casefold() not in _NOTHING]

"""What every reader of replies shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nerdistill.annotate.parse.nothing import is_nothing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.labels import LabelSchema

MARKUP = " \t\r\n\"'`“”‘’*_#"  # noqa: RUF001 - quotation marks as they occur
"""What stands around a mention or a type in formats that do not quote them."""

_LONGEST_TYPE = 60
"""Characters of a heading that names a type."""
_ADDED_WORDS = (" entities", " entity", " names")
_SEPARATORS = re.compile(r"[,;]|<br\s*/?>")
_GLOSS = re.compile(r"\s\(|:\s")
_REMARK = re.compile(r"\s[-–—]\s")  # noqa: RUF001 - dashes as they occur


class ParseError(ValueError):
    """A reply that cannot be read. The run makes a failure of it."""


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity as a reply wrote it.

    Attributes:
        label: its type, in the reply's words.
        text: its text, in the reply's words.
        start: its first character in the sentence, where the reply tells the position.
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

    def type_in(self, words: str) -> str | None:
        """The type that a heading names, in its words: `**Persons**`, `Person (PER)`."""
        bare = words.strip(MARKUP + ":")
        for ending in _ADDED_WORDS:
            if bare.casefold().endswith(ending):
                bare = bare[: -len(ending)].strip(MARKUP)
        resolve = self.schema.resolve
        if len(bare) > _LONGEST_TYPE:
            return None
        if resolve(bare):
            return bare
        outside, _, inside = (part.strip() for part in bare.rstrip(")").partition("("))
        return outside if resolve(outside) and resolve(inside) else None

    def mentions(self, label: str, texts: Iterable[str]) -> list[Mention]:
        """A mention for each text that is not a way to say "none", without markup around it."""
        bare = (text.strip(MARKUP) for text in texts)
        return [Mention(label, text) for text in bare if not is_nothing(text)]

    def items(self, label: str, text: str) -> list[Mention]:
        """The mentions of a cell or a line: it is one name, or a list, or a name explained."""
        whole = text.strip(MARKUP)
        if whole in self.sentence or is_nothing(whole):
            return self.mentions(label, [whole])
        spelt = self.holds(whole)
        for added in (_GLOSS,) if spelt else (_GLOSS, _REMARK):
            head = added.split(whole, maxsplit=1)[0].strip(MARKUP)
            if head != whole and self.holds(head):
                return self.mentions(label, [head])
        return self.mentions(label, self.cut(whole))

    def holds(self, text: str) -> bool:
        """Whether the sentence holds a text, but for case and white space."""
        bare = _squeezed(text)
        return bool(bare) and bare in _squeezed(self.sentence)

    @staticmethod
    def cut(text: str) -> list[str]:
        """The items of a list in one line."""
        return _SEPARATORS.split(text)


@lru_cache(maxsize=64)
def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()

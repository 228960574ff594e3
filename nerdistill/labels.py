"""Label schemas, and tags to spans and back: IOB1, IOB2 and BIOES."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nerdistill import assets
from nerdistill.errors import LabelError
from nerdistill.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Scheme = Literal["IOB1", "IOB2", "BIOES"]


@dataclass(frozen=True, slots=True)
class EntityType:
    """One type of entity and the words that explain it to an annotator."""

    name: str
    description: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSchema:
    """The entity types of a task, in a fixed order.

    Attributes:
        name: of the schema.
        types: in the order that the model's classes and every table follow.
        guidelines: rules that hold for all types, for the prompt; may be empty.
    """

    name: str
    types: tuple[EntityType, ...]
    guidelines: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The type names, in order."""
        return tuple(kind.name for kind in self.types)

    @property
    def tags(self) -> tuple[str, ...]:
        """The IOB2 tags in class order: O, then B- and I- of each type."""
        return iob2_tags(self.names)

    def resolve(self, label: str) -> str | None:
        """The schema's name for a label as somebody wrote it (case and aliases forgiven)."""
        wanted = label.strip().casefold()
        for kind in self.types:
            if wanted in (kind.name.casefold(), *(alias.casefold() for alias in kind.aliases)):
                return kind.name
        return None


def iob2_tags(types: Iterable[str]) -> tuple[str, ...]:
    """The IOB2 tags of some types in class order: O, then B- and I- of each type."""
    return ("O", *(f"{prefix}-{name}" for name in types for prefix in "BI"))


def find_schema(name: str | Path) -> Path:
    """The file of a schema: one that ships with nerdistill, by its name, or a user's own.

    Raises:
        AssetError: there is no such file.
    """
    bundled = assets.home() / "offline_assets" / "labels" / f"{name}.toml"
    return bundled if bundled.is_file() else assets.find(name, kind="label schema")


def load_schema(name: str | Path) -> LabelSchema:
    """Read a schema from a TOML file, or one that ships with nerdistill by its name.

    Raises:
        AssetError: there is no such file.
        LabelError: the file is not a label schema.
    """
    path = find_schema(name)
    hint = 'A schema holds name = "…" and for each type [[types]] with name and description.'
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        types = tuple(
            EntityType(str(row["name"]), str(row["description"]), tuple(row.get("aliases", ())))
            for row in data["types"]
        )
        schema = LabelSchema(str(data["name"]), types, str(data.get("guidelines", "")).strip())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, OSError) as error:
        raise LabelError(f"{path}: not a label schema: {error}", hint) from error
    written = [text.casefold() for kind in types for text in {kind.name, *kind.aliases}]
    if not types or len(set(written)) < len(written):
        raise LabelError(f"{path}: no type, or a name or alias that occurs twice", hint)
    return schema


def split_tag(tag: str) -> tuple[str, str]:
    """A tag's prefix and type: `B-PER` gives `("B", "PER")`, `O` gives `("O", "")`.

    Raises:
        ValueError: the tag is neither O nor one of B, I, E, S (or L, U) with a type.
    """
    if tag == "O":
        return "O", ""
    prefix, dash, label = tag.partition("-")
    prefix = {"L": "E", "U": "S"}.get(prefix, prefix)
    if not dash or not label or prefix not in {"B", "I", "E", "S"}:
        raise ValueError(f"{tag!r} is not a tag: O, or B-, I-, E-, S- and a type")
    return prefix, label


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that a file's tags follow.

    E or S means BIOES. An I- that opens an entity (after O, or after another type) is only legal
    in IOB1; where there is none the tags are IOB2.

    Raises:
        ValueError: a tag is not a tag.
    """
    opens_with_i = False
    for tags in sentences:
        before = ("O", "")
        for tag in tags:
            here = split_tag(tag)
            if here[0] in {"E", "S"}:
                return "BIOES"
            if here[0] == "I" and before[1] != here[1]:
                opens_with_i = True
            before = here
    return "IOB1" if opens_with_i else "IOB2"


def tags_to_spans(tags: Sequence[str], scheme: Scheme) -> tuple[Span, ...]:
    """The entities that a tag sequence states.

    Raises:
        ValueError: the sequence breaks the scheme; the message names the token (from 1).
    """
    spans: list[Span] = []
    open_at: int | None = None
    before = ("O", "")
    for position, tag in enumerate((*tags, "O")):
        prefix, label = split_tag(tag)
        continues = _continues(before, (prefix, label), scheme, position)
        if open_at is not None and not continues:
            spans.append(Span(open_at, position, before[1]))
            open_at = None
        if prefix != "O" and not continues:
            open_at = position
        before = (prefix, label)
    return tuple(spans)


def _continues(
    before: tuple[str, str], here: tuple[str, str], scheme: Scheme, position: int
) -> bool:
    """Whether a tag goes on with the entity that is open before it."""
    prefix, label = here
    unfinished = before[0] in {"B", "I"}
    inside = unfinished and before[1] == label
    if scheme == "BIOES":
        goes_on = prefix in {"I", "E"}
        if unfinished != goes_on or (goes_on and not inside):
            raise ValueError(
                f"token {position + 1}: {'-'.join(filter(None, here))} cannot follow "
                f"{'-'.join(filter(None, before))} in BIOES"
            )
        return goes_on
    if prefix in {"E", "S"}:
        raise ValueError(f"token {position + 1}: {prefix}-{label} does not exist in {scheme}")
    if prefix != "I":
        return False
    if scheme == "IOB2" and not inside:
        raise ValueError(
            f"token {position + 1}: I-{label} has no B-{label} before it, as IOB2 asks"
        )
    return inside


def spans_to_tags(spans: Iterable[Span], length: int, scheme: Scheme = "IOB2") -> list[str]:
    """The tags of a sentence of `length` tokens. Spans are in order and do not overlap."""
    tags = ["O"] * length
    end_of_last, label_of_last = 0, ""
    for span in spans:
        tags[span.start : span.end] = [f"I-{span.label}"] * (span.end - span.start)
        touches = span.start == end_of_last and span.label == label_of_last
        if scheme != "IOB1" or touches:
            tags[span.start] = f"B-{span.label}"
        if scheme == "BIOES":
            tags[span.end - 1] = f"{'S' if span.end - span.start == 1 else 'E'}-{span.label}"
        end_of_last, label_of_last = span.end, span.label
    return tags

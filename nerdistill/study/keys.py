"""Every key that a study's TOML may hold, told by the configuration itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nerdistill.study.config import StudyConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        table: the head of the table that holds it, such as `[teacher]`; empty for the first keys.
        default: its value where the file is silent, as TOML; None where it is required.
        about: what it means.
    """

    table: str
    name: str
    default: str | None
    about: str


def study_keys() -> list[Key]:
    """Every key, table by table; a table's own meaning stands under the empty name."""
    whole = StudyConfig.model_json_schema()
    return list(_keys(whole, whole["$defs"], "", lone=True))


def _keys(schema: Schema, known: Schema, path: str, *, lone: bool) -> Iterator[Key]:
    head = "" if not path else f"[{path}]" if lone else f"[[{path}]]"
    if path:
        yield Key(head, "", "", schema.get("description", ""))
    inner: list[tuple[str, Schema, bool]] = []
    for name, told in schema["properties"].items():
        found = _table(told, known)
        if found is None:
            yield _key(head, name, told, required=name in schema.get("required", ()))
        else:
            suffix, below, one = found
            place = ".".join(filter(None, (path, name + suffix)))
            inner.append((place, {"description": told.get("description", ""), **below}, one))
    for place, below, one in inner:
        yield from _keys(below, known, place, lone=one)


def _table(told: Schema, known: Schema) -> tuple[str, Schema, bool] | None:
    """What comes behind a key's name, the schema of its table, and whether there is one only."""
    named = [told.get("additionalProperties"), *told.get("patternProperties", {}).values()]
    shapes = [(one, "", True) for one in (told, *told.get("anyOf", ()))]
    shapes += [(one, ".NAME", True) for one in named]
    shapes += [(told.get("items"), "", False)]
    for shape, suffix, one in shapes:
        if isinstance(shape, dict) and "$ref" in shape:
            return suffix, known[shape["$ref"].rpartition("/")[2]], one
    return None


def _key(head: str, name: str, told: Schema, *, required: bool) -> Key:
    about = told.get("description", "")
    choices = next((one["enum"] for one in (told, *told.get("anyOf", ())) if "enum" in one), ())
    if choices:
        about = f"{about} One of: {', '.join(map(str, choices))}."
    default = None if required else "" if told.get("default") is None else _toml(told["default"])
    return Key(head, name, default, about)


def _toml(value: object) -> str:
    """A default, which is as simple in TOML as in JSON."""
    return json.dumps(value, ensure_ascii=False)

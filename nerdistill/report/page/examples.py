"""Single errors for the page: as data for its script, and as pieces of text with their marks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from markupsafe import Markup

from nerdistill.report.answers import side
from nerdistill.report.page.errors import PAGE, SEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.report.tables import Json

UNSAFE = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})
"""What would end a script element, or a line of JavaScript, if it stood there as it is."""
ROW = ("kind", "type", "seen", "seed", "text", "span", "expected", "found", "predicted")

Piece = tuple[str, str | None, bool]
"""Text, its label or None, and whether the example is about it."""


def embedded(examples: Sequence[Json], regimen: str | None) -> Markup:
    """The examples as JSON that may stand inside a script element; empty where there are none."""
    if not examples:
        return Markup()
    texts: dict[str, int] = {}
    rows = []
    several = len({row["budget"] for row in examples}) > 1
    first = None
    for row in examples:
        text = _json({name: row[name] for name in ("tokens", "joiner", "gold")})
        group = side(row) + (f" @{row['budget']}" if several else "")
        if row["regimen"] == regimen:
            first = first or group
        at = texts.setdefault(text, len(texts))
        rows.append({**{name: row[name] for name in ROW}, "group": group, "sentence": at})
    told = {"page": PAGE, "first": first, "seen": SEEN, "rows": rows}
    data = f'{_json(told)[:-1]},"sentences":[{",".join(texts)}]}}'
    return Markup(data.translate(UNSAFE))  # noqa: S704 - escaped here


def pieces(row: Json, labels: str) -> list[Piece]:
    """A sentence cut where entities begin and end; `labels` is gold or predicted."""
    tokens, joiner = cast("list[str]", row["tokens"]), str(row["joiner"])
    spans = sorted(cast("list[tuple[int, int, str]]", row[labels]))
    about = cast("list[int]", row["span"])
    found: list[Piece] = []
    at = 0
    for start, end, label in [*spans, (len(tokens), len(tokens), "")]:
        if at < start:
            found.append((joiner.join(tokens[at:start]), None, False))
        if start < end:
            focus = start < about[1] and about[0] < end
            found.append((joiner.join(tokens[start:end]), label, focus))
        at = max(at, end)
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

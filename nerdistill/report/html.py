"""The report of a study as one self-contained page: it asks for nothing but itself.

The page's content security policy allows its one style sheet and its one script, by their digests;
text of corpora, labels and names is escaped wherever it stands.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nerdistill.files import write_whole
from nerdistill.report import words
from nerdistill.report.chart.style import DARK, LIGHT, TEMPLATES, figures_css, variables
from nerdistill.report.page import details, errors, study, teacher, why
from nerdistill.report.page.examples import embedded, pieces
from nerdistill.report.page.values import cut, strong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nerdistill.report.page.values import Section
    from nerdistill.report.tables import Json

PAGE = "report.html"
EXAMPLES = "errors.jsonl"
"""The students' errors one by one, where the study has written them."""
SECTIONS: dict[str, tuple[Callable[[Json], Section], ...]] = {
    "cells": (study.phases, study.plots),
    "labels_saved": (study.labels_saved,),
    "order": (why.order,),
    "methods": (why.methods,),
    "selection": (why.selection,),
    "teachers": (why.teachers,),
    "mechanism": (why.mechanism,),
    "teacher": (teacher.audit,),
    "errors": (errors.analysis,),
    "evidence": (study.sureness,),
    "original": (details.human_labels,),
}
"""Which key of the results makes which sections, in their order."""


def write_page(results: Json, folder: Path) -> Path:
    """Write `report.html` into a folder, with the examples of errors that lie there.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    file = folder / EXAMPLES
    lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
    text = page(results, [json.loads(line) for line in lines if line])
    path = folder / PAGE
    # Text of a corpus may hold lone surrogates, which UTF-8 cannot.
    write_whole(path, text.encode(errors="backslashreplace"))
    return path


def page(results: Json, examples: Sequence[Json] = ()) -> str:
    """The page as HTML text.

    Args:
        results: what `results.json` holds.
        examples: the rows of `errors.jsonl`.
    """
    style, script = _style(), (TEMPLATES / "page.js").read_text(encoding="utf-8")
    template = _environment().get_template("page.html.j2")
    return template.render(
        results=results,
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        banners=words.banners(results),
        headline=words.headline(results),
        tiles=study.tiles(results),
        sections=sections(results, examples),
        data=embedded(examples, _winner(results)),
        pieces=pieces,
    )


def sections(results: Json, examples: Sequence[Json]) -> list[Section]:
    """What there is to show of these results."""
    made = {key: makers for key, makers in SECTIONS.items() if _filled(results, key)}
    found = {key: [make(results) for make in makers] for key, makers in made.items()}
    if examples:
        found.setdefault("errors", []).append(errors.browser(examples, _winner(results)))
    ordered = [section for key in SECTIONS for section in found.get(key, [])]
    return [*ordered, details.method(results), details.run(results)]


def _filled(results: Json, key: str) -> bool:
    """Whether there are rows to show, not only a key."""
    value = results.get(key)
    if isinstance(value, dict):
        lists = [value.get(name) for name in ("rows", "regimens", "comparisons", "original")]
        return any(lists)
    return bool(value)


def _winner(results: Json) -> str | None:
    winner = cast("Json | None", results["winner"])
    return str(winner["regimen"]) if winner else None


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["strong"] = strong
    made.filters["cut"] = cut
    return made


def _style() -> str:
    sheet = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    light = f":root{{color-scheme:light;{variables(LIGHT)}}}"
    dark = f":root{{color-scheme:dark;{variables(DARK)}}}"
    # On paper it is always light.
    dark = f"@media screen and (prefers-color-scheme:dark){{{dark}}}"
    return f"{light}\n{dark}\n{sheet}{figures_css()}"


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

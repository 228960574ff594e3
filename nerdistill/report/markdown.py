"""The report of a study as one Markdown page with its figures beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from nerdistill.files import write_whole
from nerdistill.report import prose, words
from nerdistill.report.answers import (
    break_even_lines,
    order_table,
    reference_table,
    saved_table,
    teachers_table,
)
from nerdistill.report.chart.svg import standalone
from nerdistill.report.error_tables import error_tables
from nerdistill.report.figures import curves, f1
from nerdistill.report.mechanism_table import mechanism_section
from nerdistill.report.tables import Strong, evidence_table, markdown_table, plain, tables
from nerdistill.report.uses import method_lines, methods_table, selection_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nerdistill.report.tables import Json, Words

WIDTH = 760
"""Of the figures, in pixels."""


def write_report(results: Json, folder: Path) -> Path:
    """Write `report.md`, `curves.svg` and `f1.svg` into a folder; the page's path.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    if results["cells"]:
        write_whole(folder / "curves.svg", standalone(curves.draw(results, WIDTH)))
        write_whole(folder / "f1.svg", standalone(f1.draw(results, WIDTH)))
    path = folder / "report.md"
    write_whole(path, report(results))
    return path


def report(results: Json) -> str:
    """The page as Markdown text."""
    parts = [f"# {plain(str(results['title']))}"]
    parts += [f"> {_text(banner)}" for banner in words.banners(results)]
    parts += [_text(sentence) for sentence in words.headline(results)]
    data = tables(results)
    if results["teacher"]:
        parts += ["## The teacher", markdown_table(data[0]), _outcomes(results)]
    for table in data[1 if results["teacher"] else 0 :]:
        head = table.title.split(" · ")
        parts += [f"## {head[0]}: {head[1]}", markdown_table(table)]
    if results["cells"]:
        parts += ["Bold: best by validation F1.", "## Figures"]
        parts += ["![Blending curves](curves.svg)", "![F1 by regimen](f1.svg)"]
    parts += _sureness(results)
    parts += _answers(results)
    parts += mechanism_section(results)
    parts += _errors(results)
    parts += ["## Human labels", _bullets(words.human_labels(results))]
    parts += ["## Method", _bullets(prose.METHOD)]
    parts += ["## Settings", _settings(results)]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _text(sentence: Words) -> str:
    """A sentence in Markdown, escaped, on one line."""
    return "".join(
        f"**{plain(piece)}**" if isinstance(piece, Strong) else _inside(piece) for piece in sentence
    )


def _inside(piece: str) -> str:
    # The spaces at its ends part it from its neighbours.
    before, after = (" " if re.search(end, piece) else "" for end in (r"^\s", r"\s$"))
    return f"{before}{plain(piece)}{after}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def _sureness(results: Json) -> list[str]:
    """What the trainings of several seeds show."""
    evidence = cast("Json | None", results.get("evidence"))
    if evidence is None:
        return []
    rows = words.comparisons(results)
    lines = [f"- {_text(words.judged(row))}" for row in rows]
    table = markdown_table(evidence_table(results))
    return ["## How sure that is", words.how_sure(evidence), table, "\n".join(lines)]


def _errors(results: Json) -> list[str]:
    """What became of the entities of test."""
    found = error_tables(results)
    return ["## Errors", prose.ERRORS, *map(markdown_table, found)] if found else []


def _answers(results: Json) -> list[str]:
    """Labels saved, what the order does, and teacher quality, where the study asks."""
    parts: list[str] = []
    if results.get("labels_saved"):
        parts += ["## Labels saved", prose.SAVED, markdown_table(reference_table(results))]
        parts.append(markdown_table(saved_table(results)))
    if results.get("order"):
        parts += ["## What the order does", prose.ORDER, markdown_table(order_table(results))]
    if results.get("methods"):
        lines = _bullets(method_lines(results))
        parts += ["## Other uses of distilled labels", prose.METHODS]
        parts += [markdown_table(methods_table(results)), lines]
    if results.get("selection"):
        table = markdown_table(selection_table(results))
        parts += ["## What to have labelled", prose.SELECTION, table]
    if results.get("teachers"):
        lines = _bullets(break_even_lines(results))
        parts += [
            "## Teacher quality",
            prose.TEACHERS,
            markdown_table(teachers_table(results)),
            lines,
        ]
    return parts


def _outcomes(results: Json) -> str:
    told = _bullets(words.outcomes(row) for row in cast("list[Json]", results["teacher"]))
    return f"What became of every mention that the teacher returned:\n\n{told}"


def _settings(results: Json) -> str:
    lines = [f"{name}: {value}" for name, value in words.settings(results).items()]
    return _bullets([*lines, "every number above stands in results.json beside this page"])

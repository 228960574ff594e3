"""The report: a table on a terminal, plain lines elsewhere, JSON on request."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

from nerdistill.doctor.finding import NAMESPACE, NOT_PROVEN, TRACE, Status, failures
from nerdistill.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from nerdistill.doctor.finding import Finding, Group

STYLES: dict[Status, str] = {
    "ok": "green",
    "note": "cyan",
    "warning": "yellow",
    "failure": "bold red",
    "skipped": "dim",
}
WORD, NAME = 7, 17
"""Columns of a status and of a name."""


def rich_report(groups: Sequence[Group]) -> Iterator[RenderableType]:
    """The groups for a terminal, each a table under its title."""
    from rich.table import Table
    from rich.text import Text

    for group in groups:
        yield Text(group.title, style="bold")
        table = Table.grid(padding=(0, 1))
        table.add_column(width=WORD)
        table.add_column(width=NAME)
        table.add_column(overflow="fold")
        for one in group.findings:
            told = Text(printable(one.found))
            if one.remedy:
                told.append(f"\n{printable(one.remedy)}", style="dim")
            table.add_row(Text(one.status, style=STYLES[one.status]), Text(one.name), told)
        yield table
    yield Text(summary(groups), style="bold")


def plain_report(groups: Sequence[Group]) -> Iterator[str]:
    """The groups as lines that are not broken, so that commands can be copied from a log."""
    for group in groups:
        yield f"{group.title}:"
        for one in group.findings:
            yield printable(f"  {one.status:<{WORD}} {one.name:<{NAME}} {one.found}")
            if one.remedy:
                yield printable(f"  {'':<{WORD}} {'':<{NAME}} remedy: {one.remedy}")
    yield summary(groups)


def json_report(groups: Sequence[Group]) -> str:
    """All of it, with the levels of proof that were had."""
    told = {
        "failures": len(failures(groups)),
        "proof": proof(groups),
        "findings": [
            {"group": group.title, **asdict(one)} for group in groups for one in group.findings
        ],
    }
    return json.dumps(told, indent=1, ensure_ascii=False)


def summary(groups: Sequence[Group]) -> str:
    """How many of each status, and the level of proof."""
    count = Counter(one.status for group in groups for one in group.findings)
    told = ", ".join(f"{count[status]} {status}" for status in get_args(Status) if count[status])
    levels = proof(groups)
    if levels is None:
        return told
    return f"{told}; air gap: {' and '.join(levels) or NOT_PROVEN}"


def proof(groups: Sequence[Group]) -> list[str] | None:
    """The levels at which the air gap was proven: none of them where it was not.

    None where no proof was asked for.
    """
    there = [one for group in groups for one in group.findings if _is_proof(one)]
    if not there:
        return None
    if any(one.name == NOT_PROVEN for one in there):
        return []
    return [one.name for one in there if one.status == "ok"]


def _is_proof(finding: Finding) -> bool:
    return finding.name in {NAMESPACE, TRACE, NOT_PROVEN}

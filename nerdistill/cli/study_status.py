"""`nerdistill study status`: what is finished, what is left, who is at it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nerdistill.annotate.words import duration
from nerdistill.cli.study_options import open_study, study_options
from nerdistill.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.study.standing import CellStanding, KindStanding, Standing

SHOWN = 15
"""Lines of what is left: so the whole fits a screen."""


@click.command()
@study_options
def status(study: Path, workspace: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Tell what of a study is finished, what is left, and about how long that takes.

    \b
    Example:
      nerdistill study status offline_assets/studies/demo.toml
    """
    from nerdistill.study.standing import standing

    graph, place = open_study(study, workspace, settings)
    found = standing(graph, place)
    if as_json:
        told = {**asdict(found), "seconds_left": found.seconds_left}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    done = sum(stage.finished for stage in found.stages)
    click.echo(f"{found.study}: {done} of {len(found.stages)} stages finished in {place.root}")
    for line in (*_kinds(found), *_left(found)):
        click.echo(printable(line))


def _kinds(found: Standing) -> Iterator[str]:
    for kind in found.kinds:
        took = f"  {duration(kind.seconds)}" if kind.finished else ""
        yield f"  {kind.kind:<9} {kind.finished:>4} of {kind.stages:<4}{took}{_about(kind)}"
    cells = sum(not cell.left for cell in found.cells)
    yield f"  {'cells':<9} {cells:>4} of {len(found.cells)}"
    if found.seconds_left is not None and not all(stage.finished for stage in found.stages):
        yield f"  left: about {duration(found.seconds_left)} of one process"


def _about(kind: KindStanding) -> str:
    if kind.seconds_left is None or kind.finished == kind.stages:
        return ""
    return f", about {duration(kind.seconds_left)} left"


def _left(found: Standing) -> Iterator[str]:
    lines = [*_preparing(found)]
    lines += [(_cell(cell), cell.holder) for cell in found.cells if cell.left]
    # What somebody is at comes first: the rest may be cut off.
    lines.sort(key=lambda line: not line[1])
    for title, holder in lines[:SHOWN]:
        yield f"  left: {title}{f' · at it, or died at it: {holder}' if holder else ''}"
    if len(lines) > SHOWN:
        yield f"  and {len(lines) - SHOWN} more (--json lists all)"


def _preparing(found: Standing) -> Iterator[tuple[str, str | None]]:
    for stage in found.stages:
        if not stage.finished and stage.kind not in {"train", "evaluate"}:
            yield stage.title, stage.holder


def _cell(cell: CellStanding) -> str:
    pool = f" on {cell.distilled}" if cell.distilled else ""
    subset = f", subset {cell.subset_seed}" if cell.subset_seed != cell.seed else ""
    parts = "" if "train" in cell.left else f": {', '.join(cell.left)}"
    return f"{cell.regimen}{pool}, {cell.budget} original{subset}, seed {cell.seed}{parts}"

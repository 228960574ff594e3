"""`nerdistill study`: run a study, see where it stands, write its report, compare two."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option
from nerdistill.cli.study_compare import compare
from nerdistill.cli.study_options import open_study, study_options
from nerdistill.cli.study_status import status

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.progress import Mode
    from nerdistill.study.executors import Executor, Name
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace


def _cohort(_context: click.Context, _option: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither auto nor a number above 0")
    return int(value)


@click.group()
def command() -> None:
    """Run a three-phase study, see where it stands, write its report."""


command.add_command(compare)
command.add_command(status)


@command.command()
@study_options
@progress_option
@click.option("--annotator", help="The teacher's backend; the same as --set teacher.annotator=…")
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="local: a process for each GPU of this machine; without a GPU, this process. "
    "ray: a Ray cluster that is there (extra ray).",
)
@click.option(
    "--ray-address",
    metavar="auto|HOST:PORT",
    default="auto",
    show_default=True,
    help="Of the cluster's head. auto: $RAY_ADDRESS, or the cluster that this machine is part of. "
    "RAY_AUTH_MODE and the token are read as Ray does.",
)
@click.option(
    "--no-shared-folder",
    "shared",
    flag_value=False,
    default=True,
    help="Ray's nodes share no folder with this machine: data and students travel through its "
    "object store. Found out by itself where a node does not see the workspace.",
)
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    help="Processes that train at a time; default: one a GPU (more where a student trains alone "
    "and its memory holds several), on Ray without GPUs one a CPU.",
)
@click.option(
    "--cohort",
    metavar="auto|N",
    default="auto",
    show_default=True,
    callback=_cohort,
    help="Students to train side by side. auto: as many as fit into the GPU's free memory, up to "
    "16; one on a CPU, where more gain nothing. What each learns stays the same.",
)
def run(
    study: Path,
    workspace: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
    progress: Mode,
    annotator: str | None,
    executor: Name,
    ray_address: str,
    shared: bool,
    slots: int | None,
    cohort: int | None,
) -> None:
    """Run what is missing of a study, then print its tables and write its report.

    It may be stopped at any time and run again: finished stages are kept. Run it a second time
    meanwhile, on another machine that sees the workspace too, and both share the work. Where
    several processes train, the teacher is asked from this one first; one that dies costs no more
    than the stage that it was at.

    \b
    Example:
      nerdistill study run offline_assets/studies/demo.toml --set 'seeds=[1,2,3]'
    """
    from nerdistill.progress import open_progress
    from nerdistill.study.run_details import command_of
    from nerdistill.study.stages import rounds

    extra = (f'teacher.annotator="{annotator}"',) if annotator else ()
    settings = (*settings, *extra)
    graph, place = open_study(study, workspace, settings)
    with open_progress(progress) as shown:
        chosen = _executor(executor, ray_address, slots, shared=shared)
        for _ in rounds(graph):
            chosen.run(graph, place, shown, cohort=cohort)
    _present(graph, place, command_of(study, settings), as_json=as_json)


@command.command()
@study_options
def report(study: Path, workspace: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Write results, report, cells.csv and the winner from what is finished; print the tables.

    \b
    Example:
      nerdistill study report offline_assets/studies/demo.toml
    """
    from nerdistill.study.run_details import command_of

    graph, place = open_study(study, workspace, settings)
    _present(graph, place, command_of(study, settings), as_json=as_json)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keys(as_json: bool) -> None:
    """List every key that a study's TOML may hold, and the regimens there are.

    \b
    Example:
      nerdistill study keys | less
    """
    import textwrap
    from dataclasses import asdict

    from nerdistill.study.keys import study_keys
    from nerdistill.study.phases import PHASES

    def explained(text: str) -> str:
        indent = " " * 4
        return textwrap.fill(
            text, 80, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )

    found = study_keys()
    if as_json:
        click.echo(json.dumps([asdict(key) for key in found], indent=1, ensure_ascii=False))
        return
    for key in found:
        value = "(required)" if key.default is None else f"= {key.default}" if key.default else ""
        click.echo(f"{key.name} {value}".rstrip() if key.name else f"\n{key.table}")
        click.echo(explained(key.about))
    names = dict.fromkeys(one.name for regimens in PHASES.values() for one in regimens)
    click.echo("\nRegimens:")
    click.echo(explained(", ".join(names)))


def _executor(name: Name, ray_address: str, slots: int | None, *, shared: bool) -> Executor:
    if name == "ray":
        from nerdistill.study.executors.ray import Ray

        return Ray(ray_address, slots, shared)
    from nerdistill.study.executors.local import Local

    return Local(slots)


def _present(graph: Graph, place: Workspace, command: str, *, as_json: bool) -> None:
    """Write results, report and winner where they changed, and print the tables."""
    from nerdistill.files import write_whole
    from nerdistill.report.winner import write_winner
    from nerdistill.study.error_examples import ERRORS, example_lines
    from nerdistill.study.results import collect, scored_groups

    results = collect(graph, place, command)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    file, page = place.root / "results.json", place.root / "report.html"
    names = ("report.md", "cells.csv", ERRORS)
    made = (file, page, *(place.root / name for name in names))
    written = all(one.is_file() for one in made)
    if not (written and file.read_text(encoding="utf-8") == text):
        from nerdistill.report.cells_csv import cells_csv
        from nerdistill.report.html import write_page
        from nerdistill.report.markdown import write_report

        write_whole(place.root / ERRORS, example_lines(scored_groups(graph, place), place))
        write_report(results, place.root)
        write_whole(place.root / "cells.csv", cells_csv(results))
        write_page(results, place.root)
        write_whole(file, text)
    winner = write_winner(results, place.root)
    if as_json:
        click.echo(text, nl=False)
        return
    from rich.console import Console

    from nerdistill.report.tables import rich_tables

    console = Console()
    for table in rich_tables(results):
        console.print(table)
    found = [f"Report: {page}", f"Results: {file}", f"Cells: {place.root / 'cells.csv'}"]
    found += [f"Winner: {winner}"] if winner else []
    console.print("\n".join(found), highlight=False, soft_wrap=True, markup=False)

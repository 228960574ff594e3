"""`nerdistill study`: run a study, see where it stands, write its report."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from nerdistill.progress import Mode
    from nerdistill.study.executors import Executor, Name
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace


def _study_options(function: Callable[..., None]) -> Callable[..., None]:
    """What every study command takes."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Lay a value over the study's TOML, such as --set training.steps=200.",
        ),
        click.option(
            "--workspace",
            type=click.Path(path_type=Path, file_okay=False),
            help="Where results are kept; default: workspaces/NAME.",
        ),
        click.argument("study", type=click.Path(path_type=Path)),
    ):
        function = option(function)
    return function


def _cohort(_context: click.Context, _option: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither auto nor a number above 0")
    return int(value)


@click.group()
def command() -> None:
    """Run a three-phase study, see where it stands, write its report."""


@command.command()
@_study_options
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
    from nerdistill.study.stages import rounds

    extra = (f'teacher.annotator="{annotator}"',) if annotator else ()
    graph, place = _open(study, workspace, (*settings, *extra))
    with open_progress(progress) as shown:
        chosen = _executor(executor, ray_address, slots, shared=shared)
        for _ in rounds(graph):
            chosen.run(graph, place, shown, cohort=cohort)
    _present(graph, place, as_json=as_json)


@command.command()
@_study_options
def status(study: Path, workspace: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Tell which stages of a study are finished and which are left.

    \b
    Example:
      nerdistill study status offline_assets/studies/demo.toml
    """
    from nerdistill.study.stages import stages_of

    graph, place = _open(study, workspace, settings)
    stages = stages_of(graph, place)
    done = {stage.key for stage in stages if place.record(stage) is not None}
    if as_json:
        rows = [
            {"stage": s.folder_name, "title": s.title, "finished": s.key in done} for s in stages
        ]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    click.echo(f"{graph.config.name}: {len(done)} of {len(stages)} stages finished in {place.root}")
    kinds = Counter(stage.kind for stage in stages)
    finished = Counter(stage.kind for stage in stages if stage.key in done)
    for kind, count in kinds.items():
        click.echo(f"  {kind:<9} {finished[kind]} of {count}")
    for stage in stages:
        if stage.key not in done:
            click.echo(f"  left: {stage.title}")


@command.command()
@_study_options
def report(study: Path, workspace: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Write results.json, errors.jsonl and report.md from what is finished; print the tables.

    \b
    Example:
      nerdistill study report offline_assets/studies/demo.toml
    """
    graph, place = _open(study, workspace, settings)
    _present(graph, place, as_json=as_json)


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


def _open(
    study: Path, workspace: Path | None, settings: tuple[str, ...]
) -> tuple[Graph, Workspace]:
    from nerdistill.study.config import load_study
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

    config = load_study(study, settings)
    return Graph(config), Workspace(workspace or Path("workspaces") / config.name)


def _present(graph: Graph, place: Workspace, *, as_json: bool) -> None:
    """Write results and report where they changed, and print the tables."""
    from nerdistill.files import write_whole
    from nerdistill.study.error_examples import ERRORS, example_lines
    from nerdistill.study.results import collect, scored_groups

    results = collect(graph, place)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    file, page, browsed = (place.root / name for name in ("results.json", "report.md", ERRORS))
    written = all(path.is_file() for path in (file, page, browsed))
    if not (written and file.read_text(encoding="utf-8") == text):
        from nerdistill.report.markdown import write_report

        write_whole(browsed, example_lines(scored_groups(graph, place), place))
        write_report(results, place.root)
        write_whole(file, text)
    if as_json:
        click.echo(text, nl=False)
        return
    from rich.console import Console

    from nerdistill.report.tables import rich_tables

    console = Console()
    for table in rich_tables(results):
        console.print(table)
    console.print(f"Report: {page}\nResults: {file}", highlight=False, soft_wrap=True)

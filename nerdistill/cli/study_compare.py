"""`nerdistill study compare`: how two studies differ."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("workspace_a", type=click.Path(path_type=Path))
@click.argument("workspace_b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(workspace_a: Path, workspace_b: Path, as_json: bool) -> None:
    """Tell how two studies differ: settings, teachers, winners, and regimens that both have.

    A difference is called one only where a test says so: of trainings with the same seeds, two or
    more, on the same test texts, whose predictions are in both workspaces.

    \b
    Example:
      nerdistill study compare workspaces/strong workspaces/weak
    """
    from nerdistill.study.compare import compare as compared

    found = compared(workspace_a, workspace_b)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    from nerdistill.report.compare_tables import compare_tables

    console = Console()
    for part in compare_tables(found):
        console.print(part)

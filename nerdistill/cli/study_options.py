"""What the commands of `nerdistill study` take, and how they open a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import together

if TYPE_CHECKING:
    from nerdistill.study.graph import Graph
    from nerdistill.study.workspace import Workspace

study_options = together(
    click.argument("study", type=click.Path(path_type=Path)),
    click.option(
        "--workspace",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where results are kept; default: workspaces/NAME.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Lay a value over the study's TOML, such as --set training.steps=200.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
)
"""What every command about one study takes."""


def open_study(
    study: Path, workspace: Path | None, settings: tuple[str, ...]
) -> tuple[Graph, Workspace]:
    """The study with its settings, and its workspace, which need not exist yet."""
    from nerdistill.study.graph import Graph
    from nerdistill.study.load import load_study
    from nerdistill.study.workspace import Workspace

    config = load_study(study, settings)
    return Graph(config), Workspace(workspace or Path("workspaces") / config.name)

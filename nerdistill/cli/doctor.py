"""`nerdistill doctor`: look at this machine and what is installed, and prove the air gap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option, vllm_python_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.doctor.finding import Group
    from nerdistill.progress import Mode


@click.command()
@click.option(
    "--airgap", is_flag=True, help="Prove that a study sends nothing, and read every byte."
)
@click.option("--full", is_flag=True, help="Read every byte of models and data, not sizes alone.")
@click.option(
    "--gpu/--no-gpu",
    default=True,
    show_default=True,
    help="Where there is a GPU, compile one Triton kernel (3 minutes at most) and let vLLM write "
    "one token with the smallest language model in models/ (15 minutes at most).",
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where results will lie: locks and SQLite are tried there. Default: this folder.",
)
@vllm_python_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@progress_option
def command(
    airgap: bool,
    full: bool,
    gpu: bool,
    workspace: Path,
    vllm_python: Path | None,
    as_json: bool,
    progress: Mode,
) -> int:
    """Check this machine and what is installed; each fault is shown with its remedy.

    Nothing is sent, and what is written is temporary. Exit code 1 if there is a failure.

    With --airgap the demo study is run, cut short, and what that proves is told by its level:

    \b
      network namespace  the study ran where no network exists: nothing could leave
      strace             every address that the study's processes named was seen, and
                         none was outside 127.0.0.0/8 and ::1
      not proven         the study ran with the audit hook alone, which sees Python's
                         own calls but neither native code nor other programs; this
                         is a failure, with what an administrator can allow

    Where both can be had, both watch the same run.

    \b
    Examples:
      nerdistill doctor
      nerdistill --scratch /scratch/me doctor --workspace /nfs/study --airgap
    """
    from nerdistill.doctor.checks import checks
    from nerdistill.doctor.finding import examine, failures
    from nerdistill.doctor.known import Wishes
    from nerdistill.doctor.table import json_report
    from nerdistill.progress import open_progress

    wishes = Wishes(workspace, vllm_python, airgap, hashed=airgap or full, gpu=gpu)
    with open_progress(progress) as shown:
        groups = examine(checks(wishes, shown), shown)
    if as_json:
        click.echo(json_report(groups))
    else:
        _show(groups)
    return 1 if failures(groups) else 0


def _show(groups: Sequence[Group]) -> None:
    from rich.console import Console

    from nerdistill.doctor.table import plain_report, rich_report

    console = Console()
    if not console.is_terminal:
        for line in plain_report(groups):
            click.echo(line)
        return
    for part in rich_report(groups):
        console.print(part)

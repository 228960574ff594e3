"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON = "NERDISTILL_VLLM_PYTHON"
"""The environment variable that names the interpreter that has vLLM."""

Command = TypeVar("Command", bound="Callable[..., object]")

progress_option = click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain", "json", "none"]),
    default="auto",
    show_default=True,
    help="How to report while it runs: auto is a live board on a terminal, plain lines elsewhere.",
)

vllm_python_option = click.option(
    "--vllm-python",
    type=click.Path(path_type=Path),
    envvar=PYTHON,
    help=f"Python of the environment that holds vLLM; default: this one, or ${PYTHON}.",
)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate

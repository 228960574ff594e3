"""The command `nerdistill`: its groups, loaded when they are called, and the one error boundary."""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

from nerdistill import __version__, offline, places, sharing
from nerdistill.errors import NerdistillError

if TYPE_CHECKING:
    from types import FrameType

COMMANDS: dict[str, str] = {
    "annotate": "Let a language model label text, and compare such labels.",
    "assets": "Show what models and data lie here, and whether they are whole.",
    "bundle": "Carry a study with all that it needs to a machine without a network.",
    "corpus": "Look at, convert, split and audit corpora.",
    "doctor": "Check this machine and what is installed, and prove that nothing leaves it.",
    "evaluate": "Score a model on a labelled corpus.",
    "predict": "Label text with a trained model.",
    "serve": "Serve a language model with vLLM, for the vllm annotator.",
    "study": "Run a three-phase study, see where it stands, write its report.",
    "train": "Train one student on original and distilled data.",
}
"""Each command lives in nerdistill/cli/NAME.py as `command`; its help stands here, unimported."""

INTERRUPTED, TERMINATED = 130, 143


class LazyGroup(click.Group):
    """A group whose commands are imported only when called: `--help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command's name."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the one that was called."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"nerdistill.cli.{cmd_name}")
        return cast("click.Command", module.command)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nerdistill")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--group",
    envvar="NERDISTILL_GROUP",
    help="Let this group read what is written: name or number; default: $NERDISTILL_GROUP, or "
    "nobody but you.",
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=places.SCRATCH,
    help="A short path on this node's own disk, where programs may run: temporary files, caches "
    "and sockets go below it. For servers whose /tmp or home is small or noexec.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A host inside your network that may be asked; may be repeated. Others never are.",
)
def command(
    debug: bool,  # noqa: ARG001 - `_run` reads it
    group: str | None,
    scratch: Path | None,
    hosts: tuple[str, ...],
) -> None:
    """Distil a language model's entity labels into a small BERT, offline.

    \b
    Start here:
      nerdistill study run offline_assets/studies/demo.toml
      nerdistill study report offline_assets/studies/demo.toml
    """
    if group:
        sharing.share_with(group)
    if scratch:
        places.use_scratch(scratch)
    for host in hosts:
        offline.allow(host)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 success, 1 failure at run time, 2 wrong usage or input, 130 on Ctrl-C, 143 on SIGTERM, as
    a scheduler sends it: run again, the command goes on from there.
    """
    offline.enforce()
    # Corpora, replies and reports may be confidential: what a command writes is its user's alone.
    sharing.keep_private()
    # Schedulers end a job so: it then stops as on Ctrl-C, and leaves nothing half-done.
    signal.signal(signal.SIGTERM, _terminate)
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(_run(words))


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TerminatedError


def _run(words: list[str]) -> int:
    debug = "--debug" in words
    try:
        result: Any = command.main(args=words, prog_name="nerdistill", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        # click makes the one of the other.
        terminated = isinstance(error.__cause__ or error, TerminatedError)
        click.echo(f"nerdistill: {'terminated' if terminated else 'interrupted'}", err=True)
        return TERMINATED if terminated else INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except NerdistillError as error:
        if debug:
            raise
        click.echo(f"nerdistill: {error}", err=True)
        return error.exit_code
    except OSError as error:
        if debug or (error.filename is None and error.errno is None):
            raise
        click.echo(f"nerdistill: {_system_error(error)}", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _system_error(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return (
        f"{place}{error.strerror or error}. Free space, mend the permissions or name another "
        "place, then run the same command again: what was finished is kept."
    )

"""`nerdistill serve`: a vLLM server from a model's folder."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option, vllm_python_option

if TYPE_CHECKING:
    from nerdistill.annotate.serve import ServeSettings
    from nerdistill.progress import Mode

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", metavar="MODEL_DIR", type=PATH)
@click.argument("extra", metavar="[-- VLLM_ARGUMENT]...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="On loopback; default: a free one."
)
@click.option(
    "--max-model-len",
    type=click.IntRange(1),
    help="Tokens of prompt and reply together; default: what the model can.",
)
@click.option(
    *("--gpus", "--tensor-parallel", "--tensor-parallel-size", "gpus"),
    type=click.IntRange(1),
    help="How many share the model; default: 1.",
)
@click.option(
    *("--data-parallel", "--data-parallel-size", "copies"),
    type=click.IntRange(1),
    help="Copies of the model, each on --gpus GPUs, behind one address; default: 1.",
)
@click.option(
    "--vllm-argument", "passed", multiple=True, help="Passed on; repeatable. Or write it after --."
)
@vllm_python_option
@click.option(
    "--log",
    type=PATH,
    help="Where vLLM's output goes; default: a temporary file, kept only after a failure.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the command, and do not run it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was started as JSON.")
@progress_option
def command(
    model: Path,
    extra: tuple[str, ...],
    port: int,
    max_model_len: int | None,
    gpus: int | None,
    copies: int | None,
    passed: tuple[str, ...],
    vllm_python: Path | None,
    log: Path | None,
    only_print: bool,
    as_json: bool,
    progress: Mode,
) -> None:
    """Serve the language model in MODEL_DIR with vLLM, until Ctrl-C.

    The server listens on this machine alone. Where the environment variable VLLM_API_KEY is set,
    it wants that key; `nerdistill annotate run` reads it from there too. What follows `--` goes to
    vLLM as it stands.

    \b
    Examples:
      nerdistill serve models/Qwen3-8B --port 8000 --max-model-len 8192
      nerdistill serve models/Qwen3-32B --gpus 2 -- --quantization fp8
      nerdistill serve models/Qwen3-8B --data-parallel 8
    """
    from nerdistill.annotate.serve import ServeSettings, prepared, serve_command

    if extra and not extra[0].startswith("-"):
        raise click.UsageError(f"Got an unexpected argument {extra[0]!r}: name one MODEL_DIR.")
    arguments = (*passed, *extra)
    settings = prepared(
        ServeSettings(model, port, max_model_len, gpus, copies, vllm_python, arguments, log)
    )
    started = shlex.join(_shown(serve_command(settings)))
    if only_print:
        click.echo(json.dumps({"command": started}) if as_json else started)
        return
    click.echo(started, err=True)
    _serve(settings, started, as_json, progress)


def _serve(settings: ServeSettings, started: str, as_json: bool, progress: Mode) -> None:
    from nerdistill.annotate.serve import KEY, failure, served
    from nerdistill.progress import open_progress

    with open_progress(progress) as shown, served(settings, shown) as server:
        if not os.environ.get(KEY):
            shown.say(f"{KEY} is not set: everybody on this machine can use the server.")
        shown.say("Ctrl-C ends it.")
        if as_json:
            told = {
                "base_url": server.base_url,
                "model": server.model,
                "pid": server.pid,
                "log": str(server.log),
                "command": started,
            }
            click.echo(json.dumps(told))
        else:
            click.echo(f"{server.model} answers at {server.base_url} (its log: {server.log}). Use:")
            click.echo(
                "  nerdistill annotate run INPUT --annotator vllm "
                f"--base-url {server.base_url} --out labels.jsonl"
            )
        code = server.child.process.wait()
        raise failure(server.child, f"vLLM ended with exit code {code}", shown)


def _shown(words: list[str]) -> list[str]:
    """A command as it can be pasted: with the settings that keep it off the network."""
    from nerdistill import offline
    from nerdistill.annotate.serve import LOGGING

    settings = {**offline.SETTINGS, **LOGGING}
    return ["env", *(f"{name}={value}" for name, value in settings.items()), *words]

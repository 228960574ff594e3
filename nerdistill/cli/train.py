"""`nerdistill train`: one student on one blend of original and distilled data."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option
from nerdistill.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.blend.curve import Curve
    from nerdistill.progress import Mode
    from nerdistill.train.recipe import Schedule
    from nerdistill.types import Sentence

PATH = click.Path(path_type=Path)
VERSION = 1
"""Of the training loop: raised when the same command makes another model."""


@click.command()
@click.option(
    "--original", type=PATH, help="Human-labelled sentences; needed unless the share is 1."
)
@click.option("--distilled", type=PATH, help="Teacher-labelled ones; needed unless the share is 0.")
@click.option(
    "--curve",
    default="step",
    show_default=True,
    help="Share of distilled data over training: constant, step (Simple Mix), linear, cosine, "
    "sigmoid, power or exponential.",
)
@click.option(
    "--curve-parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of the curve, such as share=0.3, at=0.5, steepness=12, exponent=2 or rate=5.",
)
@click.option(
    "--mean-share",
    default="as-is",
    show_default=True,
    help="Warp the curve to this mean share of distilled data, or leave it as it is.",
)
@click.option(
    "--schedule",
    type=click.Choice(["single", "restart"]),
    default="single",
    show_default=True,
    help="restart: a new warm-up, decay and optimizer where a step curve switches.",
)
@click.option("--student", type=PATH, required=True, help="Folder of the pretrained encoder.")
@click.option("--out", type=PATH, required=True, help="Folder for the trained model.")
@click.option("--labels", default="conll", show_default=True, help="A label schema: name or file.")
@click.option(
    "--steps", type=click.IntRange(1), default=400, show_default=True, help="Optimizer steps."
)
@click.option(
    "--batch-size", type=click.IntRange(1), default=16, show_default=True, help="Sentences a step."
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=3e-4,
    show_default=True,
    help="The highest, after the warm-up.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="Of the head, the order and dropout.",
)
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@progress_option
def command(
    original: Path | None,
    distilled: Path | None,
    curve: str,
    parameters: tuple[str, ...],
    mean_share: str,
    schedule: Schedule,
    student: Path,
    out: Path,
    labels: str,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    force: bool,
    as_json: bool,
    progress: Mode,
) -> None:
    """Train one student on original and distilled data.

    OUT can be opened by `nerdistill evaluate`, `nerdistill predict` and by transformers'
    AutoModelForTokenClassification; OUT/training.json tells how it was made. A training that was
    killed goes on from its last checkpoint when the same command is run again.

    \b
    Example, Simple Mix on the demo corpus:
      nerdistill train --original offline_assets/demo/original-train.jsonl \\
        --distilled labels.jsonl --curve step --student models/minilm --out models/mine
    """
    from nerdistill import assets
    from nerdistill.blend.curve import describe
    from nerdistill.digest import digest_folder, digest_of
    from nerdistill.files import write_whole
    from nerdistill.labels import load_schema
    from nerdistill.progress import open_progress
    from nerdistill.train.recipe import Recipe

    folder = assets.find(student, kind="student")
    _check_out(out, force, [path for path in (original, distilled, folder) if path])
    types = load_schema(labels).names
    blend = _curve(curve, parameters, mean_share)
    pools = [_read(original, types), _read(distilled, types)]
    recipe = Recipe(steps, batch_size, learning_rate, schedule=schedule)
    key = digest_of([VERSION, digest_folder(folder), types, pools, describe(blend), recipe, seed])
    place = out.resolve()
    with _folder_aside(place) as aside:
        from nerdistill.train.checkpoint import Checkpoints
        from nerdistill.train.fit import Job, encode_pools, fit

        checkpoints = Checkpoints(place.with_name(f".{place.name}.checkpoints"), key)
        encoded = encode_pools(folder, types, original=pools[0], distilled=pools[1])
        job = Job(folder, types, encoded, blend, recipe, seed, aside, checkpoints)
        with open_progress(progress) as shown:
            (record,) = fit([job], progress=shown, title=f"train {curve}")
        sources = {"student": folder, "original": original, "distilled": distilled}
        told = {
            **{name: None if path is None else str(path) for name, path in sources.items()},
            "types": types,
            "curve": describe(blend),
            "recipe": asdict(recipe),
            "seed": seed,
            **asdict(record),
        }
        write_whole(aside / "training.json", json.dumps(told, indent=1) + "\n")
    checkpoints.remove()
    if as_json:
        click.echo(json.dumps({"out": str(out), **told}))
        return
    examples = f"{record.shown['original']} original and {record.shown['distilled']} distilled"
    click.echo(f"{out}: {steps} steps, {examples} examples, {record.seconds:.0f} s")


def _check_out(out: Path, force: bool, sources: Sequence[Path]) -> None:
    """Refuse a place that cannot be taken, before any time is spent on training."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file", "Name a folder with --out.")
    if not out.exists() or not any(out.iterdir()):
        return
    if not force:
        raise ConfigError(f"{out} is not empty", "Name another --out, or replace it with --force.")
    for path in sources:
        if path.resolve().is_relative_to(out.resolve()):
            raise ConfigError(
                f"{out} holds {path}, which --force would delete", "Name another --out."
            )


@contextmanager
def _folder_aside(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place at the end; where that fails, `out` stays."""
    from nerdistill.files import sync_folder
    from nerdistill.sharing import make_folder, settle_below

    aside = out.with_name(f".{out.name}.{os.getpid()}.part")
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    # At once: where nothing can be written, better to hear of it before the training.
    make_folder(aside)
    try:
        yield aside
        settle_below(aside)
        sync_folder(aside)
        if out.exists():
            out.replace(old)
        aside.replace(out)
    finally:
        if old.exists() and not out.exists():
            old.replace(out)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _curve(kind: str, parameters: tuple[str, ...], mean_share: str) -> Curve:
    from nerdistill.blend.curve import make_curve, normalise

    values: dict[str, float] = {}
    for text in parameters:
        name, _, number = text.partition("=")
        values[name] = _number(number, f"--curve-parameter {text}")
    made = make_curve(kind, values)
    return made if mean_share == "as-is" else normalise(made, _number(mean_share, "--mean-share"))


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {text!r} is not a number", "Give a number.") from error


def _read(path: Path | None, types: Sequence[str]) -> tuple[Sentence, ...]:
    """A labelled corpus whose types the schema holds; nothing where no file is named."""
    from nerdistill.corpus.formats import read_corpus

    sentences = tuple(read_corpus(path).sentences) if path else ()
    for sentence in sentences:
        if sentence.spans is None:
            raise CorpusError(
                f"{path}: sentence {sentence.id} has no labels",
                "Train on labelled sentences; `nerdistill annotate run` makes some.",
            )
        for span in sentence.spans:
            if span.label not in types:
                raise CorpusError(
                    f"{path}: sentence {sentence.id}: type {span.label!r} is not in the label "
                    f"schema ({', '.join(types)})",
                    "Name a schema that holds it with --labels.",
                )
    return sentences

"""`nerdistill predict`: label text with a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from nerdistill.progress import Mode

COLUMNS = {".conll", ".iob", ".bio"}
"""Names of files that get CoNLL columns; all others get JSONL."""

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=PATH)
@click.argument("source", metavar="INPUT", type=PATH)
@click.option("--out", type=PATH, required=True, help="JSONL, or columns if it ends in .conll.")
@click.option(
    "--format", "form", help="Of INPUT: conll, jsonl, parquet or text; else told by its name."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@progress_option
def command(
    model: Path, source: Path, out: Path, form: str | None, as_json: bool, progress: Mode
) -> None:
    """Label INPUT with MODEL. Plain text is cut into sentences and words first.

    \b
    Example:
      nerdistill predict models/mine offline_assets/demo/unlabelled.jsonl --out labels.jsonl
    """
    from nerdistill import assets
    from nerdistill.corpus.formats import read_corpus, write_corpus
    from nerdistill.progress import open_progress

    # Before any time is spent: the writer would say so only at the end.
    if out.is_dir():
        raise ConfigError(f"{out} is a folder", "Name a file with --out.")
    corpus = read_corpus(source, format=form)
    folder = assets.find(model, kind="model")
    from nerdistill.evaluate.predict import predict_tags, relabel
    from nerdistill.student.tagger import load_tagger

    tagger = load_tagger(folder)
    sentences = list(corpus.sentences)
    with (
        open_progress(progress) as shown,
        shown.task("predict", total=len(corpus), unit="sentences") as task,
    ):
        tags = predict_tags(tagger, sentences, task=task)
    labelled = relabel(corpus, tags)
    write_corpus(labelled, out, format="conll" if out.suffix.lower() in COLUMNS else "jsonl")
    found = sum(len(sentence.spans or ()) for sentence in labelled.sentences)
    if as_json:
        click.echo(json.dumps({"out": str(out), "sentences": len(labelled), "entities": found}))
    else:
        click.echo(f"{out}: {found:,} entities in {len(labelled):,} sentences")

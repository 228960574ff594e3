"""`nerdistill evaluate`: score a model on a labelled corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option
from nerdistill.errors import CorpusError, printable

if TYPE_CHECKING:
    from nerdistill.metrics.score import Score, TypeScore
    from nerdistill.progress import Mode
    from nerdistill.types import Corpus

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=PATH)
@click.argument("corpus", type=PATH)
@click.option(
    "--windows/--no-windows",
    default=True,
    help="Read long sentences in overlapping windows, or cut them off as plain truncation does; "
    "gold behind the cut still counts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@progress_option
def command(model: Path, corpus: Path, windows: bool, as_json: bool, progress: Mode) -> None:
    """Score MODEL on CORPUS: strict entity precision, recall and F1, over all and by type.

    \b
    Example:
      nerdistill evaluate models/mine offline_assets/demo/test.jsonl
    """
    from nerdistill import assets
    from nerdistill.corpus.formats import read_corpus
    from nerdistill.progress import open_progress

    gold = read_corpus(corpus)
    types = _types(gold, corpus)
    folder = assets.find(model, kind="model")
    from nerdistill.evaluate.scoring import evaluate_model
    from nerdistill.student.tagger import load_tagger

    tagger = load_tagger(folder)
    unknown = sorted(label for label in types if f"B-{label}" not in tagger.tags)
    if unknown:
        click.echo(
            f"{corpus}: the model was never trained for {printable(', '.join(unknown))}: "
            "these entities count as missed",
            err=True,
        )
    with open_progress(progress) as shown:
        score, _ = evaluate_model(tagger, gold, progress=shown, title="evaluate", windows=windows)
    told = {"sentences": len(gold), "windows": windows, **score.to_json()}
    if as_json:
        click.echo(json.dumps(told))
    else:
        _show(score, f"{model} on {corpus} ({len(gold):,} sentences)")


def _types(gold: Corpus, path: Path) -> set[str]:
    """The entity types of a corpus that must be labelled."""
    types: set[str] = set()
    for sentence in gold.sentences:
        if sentence.spans is None:
            raise CorpusError(
                f"{path}: sentence {sentence.id} has no labels to score against",
                "Name a corpus that humans have labelled.",
            )
        types.update(span.label for span in sentence.spans)
    return types


def _show(score: Score, title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("type")
    for name in ("precision", "recall", "F1", "gold entities"):
        table.add_column(name, justify="right")
    rows: dict[str, Score | TypeScore] = {"all": score, **score.by_type}
    for name, row in rows.items():
        numbers = (f"{value:.2f}" for value in (row.precision, row.recall, row.f1))
        table.add_row(
            escape(printable(name)), *numbers, f"{row.gold:,}", style="bold" if row is score else ""
        )
    Console().print(table)

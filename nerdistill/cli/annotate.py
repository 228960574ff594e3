"""`nerdistill annotate`: let a teacher label text, and compare such labels."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nerdistill.cli.annotate_run import run

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Let a language model label text, and compare such labels.

    \b
    Example:
      nerdistill annotate run offline_assets/demo/unlabelled.jsonl --annotator replay \\
        --replies offline_assets/demo/replies.jsonl --out labels.jsonl
    """


command.add_command(run)


@command.command()
@click.argument("first", metavar="A", type=PATH)
@click.argument("second", metavar="B", type=PATH)
@click.option("--gold", type=PATH, help="Gold labels, to score both with.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(first: Path, second: Path, gold: Path | None, as_json: bool) -> None:
    """Show two labelled files side by side, on the sentences that both have.

    \b
    Example:
      nerdistill annotate compare standard.jsonl bare.jsonl --gold gold.jsonl
    """
    from rich.console import Console

    from nerdistill.annotate.compare import compare as compare_labels
    from nerdistill.annotate.output import simulated_in
    from nerdistill.annotate.tables import comparison_lines, disagreements_table, scores_table
    from nerdistill.corpus.formats import read_corpus

    truth = None if gold is None else read_corpus(gold)
    found = compare_labels(read_corpus(first), read_corpus(second), truth)
    simulated = [str(path) for path in (first, second) if simulated_in(path)]
    if as_json:
        told = {"a": str(first), "b": str(second), "simulated": simulated, **found.to_json()}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    console = Console()
    for line in comparison_lines(found, simulated):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if found.scores is not None:
        pair = zip(("A", "B"), found.scores, strict=True)
        scores = {name: score.to_json() for name, score in pair}
        title = f"Each against gold, on {found.scored} sentences"
        console.print(scores_table(title, scores, simulated=bool(simulated)))
    console.print(disagreements_table(found))

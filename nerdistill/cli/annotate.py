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

    With gold, a paired test says whether one is better or chance may have made it so.

    \b
    Example:
      nerdistill annotate compare standard.jsonl bare.jsonl --gold gold.jsonl
    """
    from rich.console import Console

    from nerdistill.annotate.compare import compare as compare_labels
    from nerdistill.annotate.output import simulated_in
    from nerdistill.annotate.tables import disagreements_table, errors_table, scores_table
    from nerdistill.annotate.words import comparison_lines
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
    if found.audits is not None:
        audits = dict(zip(("A", "B"), found.audits, strict=True))
        scores = {name: one.to_json() for name, one in audits.items()}
        title = f"Each against gold, on {found.scored} sentences"
        console.print(scores_table(title, scores, simulated=bool(simulated)))
        console.print(errors_table(audits))
    console.print(disagreements_table(found))

"""`nerdistill annotate`: let a teacher label text, and compare such labels."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.annotate.backends import BACKENDS

if TYPE_CHECKING:
    from nerdistill.annotate.run import AnnotationRun
    from nerdistill.progress import Mode
    from nerdistill.types import Corpus

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Let a language model label text, and compare such labels.

    \b
    Example:
      nerdistill annotate run offline_assets/demo/unlabelled.jsonl --annotator replay \\
        --replies offline_assets/demo/replies.jsonl --out labels.jsonl
    """


@command.command()
@click.argument("source", metavar="INPUT", type=PATH)
@click.option(
    "--annotator",
    type=click.Choice(sorted(BACKENDS)),
    required=True,
    help="replay: recorded replies. simulated: gold with a measured teacher's errors.",
)
@click.option("--out", type=PATH, required=True, help="Where the labelled corpus goes, as JSONL.")
@click.option("--labels", default="conll", show_default=True, help="A label schema: name or file.")
@click.option("--prompt", default="standard", show_default=True, help="A prompt: name or file.")
@click.option("--model", help="The model's name; default: the annotator's.")
@click.option(
    "--replies", multiple=True, type=PATH, help="replay: a file of recorded replies; repeatable."
)
@click.option("--gold", type=PATH, help="Gold labels of INPUT, to audit with and to simulate from.")
@click.option(
    "--error-scale",
    type=click.FloatRange(0, 10),
    default=1.0,
    show_default=True,
    help="simulated: times the measured errors; 0 is a perfect teacher.",
)
@click.option("--seed", default=0, show_default=True, help="simulated: of the errors.")
@click.option("--store", type=PATH, help="Where raw replies are kept; default: OUT.replies.sqlite.")
@click.option("--audit", "audit_file", type=PATH, help="Write the audit there too, as JSON.")
@click.option("--limit", type=click.IntRange(1), help="Label only the first so many sentences.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain", "json", "none"]),
    default="auto",
    show_default=True,
    help="How to report while it runs.",
)
def run(
    source: Path,
    annotator: str,
    out: Path,
    labels: str,
    prompt: str,
    model: str | None,
    replies: tuple[Path, ...],
    gold: Path | None,
    error_scale: float,
    seed: int,
    store: Path | None,
    audit_file: Path | None,
    limit: int | None,
    as_json: bool,
    progress: Mode,
) -> None:
    """Label the sentences of INPUT.

    Raw replies are kept in the store: run again, and only what is missing is asked for. Sentences
    that failed are listed in OUT.failures.jsonl, and have no line in OUT.

    \b
    Examples:
      nerdistill annotate run news.jsonl --annotator replay --replies recorded.jsonl \\
        --out labels.jsonl
      nerdistill annotate run news.jsonl --annotator simulated --gold gold.jsonl --out labels.jsonl
    """
    from nerdistill.annotate.audit import audit
    from nerdistill.annotate.backends import BackendSettings
    from nerdistill.annotate.output import failures_path, write_annotations
    from nerdistill.annotate.prompt import load_prompt
    from nerdistill.annotate.protocol import Sampling
    from nerdistill.annotate.replay import ReplayAnnotator
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.run import annotate_corpus
    from nerdistill.labels import load_schema
    from nerdistill.progress import open_progress

    schema = load_schema(labels)
    corpus = _read(source, gold, limit)
    teacher = BACKENDS[annotator](BackendSettings(schema, replies, error_scale, seed))
    kept = store or out.with_name(f"{out.name}.replies.sqlite")
    with ReplyStore(kept) as opened, open_progress(progress) as shown:
        done = annotate_corpus(
            corpus,
            annotator=teacher,
            annotator_name=annotator,
            model=model or annotator,
            prompt=load_prompt(prompt),
            schema=schema,
            sampling=Sampling(),
            store=opened,
            progress=shown,
        )
    write_annotations(out, corpus, done)
    _check_any(done, failures_path(out))
    told = {
        "annotator": annotator,
        "model": model or annotator,
        "simulated": annotator == "simulated",
        "out": str(out),
        "failures": str(failures_path(out)),
        "store": str(kept),
        **asdict(done.counts),
        "conflicts": teacher.conflicts if isinstance(teacher, ReplayAnnotator) else 0,
        "audit": audit(done.annotations, corpus, failures=len(done.failures)).to_json(),
    }
    _tell(told, audit_file, as_json=as_json)


def _read(source: Path, gold: Path | None, limit: int | None) -> Corpus:
    from nerdistill.annotate.gold import first_sentences, with_gold
    from nerdistill.corpus.formats import read_corpus

    corpus = read_corpus(source)
    if limit is not None:
        corpus = first_sentences(corpus, limit)
    return corpus if gold is None else with_gold(corpus, read_corpus(gold))


def _check_any(done: AnnotationRun, listed: Path) -> None:
    from nerdistill.errors import AnnotationError

    if not done.annotations:
        raise AnnotationError(
            f"no sentence could be labelled; the first of {len(done.failures)} failures: "
            f"{done.failures[0][1].message}",
            f"All are listed in {listed}.",
        )


def _tell(told: dict[str, object], audit_file: Path | None, *, as_json: bool) -> None:
    from nerdistill.files import write_whole

    if audit_file is not None:
        audit_file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(audit_file, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    from rich.console import Console

    from nerdistill.annotate.tables import run_lines, scores_table

    console = Console()
    found = told["audit"]
    if isinstance(found, dict) and found["f1"] is not None:
        simulated = bool(told["simulated"])
        title = "Labels against gold"
        console.print(scores_table(title, {str(told["model"]): found}, simulated=simulated))
    for line in run_lines(told):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


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

"""`nerdistill corpus`: look at, convert, split and audit corpora."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from nerdistill.corpus.audit import SIMILAR, drop_duplicates, near_duplicates
from nerdistill.corpus.formats import FORMATS, read_corpus, write_corpus
from nerdistill.corpus.split import split as split_corpus
from nerdistill.corpus.stats import stats_of
from nerdistill.errors import ConfigError
from nerdistill.labels import Scheme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.corpus.audit import Duplicate

PATH = click.Path(path_type=Path)
SHOWN = 10

format_option = click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), help="Of the input; else told by it."
)
tag_column_option = click.option(
    "--tag-column",
    default=-1,
    show_default=True,
    help="Of CoNLL columns: where the tag stands, from 0, or from the end if negative.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Look at, convert, split and audit corpora.

    \b
    Example:
      nerdistill corpus stats offline_assets/demo/test.jsonl
    """


@command.command()
@click.argument("corpus", type=PATH)
@format_option
@tag_column_option
@json_option
def stats(corpus: Path, form: str | None, tag_column: int, as_json: bool) -> None:
    """Count documents, sentences, words and entities.

    \b
    Example:
      nerdistill corpus stats train.conll --tag-column 3
    """
    counted = stats_of(read_corpus(corpus, format=form, tag_column=tag_column))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(counted), ensure_ascii=False))
        return
    rows = [
        ("documents", f"{counted.documents:,}"),
        ("sentences", f"{counted.sentences:,}"),
        ("  labelled", f"{counted.labelled:,}"),
        ("  without entities", f"{counted.empty:,}"),
        ("words", f"{counted.tokens:,}"),
        ("longest sentence", f"{counted.longest:,} words (id {counted.longest_id})"),
        ("entities", f"{sum(counted.entities.values()):,}"),
        *((f"  {label}", f"{count:,}") for label, count in counted.entities.items()),
    ]
    for name, value in rows:
        click.echo(f"{name:20}{value}")


@command.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("target", metavar="OUT", type=PATH)
@click.option(
    "--from", "--format", "source_format", type=click.Choice(sorted(FORMATS)), help="Format of IN."
)
@click.option(
    "--to",
    "target_format",
    type=click.Choice(sorted(name for name, kind in FORMATS.items() if kind.write)),
    help="Format of OUT; else told by its name.",
)
@tag_column_option
@click.option(
    "--tag-scheme",
    type=click.Choice(get_args(Scheme)),
    default="IOB2",
    show_default=True,
    help="Of CoNLL columns in OUT.",
)
def convert(
    source: Path,
    target: Path,
    source_format: str | None,
    target_format: str | None,
    tag_column: int,
    tag_scheme: Scheme,
) -> None:
    """Write a corpus in another format. A folder of .txt or .parquet files is a corpus too.

    \b
    Examples:
      nerdistill corpus convert train.txt train.jsonl
      nerdistill corpus convert articles/ articles.jsonl
      nerdistill corpus convert train.jsonl train.conll --tag-scheme BIOES
    """
    corpus = read_corpus(source, format=source_format, tag_column=tag_column)
    write_corpus(corpus, target, format=target_format, tag_scheme=tag_scheme)
    click.echo(f"{target}: {len(corpus):,} sentences in {len(corpus.documents):,} documents")


@command.command()
@click.argument("source", metavar="INPUT", type=PATH)
@click.option("--out", type=PATH, required=True, help="The folder for NAME.jsonl of each part.")
@click.option(
    "--share", "shares", metavar="NAME=SHARE", multiple=True, required=True, help="A part."
)
@click.option("--seed", default=1, show_default=True, help="Another seed, another split.")
@format_option
@tag_column_option
def split(
    source: Path, out: Path, shares: tuple[str, ...], seed: int, form: str | None, tag_column: int
) -> None:
    """Deal whole documents out to parts, so that no article lies in two of them.

    \b
    Example:
      nerdistill corpus split all.jsonl --out parts --share train=0.8 --share test=0.2
    """
    wanted = _shares(shares)
    corpus = read_corpus(source, format=form, tag_column=tag_column)
    for name, part in split_corpus(corpus, wanted, seed).items():
        path = out / f"{name}.jsonl"
        write_corpus(part, path)
        click.echo(f"{path}: {len(part):,} sentences in {len(part.documents):,} documents")


def _shares(texts: Iterable[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if not name or name in shares or Path(name).name != name or not share > 0:
            raise ConfigError(
                f"--share {text}: not a new name and a share above 0", "Write --share train=0.8."
            )
        shares[name] = share
    return shares


@command.command()
@click.argument("train", type=PATH)
@click.argument("held_out", type=PATH)
@click.option(
    "--threshold", default=SIMILAR, show_default=True, help="Least similarity, above 0 to 1."
)
@click.option(
    "--drop-duplicates",
    "out",
    metavar="OUT",
    type=PATH,
    help="Write TRAIN without its duplicates to OUT; HELD_OUT stays as it is.",
)
@format_option
@tag_column_option
@json_option
def audit(
    train: Path,
    held_out: Path,
    threshold: float,
    out: Path | None,
    form: str | None,
    tag_column: int,
    as_json: bool,
) -> None:
    """Find sentences of TRAIN that HELD_OUT repeats, exactly or nearly.

    \b
    Example:
      nerdistill corpus audit train.jsonl test.jsonl --drop-duplicates train-clean.jsonl
    """
    pool = read_corpus(train, format=form, tag_column=tag_column)
    held = read_corpus(held_out, format=form, tag_column=tag_column)
    if out is None:
        found = near_duplicates(pool, held, threshold=threshold)
    else:
        rest, found = drop_duplicates(pool, held, threshold=threshold)
        if not len(rest):
            raise ConfigError(
                f"{train}: every sentence is in {held_out}", "Name a training pool of other text."
            )
        write_corpus(rest, out)
    _report(found, len(pool), as_json)


def _report(found: list[Duplicate], sentences: int, as_json: bool) -> None:
    exact = sum(one.similarity == 1 for one in found)
    if as_json:
        told = {
            "sentences": sentences,
            "exact": exact,
            "near": len(found) - exact,
            "duplicates": [dataclasses.asdict(one) for one in found],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(
        f"{len(found):,} of {sentences:,} training sentences occur in the held-out data: "
        f"{exact:,} exactly, {len(found) - exact:,} nearly"
    )
    for one in found[:SHOWN]:
        click.echo(f"  {one.train} = {one.held_out}  {one.similarity:.2f}  {one.text}")
    if len(found) > SHOWN:
        click.echo(f"  and {len(found) - SHOWN:,} more: --json lists all")

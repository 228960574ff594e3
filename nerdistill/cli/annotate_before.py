"""What `nerdistill annotate run` tells and asks before it labels anything."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.annotate.ask import grounded
from nerdistill.errors import AnnotationError, ConfigError

if TYPE_CHECKING:
    from nerdistill.annotate.backends import Teacher
    from nerdistill.annotate.job import Job
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.run import Source
    from nerdistill.cli.annotate_options import Options
    from nerdistill.progress import Progress

SEED = 0
"""Of the sentences to calibrate with: the same ones each time, so that their replies are stored."""


def tell_plan(options: Options, job: Job, source: Source, teacher: Teacher | None) -> None:
    """Print what a run would ask, cost and take.

    Args:
        options: of the command.
        job: with the model's name.
        source: the text.
        teacher: where its replies rest on more than the request; else None.
    """
    from contextlib import ExitStack

    from nerdistill.annotate.plan import Terms, plan_run
    from nerdistill.annotate.prices import load_prices
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.tokens import load_counter
    from nerdistill.annotate.words import plan_lines

    folder = Path(options.model) if options.model and Path(options.model).is_dir() else None
    requests = job.requests(sentence for _, sentence in source())
    with ExitStack() as stack:
        store = None
        if options.replies_file.exists():
            store = stack.enter_context(ReplyStore(options.replies_file))
        plan = plan_run(
            map(partial(grounded, teacher.annotator), requests) if teacher else requests,
            model=job.model,
            terms=Terms(
                load_prices(options.prices) if options.annotator == "openai" else None,
                batch=options.batch,
                requests_per_second=options.requests_per_second,
                tokens_per_second=options.tokens_per_second,
                reply_tokens=options.reply_tokens,
                gpu_hour=options.gpu_hour,
                gpus=options.gpus,
            ),
            store=store,
            counter=load_counter(folder),
        )
    if options.as_json:
        click.echo(json.dumps(plan.to_json(), ensure_ascii=False))
        return
    for line in plan_lines(plan):
        click.echo(line)
    if options.verify:
        click.echo("not counted: the second pass, which depends on what the first one finds")


def calibrated(
    options: Options, job: Job, teacher: Teacher, store: ReplyStore, progress: Progress
) -> bool:
    """Label some sentences that have gold, tell how well that went, and ask whether to go on.

    Raises:
        AnnotationError: the F1 is below the bar.
        ConfigError: nobody is there to ask.
        CorpusError: no sentence has gold.
    """
    from rich.console import Console

    from nerdistill.annotate.calibrate import calibration, choose
    from nerdistill.annotate.run import annotate_corpus
    from nerdistill.annotate.tables import calibration_tables
    from nerdistill.annotate.words import calibration_lines
    from nerdistill.corpus.formats import read_corpus

    gold = read_corpus(options.gold or options.source)
    part = choose(gold, options.calibrate or 1, seed=SEED)
    run = annotate_corpus(part, job, annotator=teacher.annotator, store=store, progress=progress)
    found = calibration(run.annotations, part, run.failures)
    console = Console(stderr=options.as_json)
    simulated = options.annotator == "simulated"
    for table in calibration_tables(found, job.model, simulated=simulated):
        console.print(table)
    for line in calibration_lines(found, options.min_f1):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if options.min_f1 is not None and found.below(options.min_f1):
        reached = "no F1" if found.f1 is None else f"F1 {found.f1:.1f}"
        raise AnnotationError(
            f"the calibration reached {reached}, below the {options.min_f1:g} of --min-f1",
            "Try another --prompt, --examples or --model; the replies so far are stored.",
        )
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(
            "--calibrate asks whether to go on, and no terminal is there to answer",
            "Say --yes to go on in any case, or --min-f1 with --yes to go on above a bar.",
        )
    return click.confirm("Label the rest?", err=True)

"""`nerdistill annotate run`: let a teacher label text."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING

import click

from nerdistill.annotate.backends import BackendSettings, check_questions
from nerdistill.annotate.output import failures_path
from nerdistill.cli.annotate_before import calibrated, tell_plan
from nerdistill.cli.annotate_options import Options, all_options
from nerdistill.errors import AnnotationError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nerdistill.annotate.audit import Audit
    from nerdistill.annotate.backends import Teacher
    from nerdistill.annotate.examples import Chooser
    from nerdistill.annotate.job import Job
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.run import RunCounts, Source
    from nerdistill.labels import LabelSchema
    from nerdistill.progress import Progress
    from nerdistill.types import Annotation, Sentence

VOTING_TEMPERATURE = 0.7
"""Of several replies to one prompt where the user names none: at 0 they would all be the same."""


@click.command()
@all_options
def run(**given: object) -> None:
    """Label the sentences of INPUT.

    Raw replies are kept in the store: run again, and only what is missing is asked for. Sentences
    that failed are listed in OUT.failures.jsonl, and have no line in OUT. API keys come from the
    environment alone: OPENAI_API_KEY, AZURE_OPENAI_API_KEY, VLLM_API_KEY.

    \b
    Examples:
      nerdistill annotate run news.jsonl --annotator openai --model gpt-4o --out labels.jsonl
      nerdistill annotate run news.jsonl --annotator vllm --base-url http://127.0.0.1:8000/v1 \\
        --out labels.jsonl
      nerdistill annotate run news.jsonl --annotator replay --replies recorded.jsonl \\
        --out labels.jsonl
      nerdistill annotate run news.jsonl --annotator simulated --gold gold.jsonl --out labels.jsonl
    """
    _run(Options(**given))  # type: ignore[arg-type]


def _run(options: Options) -> None:
    from nerdistill.annotate.backends import open_teacher
    from nerdistill.annotate.replay import ReplayAnnotator
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.labels import load_schema
    from nerdistill.progress import open_progress

    schema = load_schema(options.labels)
    job = _job(options, schema)
    source, total = _source(options)
    if options.dry_run and options.annotator == "openai" and options.model:
        tell_plan(options, replace(job, model=options.model), source, None)  # without a key
        return
    settings = _settings(options, schema)
    with (
        open_progress(options.progress) as shown,
        open_teacher(options.annotator, settings, shown) as teacher,
    ):
        job = replace(job, model=teacher.model)
        if options.dry_run:
            tell_plan(options, job, source, teacher)
            return
        with ReplyStore(options.replies_file) as store:
            if options.calibrate and not calibrated(options, job, teacher, store, shown):
                return
            counts, found = _label(options, job, teacher, store, shown, source, total)
    replayed = teacher.annotator
    told = {
        "annotator": options.annotator,
        "model": teacher.model,
        "simulated": options.annotator == "simulated",
        "out": str(options.out),
        "failures": str(failures_path(options.out)),
        "store": str(options.replies_file),
        **asdict(counts),
        "conflicts": replayed.conflicts if isinstance(replayed, ReplayAnnotator) else 0,
        "audit": found.to_json(),
    }
    _tell(told, found, options)


def _label(
    options: Options,
    job: Job,
    teacher: Teacher,
    store: ReplyStore,
    shown: Progress,
    source: Source,
    total: int,
) -> tuple[RunCounts, Audit]:
    """Write the labels and audit them.

    Raises:
        AnnotationError: the annotator gave up, or no sentence could be labelled.
    """
    from nerdistill.annotate.audit import Auditor
    from nerdistill.annotate.output import AnnotationWriter
    from nerdistill.annotate.protocol import Failure
    from nerdistill.annotate.run import annotate

    auditor, first = Auditor(), list[Failure]()
    with AnnotationWriter(options.out) as writer:

        def keep(document: str, sentence: Sentence, outcome: Annotation | Failure) -> None:
            writer.add(document, sentence, outcome)
            if isinstance(outcome, Failure):
                first[:] = first or [outcome]
                auditor.fail(sentence, outcome)
            else:
                auditor.add(sentence, outcome)

        counts = annotate(
            source,
            job,
            annotator=teacher.annotator,
            store=store,
            progress=shown,
            sink=keep,
            total=total,
            price=_price(options, teacher.model),
        )
    found = auditor.result()
    if found.failed == found.sentences:
        raise AnnotationError(
            f"no sentence could be labelled; the first of {found.failed} failures: "
            f"{first[0].message}",
            f"All are listed in {failures_path(options.out)}.",
        )
    return counts, found


def _settings(options: Options, schema: LabelSchema) -> BackendSettings:
    return BackendSettings(
        schema,
        model=options.model,
        base_urls=options.base_urls,
        azure_version=options.azure_version,
        max_concurrency=options.max_concurrency,
        timeout=options.timeout,
        deadline=options.deadline,
        patience=options.patience,
        batch_journal=_batch_journal(options),
        max_model_len=options.max_model_len,
        gpus=options.gpus,
        vllm_python=options.vllm_python,
        vllm_arguments=options.vllm_arguments,
        answers_as=options.answers_as,
        logprobs=options.logprobs,
        replies=options.replies,
        error_scale=options.error_scale,
        seed=options.seed,
    )


def _batch_journal(options: Options) -> Path | None:
    """Where the batches of the store's requests are listed.

    Raises:
        ConfigError: the annotator knows no batches.
    """
    if not options.batch:
        return None
    if options.annotator != "openai":
        raise ConfigError(
            f"the {options.annotator} annotator has no batches",
            "Leave out --batch; vllm-offline takes all requests at once anyway.",
        )
    return options.replies_file.with_name(f"{options.replies_file.name}.batches.jsonl")


def _job(options: Options, schema: LabelSchema) -> Job:
    """What is asked; the model's name is known once the teacher is open.

    Raises:
        ConfigError: settings that do not go together.
    """
    from nerdistill.annotate.job import Job
    from nerdistill.annotate.prompt import load_prompt
    from nerdistill.annotate.protocol import Sampling

    check_questions(options.annotator, per_request=options.per_request, verify=options.verify)
    usual = VOTING_TEMPERATURE if options.votes > 1 else 0.0
    temperature = usual if options.temperature is None else options.temperature
    return Job(
        options.annotator,
        "",
        load_prompt(options.prompt),
        schema,
        Sampling(
            temperature,
            max_tokens=options.max_tokens,
            seed=options.sampling_seed,
            extra=_extra(options.extra_body),
        ),
        votes=options.votes,
        per_request=options.per_request,
        examples=_chooser(options),
        structured=options.structured,
        verify=options.verify,
    )


def _extra(text: str) -> str:
    """The user's JSON in its canonical form."""
    from nerdistill.digest import canonical_json

    try:
        value = json.loads(text)
        if isinstance(value, dict):
            return canonical_json(value)
    except (ValueError, RecursionError):
        pass
    raise ConfigError(
        f"--extra-body {text[:60]!r} is no JSON object",
        """Write for example --extra-body '{"top_k": 20}'.""",
    )


def _chooser(options: Options) -> Chooser | None:
    from nerdistill.annotate.examples import load_chooser
    from nerdistill.corpus.formats import read_corpus

    if options.examples is None:
        return None
    return load_chooser(options.choose, read_corpus(options.examples), options.shots)


def _source(options: Options) -> tuple[Source, int]:
    """The text with its gold, and how many sentences it has. All of it is read once, and checked.

    Raises:
        CorpusError: a line is wrong, or gold belongs to another corpus.
    """
    from nerdistill.annotate.gold import by_id, labelled, unknown_gold
    from nerdistill.corpus.formats import read_corpus, stream_corpus

    stream = stream_corpus(options.source)
    known = None if options.gold is None else by_id(read_corpus(options.gold))

    def source() -> Iterator[tuple[str, Sentence]]:
        for document, sentence in islice(stream(), options.limit):
            yield document, sentence if known is None else labelled(sentence, known)

    total = matched = 0
    for _, sentence in source():
        total += 1
        matched += known is not None and sentence.id in known
    if known is not None and not matched and not options.calibrate:
        raise unknown_gold()
    return source, total


def _price(options: Options, model: str) -> Callable[[int, int, int], float | None] | None:
    """What a run's tokens cost so far; None where they cost nothing."""
    from nerdistill.annotate.prices import load_prices

    if options.annotator != "openai":
        return None
    prices = load_prices(options.prices)
    return lambda tokens_in, cached, out: prices.cost(
        model, tokens_in, cached, out, batch=options.batch
    )


def _tell(told: dict[str, object], found: Audit, options: Options) -> None:
    from nerdistill.files import write_whole
    from nerdistill.sharing import make_folder

    if options.audit_file is not None:
        make_folder(options.audit_file.parent)
        write_whole(options.audit_file, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    if options.as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    from rich.console import Console

    from nerdistill.annotate.tables import audit_tables, scores_table
    from nerdistill.annotate.words import run_lines

    console = Console()
    if found.score is not None:
        scores = {str(told["model"]): found.to_json()}
        simulated = options.annotator == "simulated"
        console.print(scores_table("Labels against gold", scores, simulated=simulated))
    for table in audit_tables(found):
        console.print(table)
    for line in run_lines(told):
        console.print(line, highlight=False, soft_wrap=True, markup=False)

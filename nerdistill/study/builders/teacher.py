"""The stage in which the teacher labels a corpus."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.annotate.audit import audit
from nerdistill.annotate.backends import (
    BACKENDS,
    BackendSettings,
    check_questions,
    open_teacher,
)
from nerdistill.annotate.examples import load_chooser
from nerdistill.annotate.job import Job
from nerdistill.annotate.output import write_annotations
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import annotate_corpus
from nerdistill.annotate.spent import tokens_of
from nerdistill.digest import canonical_json
from nerdistill.errors import AnnotationError, ConfigError
from nerdistill.labels import load_schema
from nerdistill.study.builders.site import CORPUS, TOKENS
from nerdistill.study.config import Teacher

if TYPE_CHECKING:
    from nerdistill.annotate.run import AnnotationRun
    from nerdistill.labels import LabelSchema
    from nerdistill.study.builders.site import Result, Site

PASSING = frozenset({"timeout", "server"})
"""Failures that another run may well not see."""


def build_annotate(site: Site) -> Result:
    """Let the teacher label a corpus, note what that cost, and audit it where there is gold.

    Raw replies go into the workspace's store, so that no later version asks for them again.

    Raises:
        AnnotationError: the annotator gave up, or some sentences got no answer yet.
    """
    schema, teacher = load_schema(site.stage.files["labels"]), _teacher(site)
    if teacher.annotator not in BACKENDS:
        raise ConfigError(
            f"teacher.annotator: there is no {teacher.annotator!r}",
            f"Choose among {', '.join(BACKENDS)}.",
        )
    check_questions(
        teacher.annotator, per_request=teacher.sentences_per_request, verify=teacher.verify
    )
    corpus = site.read("corpus")
    with (
        open_teacher(teacher.annotator, _settings(site, teacher, schema), site.progress) as opened,
        ReplyStore(site.workspace.replies) as store,
    ):
        run = annotate_corpus(
            corpus,
            replace(_job(site, teacher, schema), model=opened.model),
            annotator=opened.annotator,
            store=store,
            progress=site.progress,
        )
        spent = tokens_of(run.annotations, store, votes=teacher.votes)
    _check_answered(run)
    write_annotations(site.folder / CORPUS, corpus, run)
    (site.folder / TOKENS).write_text(canonical_json(spent), encoding="utf-8")
    return audit(run.annotations, corpus, failures=run.failures).to_json()


def _teacher(site: Site) -> Teacher:
    """The teacher's section of the study, as far as the stage knows it."""
    given = {**site.stage.params, **site.stage.aside}
    known = {name: value for name, value in given.items() if name in Teacher.model_fields}
    return Teacher.model_validate({**known, "corpora": ["corpus"]})


def _settings(site: Site, teacher: Teacher, schema: LabelSchema) -> BackendSettings:
    files = site.stage.files
    return BackendSettings(
        schema,
        model=teacher.model,
        base_urls=teacher.base_urls,
        azure_version=teacher.azure_version,
        max_concurrency=teacher.max_concurrency,
        timeout=teacher.timeout,
        deadline=teacher.deadline,
        patience=teacher.patience,
        answers_as=tuple(teacher.answers_as),
        max_model_len=teacher.max_model_len,
        gpus=teacher.gpus,
        vllm_python=None if teacher.vllm_python is None else Path(teacher.vllm_python),
        vllm_arguments=tuple(teacher.vllm_arguments),
        replies=tuple(path for role, path in files.items() if role.startswith("replies-")),
        error_scale=teacher.error_scale,
        seed=teacher.seed,
    )


def _job(site: Site, teacher: Teacher, schema: LabelSchema) -> Job:
    examples = None
    if "examples" in site.stage.inputs:
        examples = load_chooser(teacher.choose, site.read("examples"), teacher.shots)
    return Job(
        teacher.annotator,
        teacher.model,
        load_prompt(teacher.prompt),
        schema,
        Sampling(
            teacher.temperature,
            max_tokens=teacher.max_tokens,
            seed=teacher.sampling_seed,
            extra=canonical_json(teacher.extra_body),
        ),
        votes=teacher.votes,
        per_request=teacher.sentences_per_request,
        examples=examples,
        structured=teacher.structured,
        verify=teacher.verify,
    )


def _check_answered(run: AnnotationRun) -> None:
    """A stage is done once and for all: not while sentences wait for a server's better day."""
    kinds = Counter(failure.kind for _, failure in run.failures)
    waiting = [failure for _, failure in run.failures if failure.kind in PASSING]
    if waiting:
        raise AnnotationError(
            f"{len(waiting)} of {run.counts.sentences} sentences got no answer "
            f"({', '.join(f'{kind}: {count}' for kind, count in kinds.items())}); the first: "
            f"{waiting[0].message}",
            "Run the study again: it asks for these alone.",
        )

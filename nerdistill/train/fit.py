"""Train students from start to finish: load, plan, train, save; one, or several side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.blend.plan import PoolName, plan_batches
from nerdistill.labels import iob2_tags
from nerdistill.student.tagger import load_encoder, load_student, save_tagger
from nerdistill.train.gpu import slow_because
from nerdistill.train.loop import Run, TrainingRecord, train
from nerdistill.train.observe import steps_to_observe
from nerdistill.train.pool import Pool, prepare
from nerdistill.train.recipe import stage_starts
from nerdistill.train.resume import Saving
from nerdistill.train.watch import UNWATCHED, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nerdistill.blend.curve import Curve
    from nerdistill.progress import Progress
    from nerdistill.train.checkpoint import Checkpoints
    from nerdistill.train.recipe import Recipe
    from nerdistill.types import Sentence


@dataclass(frozen=True, slots=True)
class Job:
    """One student to train.

    Attributes:
        student: folder of the pretrained encoder.
        types: the entity types, in the order of the tagger's classes.
        pools: encoded for this student.
        curve: share of distilled sentences over training.
        recipe: steps, rates and the rest.
        seed: of the head, the order and dropout.
        out: folder for the tagger; it need not exist.
        checkpoints: where it is saved now and then, and goes on from; None: nowhere.
        watch: what it is watched with.
        observations: how often it is looked at besides at the start; 0: never.
    """

    student: Path
    types: Sequence[str]
    pools: Mapping[PoolName, Pool]
    curve: Curve
    recipe: Recipe
    seed: int
    out: Path
    checkpoints: Checkpoints | None = None
    watch: Watch = UNWATCHED
    observations: int = 0


def encode_pools(
    student: Path,
    types: Sequence[str],
    *,
    original: Sequence[Sentence],
    distilled: Sequence[Sentence],
) -> dict[PoolName, Pool]:
    """Human-labelled sentences, and those that a teacher labelled, as a student reads them.

    Raises:
        AssetError: the folder holds no student.
    """
    encoder, tags = load_encoder(student), iob2_tags(types)
    return {
        "original": prepare(original, encoder, tags),
        "distilled": prepare(distilled, encoder, tags),
    }


def fit(
    jobs: Sequence[Job], *, progress: Progress, title: str, every: int | None = None
) -> list[TrainingRecord]:
    """Train pretrained students of one shape on their blends, and save the taggers.

    Args:
        jobs: with equally many steps and observations.
        progress: gets one task, a step a unit.
        title: of that task.
        every: steps between two checkpoints; None: as the time tells.

    Raises:
        AssetError: a folder holds no student.
        ConfigError: a curve asks for a pool that is empty, or `restart` has nothing to restart.
    """
    runs = [_run(job) for job in jobs]
    if lack := slow_because(runs[0].tagger.model):
        progress.say(lack)
    places = [job.checkpoints for job in jobs if job.checkpoints is not None]
    saving = Saving(places, progress.say, every) if len(places) == len(jobs) else None
    with progress.task(title, total=jobs[0].recipe.steps, unit="steps") as task:
        records = train(runs, task=task, saving=saving)
    for job, run in zip(jobs, runs, strict=True):
        save_tagger(run.tagger, job.out)
    return records


def _run(job: Job) -> Run:
    starts = stage_starts(job.curve, job.recipe)
    plan = plan_batches(
        job.curve,
        steps=job.recipe.steps,
        batch_size=job.recipe.batch_size,
        original=job.pools["original"].lengths,
        distilled=job.pools["distilled"].lengths,
        seed=job.seed,
        window_steps=job.recipe.window_steps,
    )
    tagger = load_student(job.student, iob2_tags(job.types), seed=job.seed)
    observed = steps_to_observe(job.recipe.steps, job.observations)
    return Run(tagger, plan, job.pools, job.recipe, starts, job.seed, job.watch, observed)

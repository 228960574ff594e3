"""Train one student from start to finish: encode, plan, train, save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.blend.plan import PoolName, plan_batches
from nerdistill.labels import iob2_tags
from nerdistill.student.tagger import load_student, save_tagger
from nerdistill.train.loop import Run, TrainingRecord, train
from nerdistill.train.pool import Pool, prepare
from nerdistill.train.recipe import stage_starts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nerdistill.blend.curve import Curve
    from nerdistill.progress import Progress
    from nerdistill.train.recipe import Recipe
    from nerdistill.types import Sentence


def fit(
    *,
    student: Path,
    types: Sequence[str],
    original: Sequence[Sentence],
    distilled: Sequence[Sentence],
    curve: Curve,
    recipe: Recipe,
    seed: int,
    out: Path,
    progress: Progress,
    title: str,
) -> TrainingRecord:
    """Train a pretrained student on a blend and save the tagger into `out`.

    Args:
        student: folder of the pretrained encoder.
        types: the entity types, in the order of the tagger's classes.
        original: human-labelled sentences.
        distilled: sentences that a teacher labelled.
        curve: share of distilled sentences over training.
        recipe: steps, rates and the rest.
        seed: of the head, the order and dropout.
        out: folder for the tagger; it need not exist.
        progress: gets one task, a step a unit.
        title: of that task.

    Raises:
        AssetError: the folder holds no student.
        ConfigError: the curve asks for a pool that is empty, or `restart` has nothing to restart.
    """
    starts = stage_starts(curve, recipe)
    tagger = load_student(student, iob2_tags(types), seed=seed)
    pools: dict[PoolName, Pool] = {
        "original": prepare(original, tagger.encoder, tagger.tags),
        "distilled": prepare(distilled, tagger.encoder, tagger.tags),
    }
    plan = plan_batches(
        curve,
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        original=pools["original"].lengths,
        distilled=pools["distilled"].lengths,
        seed=seed,
        window_steps=recipe.window_steps,
    )
    with progress.task(title, total=recipe.steps, unit="steps") as task:
        (record,) = train([Run(tagger, plan, pools, recipe, starts, seed)], task=task)
    save_tagger(tagger, out)
    return record

"""Trainings of tiny students on made-up sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.blend.plan import PoolName, plan_batches
from nerdistill.progress import Silent
from nerdistill.student.tagger import Tagger, load_student
from nerdistill.train.loop import Run, TrainingRecord, train
from nerdistill.train.pool import Pool, prepare
from nerdistill.train.recipe import stage_starts
from nerdistill.types import Sentence, Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from nerdistill.blend.curve import Curve
    from nerdistill.train.recipe import Recipe

PEOPLE = ["Ada", "Bela", "Chen", "Dora"]
WORDS = [*PEOPLE, "left", "for", "good"]
TYPES = ("PER",)
TAGS = ("O", "B-PER", "I-PER")


def sentences(count: int, fillers: int = 3) -> list[Sentence]:
    """Made-up sentences, each with one person somewhere."""
    made = []
    for i in range(count):
        tokens = ["left"] * (1 + i % fillers) + [PEOPLE[i % 4]] + ["for", "good"] * (i % fillers)
        at = 1 + i % fillers
        made.append(Sentence(str(i), tuple(tokens), spans=(Span(at, at + 1, "PER"),)))
    return made


def exact(student: Path, *, seed: int = 1) -> Tagger:
    """A tagger in double precision, in which the order of additions is no excuse."""
    tagger = load_student(student, TAGS, seed=seed)
    tagger.model.double()
    return tagger


def planned(tagger: Tagger, curve: Curve, recipe: Recipe, *, seed: int, distilled: int = 20) -> Run:
    """A training of `tagger` on pools whose content depends on the arguments."""
    pools: dict[PoolName, Pool] = {
        "original": prepare(sentences(11 + seed), tagger.encoder, TAGS),
        "distilled": prepare(sentences(distilled, fillers=5 + seed), tagger.encoder, TAGS),
    }
    plan = plan_batches(
        curve,
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        original=pools["original"].lengths,
        distilled=pools["distilled"].lengths,
        seed=seed,
    )
    return Run(tagger, plan, pools, recipe, stage_starts(curve, recipe), seed)


def trained(runs: Sequence[Run]) -> list[TrainingRecord]:
    """What training these side by side tells."""
    with Silent().task("t", total=None, unit="u") as task:
        return train(runs, task=task)


def weights(tagger: Tagger) -> dict[str, torch.Tensor]:
    """All weights by name."""
    return {name: p.detach().clone() for name, p in tagger.model.named_parameters()}

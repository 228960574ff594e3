"""A cell of a study: one training and its two scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.study.config import Budget
    from nerdistill.study.phases import Phase, Regimen
    from nerdistill.study.stage import Stage


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of a study, and its two scores.

    Attributes:
        regimen: how the data are blended.
        phases: the phases that show it.
        distilled: name of its distilled pool, or None.
        budget: original sentences, the capped validation sample included; or all there are.
        subset_seed: of the original sample.
        seed: of the head, the order and dropout.
        sample: the stage that drew the original sample.
        pool: the stage that made the distilled pool, or None; a treated one is made from it.
        other: name of the other teacher that labelled it, or None.
        train: the stage that trains.
        validation: the stage that scores on validation.
        test: the stage that scores on test.
    """

    regimen: Regimen
    phases: tuple[Phase, ...]
    distilled: str | None
    budget: Budget
    subset_seed: int
    seed: int
    sample: Stage
    pool: Stage | None
    other: str | None
    train: Stage
    validation: Stage
    test: Stage

"""A teacher tried on a few sentences that have gold, before it labels the rest."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nerdistill.annotate.audit import Audit, audit
from nerdistill.errors import CorpusError
from nerdistill.types import Corpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nerdistill.annotate.protocol import Failure
    from nerdistill.types import Annotation


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a teacher did on sentences that have gold.

    Attributes:
        sentences: how many it was asked.
        bearing: of those, how many have an entity in gold.
        audit: of its labels: scores with their 95 % intervals, error types, failures.
    """

    sentences: int
    bearing: int
    audit: Audit

    @property
    def f1(self) -> float | None:
        """In per cent; None where no sentence got labels."""
        return None if self.audit.score is None else self.audit.score.f1

    def below(self, min_f1: float) -> bool:
        """Whether the run should stop, for the F1 in per cent that the user asks for.

        The measured F1 decides, not an end of its interval: the bar is then crossed as often by
        chance upward as downward, and more sentences make it surer. Where no sentence got
        labels there is no F1, and nothing speaks for going on.
        """
        score = self.audit.score
        return score is None or score.f1 < min_f1

    def to_json(self) -> dict[str, object]:
        """As plain data, the audit's keys at the top level."""
        return {**self.audit.to_json(), "sentences": self.sentences, "bearing": self.bearing}


def choose(corpus: Corpus, n: int, *, seed: int) -> Corpus:
    """Sentences with gold to try a teacher on, in the order of the corpus.

    Sentences with entities are as frequent among them as in the corpus. The choice depends on the
    corpus and the seed alone, and that of a smaller `n` is part of that of a larger one, whose
    stored replies are therefore of use. Where fewer than `n` have gold, all of these are chosen.

    Raises:
        CorpusError: no sentence has gold.
        ValueError: `n` is less than 1.
    """
    if n < 1:
        raise ValueError(f"{n} sentences are none to calibrate with")
    labelled = [sentence for sentence in corpus.sentences if sentence.spans is not None]
    if not labelled:
        raise CorpusError(
            "no sentence has gold labels to calibrate with",
            "Name the file with human labels with --gold.",
        )
    strata = [[s.id for s in labelled if s.spans], [s.id for s in labelled if not s.spans]]
    shuffled = [_shuffled(names, f"{seed} {kind}") for kind, names in enumerate(strata)]
    bearing = _bearing(min(n, len(labelled)), len(strata[0]), len(labelled))
    empty = min(n, len(labelled)) - bearing
    chosen = {*shuffled[0][:bearing], *shuffled[1][:empty]}
    documents = (
        replace(one, sentences=tuple(s for s in one.sentences if s.id in chosen))
        for one in corpus.documents
    )
    return Corpus(tuple(one for one in documents if one.sentences))


def calibration(
    annotations: Iterable[Annotation], corpus: Corpus, failures: Iterable[tuple[str, Failure]]
) -> Calibration:
    """Measure a teacher on sentences that have gold.

    Args:
        annotations: its labels of these sentences.
        corpus: the sentences that it was asked, as `choose` gives them.
        failures: id and failure of those that got no labels.
    """
    return Calibration(
        len(corpus),
        sum(bool(sentence.spans) for sentence in corpus.sentences),
        audit(annotations, corpus, failures=failures),
    )


def _bearing(n: int, bearing: int, labelled: int) -> int:
    """How many of `n` sentences have entities: their share, rounded, and one if there is any.

    It never falls, and never rises by more than `n` does: a larger choice holds a smaller one.
    """
    return max((2 * n * bearing + labelled) // (2 * labelled), min(bearing, 1))


def _shuffled(names: Sequence[str], seed: str) -> list[str]:
    mixed = list(names)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - a sample, no secret
    return mixed

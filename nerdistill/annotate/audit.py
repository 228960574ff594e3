"""What a teacher's labels are worth: the ledger of its mentions, and its errors against gold."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, get_args

from nerdistill.labels import spans_to_tags
from nerdistill.metrics.errors import KINDS, Kind, compare_spans
from nerdistill.metrics.score import Score, score
from nerdistill.types import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.types import Annotation, Corpus, Sentence

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SHOWN = 20
"""How many disagreements an audit lists."""
NOTHING = "O"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A text that gold and teacher label differently; `O` is no entity."""

    text: str
    gold: str
    teacher: str
    kind: Kind
    count: int


@dataclass(frozen=True, slots=True)
class Audit:
    """A teacher on one corpus.

    Attributes:
        sentences: of the corpus.
        failed: sentences without a usable reply.
        outcomes: how many mentions ended in each way.
        scored: labelled sentences that have gold.
        score: strict scores over those; None where there is no gold.
        errors: how many entities are right, and wrong in each way.
        confusion: for each gold type how often it became each other; `O` for none.
        disagreements: the most frequent.
    """

    sentences: int
    failed: int
    outcomes: dict[str, int]
    scored: int
    score: Score | None
    errors: dict[str, int]
    confusion: dict[str, dict[str, int]]
    disagreements: tuple[Disagreement, ...]

    @property
    def outcome_shares(self) -> dict[str, float]:
        """How many of a hundred mentions ended in each way; `failed`: of a hundred sentences."""
        mentions = sum(self.outcomes.values())
        shares = {name: _per_cent(count, mentions) for name, count in self.outcomes.items()}
        return {**shares, "failed": _per_cent(self.failed, self.sentences)}

    def to_json(self) -> dict[str, object]:
        """As plain data, scores in per cent at the top level (None without gold)."""
        told = {**asdict(self), "outcome_shares": self.outcome_shares}
        scores: dict[str, object] = told.pop("score") or dict.fromkeys(
            ("precision", "recall", "f1", "gold", "by_type")
        )
        return {**told, **scores}


def audit(annotations: Iterable[Annotation], corpus: Corpus, *, failures: int) -> Audit:
    """Count what became of each mention, and compare with gold where the corpus brings it.

    Sentences that failed are not scored, only counted: their labels are unknown, not empty.
    """
    sentences = {sentence.id: sentence for sentence in corpus.sentences}
    outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
    pairs: list[tuple[Sentence, Annotation]] = []
    for annotation in annotations:
        outcomes.update(issue.outcome for issue in annotation.issues)
        pairs.append((sentences[annotation.sentence_id], annotation))
    gold = [(one, made) for one, made in pairs if one.spans is not None]
    errors: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    confusion: dict[str, Counter[str]] = {}
    differing: Counter[tuple[str, str, str, Kind]] = Counter()
    for sentence, annotation in gold:
        for match in compare_spans(sentence.spans or (), annotation.spans):
            was = match.gold.label if match.gold else NOTHING
            became = match.predicted.label if match.predicted else NOTHING
            errors[match.kind] += 1
            confusion.setdefault(was, Counter())[became] += 1
            span = match.gold or match.predicted
            if match.kind != "correct" and span:
                differing[sentence.surface(span), was, became, match.kind] += 1
    return Audit(
        len(sentences),
        failures,
        dict(outcomes),
        len(gold),
        _score(gold) if gold else None,
        dict(errors) if gold else {},
        {was: dict(counts) for was, counts in sorted(confusion.items())},
        tuple(Disagreement(*key, count) for key, count in differing.most_common(SHOWN)),
    )


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _score(pairs: list[tuple[Sentence, Annotation]]) -> Score:
    return score(
        [spans_to_tags(one.spans or (), len(one.tokens)) for one, _ in pairs],
        [spans_to_tags(made.spans, len(one.tokens)) for one, made in pairs],
    )

"""What a teacher's labels are worth: the ledger of its mentions, and its errors against gold."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, get_args

from nerdistill.metrics.counts import Counts, count_by_type, count_spans, score_counts
from nerdistill.metrics.errors import KINDS, Kind, compare_spans
from nerdistill.types import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nerdistill.annotate.protocol import Failure
    from nerdistill.metrics.score import Score
    from nerdistill.metrics.statistics import ScoreIntervals
    from nerdistill.types import Annotation, Corpus, Sentence, Span

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SHOWN = 20
"""How many disagreements an audit lists."""
NOTHING = "O"
SEED = 0
"""Of the intervals: one audit of one corpus gives one set of numbers."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A text that gold and teacher label differently; `O` is no entity."""

    text: str
    gold: str
    teacher: str
    kind: Kind
    count: int


@dataclass(frozen=True, slots=True)
class Intervals:
    """How sure the scores are: over all, and of each type."""

    overall: ScoreIntervals
    by_type: dict[str, ScoreIntervals]


@dataclass(frozen=True, slots=True)
class Audit:
    """A teacher on one corpus.

    Attributes:
        sentences: of the corpus.
        failed: sentences without a usable reply.
        failures: of those, how many failed in each way, where that is known.
        lost: gold entities of the sentences that failed, where that is known; they are not scored.
        outcomes: how many mentions ended in each way.
        scored: labelled sentences that have gold.
        score: strict scores over those; None where there is no gold.
        intervals: 95 % intervals of the scores; None where there is no gold.
        errors: how many entities are right, and wrong in each way.
        confusion: for each gold type how often it became each other; `O` for none.
        disagreements: the most frequent.
    """

    sentences: int
    failed: int
    failures: dict[str, int]
    lost: int
    outcomes: dict[str, int]
    scored: int
    score: Score | None
    intervals: Intervals | None
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


class Auditor:
    """Counts sentence by sentence, and holds none.

    Its memory does not grow with the sentences: it keeps how often each triple of counts came,
    and each text on which gold and teacher differ.
    """

    def __init__(self) -> None:
        self._labelled = 0
        self._outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self._failures: Counter[str] = Counter()
        self._lost = 0
        self._counts: Counter[Counts] = Counter()
        self._by_type: dict[str, Counter[Counts]] = {}
        self._errors: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self._confusion: dict[str, Counter[str]] = {}
        self._differing: Counter[tuple[str, str, str, Kind]] = Counter()

    def add(self, sentence: Sentence, annotation: Annotation) -> None:
        """Count a sentence that the teacher has labelled; the sentence brings gold, or None."""
        self._outcomes.update(issue.outcome for issue in annotation.issues)
        self.add_spans(sentence, annotation.spans)

    def add_spans(self, sentence: Sentence, spans: Sequence[Span]) -> None:
        """Count a labelled sentence whose mentions nobody kept."""
        self._labelled += 1
        if sentence.spans is None:
            return
        self._counts[count_spans(sentence.spans, spans)] += 1
        for label, counts in count_by_type(sentence.spans, spans).items():
            self._by_type.setdefault(label, Counter())[counts] += 1
        for match in compare_spans(sentence.spans, spans):
            was = match.gold.label if match.gold else NOTHING
            became = match.predicted.label if match.predicted else NOTHING
            self._errors[match.kind] += 1
            self._confusion.setdefault(was, Counter())[became] += 1
            span = match.gold or match.predicted
            if match.kind != "correct" and span:
                self._differing[sentence.surface(span), was, became, match.kind] += 1

    def fail(self, sentence: Sentence, failure: Failure) -> None:
        """Count a sentence that got no labels: they are unknown, not empty, and not scored."""
        self._failures[failure.kind] += 1
        self._lost += len(sentence.spans or ())

    def result(self) -> Audit:
        """The audit of all sentences so far."""
        failed, scored = self._failures.total(), self._counts.total()
        sums = {label: _sum(counts) for label, counts in self._by_type.items()}
        return Audit(
            sentences=self._labelled + failed,
            failed=failed,
            failures=dict(self._failures.most_common()),
            lost=self._lost,
            outcomes=dict(self._outcomes),
            scored=scored,
            score=score_counts(sums) if scored else None,
            intervals=self._intervals() if scored else None,
            errors=dict(self._errors) if scored else {},
            confusion={was: dict(counts) for was, counts in sorted(self._confusion.items())},
            disagreements=tuple(
                Disagreement(*key, count) for key, count in self._differing.most_common(SHOWN)
            ),
        )

    def _intervals(self) -> Intervals:
        # Sentences without a type are drawn too: how many entities of it a corpus holds is chance.
        rest = {
            label: Counter({Counts(0, 0, 0): self._counts.total() - counts.total()})
            for label, counts in self._by_type.items()
        }
        by_type = {name: _interval(self._by_type[name] + rest[name]) for name in sorted(rest)}
        return Intervals(_interval(self._counts), by_type)


def audit(
    annotations: Iterable[Annotation],
    corpus: Corpus,
    *,
    failures: int | Iterable[tuple[str, Failure]],
) -> Audit:
    """Count what became of each mention, and compare with gold where the corpus brings it.

    Sentences that failed are not scored, only counted: their labels are unknown, not empty.

    Args:
        annotations: of sentences of the corpus.
        corpus: with gold or without.
        failures: sentence id and what went wrong, or only how many sentences failed.
    """
    sentences = {sentence.id: sentence for sentence in corpus.sentences}
    auditor = Auditor()
    for annotation in annotations:
        auditor.add(sentences[annotation.sentence_id], annotation)
    if not isinstance(failures, int):
        for name, failure in failures:
            auditor.fail(sentences[name], failure)
    found = auditor.result()
    failed = failures if isinstance(failures, int) else found.failed
    return replace(found, sentences=len(sentences), failed=failed)


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _sum(counts: Counter[Counts]) -> Counts:
    """The counts of all sentences together."""
    rows = [[times * number for number in row] for row, times in counts.items()]
    return Counts(*(sum(column) for column in zip(*rows, strict=True)))


def _interval(counts: Counter[Counts]) -> ScoreIntervals:
    from nerdistill.metrics.statistics import f1_interval

    return f1_interval(list(counts), times=list(counts.values()), seed=SEED)

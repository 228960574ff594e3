"""Two teachers' labels of the same sentences, side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from nerdistill.annotate.audit import Auditor
from nerdistill.errors import CorpusError
from nerdistill.labels import spans_to_tags
from nerdistill.metrics.counts import count_spans
from nerdistill.metrics.score import Score, score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.annotate.audit import Audit
    from nerdistill.metrics.statistics import PairedTest
    from nerdistill.types import Corpus, Sentence, Span

SEED = 0
"""Of the test: one pair of files gives one p."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A piece of text on which two teachers differ: its type for each, or None for no entity."""

    text: str
    first: str | None
    second: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two labelled corpora on the sentences that both have.

    Attributes:
        sentences: how many both have labelled.
        only_first: sentences that the second lacks.
        only_second: sentences that the first lacks.
        identical: share of sentences with the same entities, in per cent.
        agreement: entity F1 of one against the other, in per cent.
        audits: of each against gold, on `scored` sentences; None where there is no gold.
        test: whether the second is better than the first; None where there is no gold.
        scored: how many of the sentences gold knows.
        disagreements: all of them, the most frequent first.
    """

    sentences: int
    only_first: int
    only_second: int
    identical: float
    agreement: float
    audits: tuple[Audit, Audit] | None
    test: PairedTest | None
    scored: int
    disagreements: tuple[Disagreement, ...]

    @property
    def scores(self) -> tuple[Score, Score] | None:
        """Of each against gold; None where there is none."""
        if self.audits is None or self.audits[0].score is None or self.audits[1].score is None:
            return None
        return self.audits[0].score, self.audits[1].score

    def to_json(self) -> dict[str, object]:
        """As plain data; `scores` and `errors` against gold hold one entry a file, or are None."""
        told = asdict(self)
        audits = told.pop("audits")
        parts = {"scores": "score", "intervals": "intervals", "errors": "errors"}
        sides = {name: audits and [one[part] for one in audits] for name, part in parts.items()}
        return {**told, **sides}


def compare(first: Corpus, second: Corpus, gold: Corpus | None = None) -> Comparison:
    """Compare two labelled corpora, and each with gold where there is some.

    Sentences are matched by id.

    Raises:
        CorpusError: nothing in common, other words under the same id, or a sentence that nobody
            has labelled.
    """
    left, right = ({s.id: s for s in corpus.sentences} for corpus in (first, second))
    common = [name for name in left if name in right]
    if not common:
        raise CorpusError(
            "the two files have no sentence id in common",
            "Compare labels of one corpus; ids are kept by `nerdistill annotate run`.",
        )
    pairs = [(left[name], right[name]) for name in common]
    for one, other in pairs:
        _check_words(one, other)
    identical = sum(one.spans == other.spans for one, other in pairs)
    triples = _with_gold(pairs, gold)
    return Comparison(
        sentences=len(common),
        only_first=len(left) - len(common),
        only_second=len(right) - len(common),
        identical=round(100 * identical / len(common), 2),
        agreement=score(*(_tags(side) for side in zip(*pairs, strict=True))).f1,
        audits=(_audit(triples, 1), _audit(triples, 2)) if triples else None,
        test=_test(triples) if triples else None,
        scored=len(triples),
        disagreements=_disagreements(pairs),
    )


def _with_gold(
    pairs: Sequence[tuple[Sentence, Sentence]], gold: Corpus | None
) -> list[tuple[Sentence, Sentence, Sentence]]:
    """Gold, first and second of each sentence that gold knows; empty where there is no gold."""
    if gold is None:
        return []
    known = {sentence.id: sentence for sentence in gold.sentences}
    triples = [(known[one.id], one, other) for one, other in pairs if one.id in known]
    if not triples:
        raise CorpusError(
            "gold knows none of the sentence ids", "Name the gold of this corpus, or none."
        )
    for right, one, _ in triples:
        _check_words(right, one)
    return triples


def _audit(triples: Sequence[tuple[Sentence, Sentence, Sentence]], side: int) -> Audit:
    auditor = Auditor()
    for triple in triples:
        auditor.add_spans(triple[0], triple[side].spans or ())
    return auditor.result()


def _test(triples: Sequence[tuple[Sentence, Sentence, Sentence]]) -> PairedTest:
    from nerdistill.metrics.statistics import paired_permutation

    first, second = (
        [count_spans(triple[0].spans or (), triple[side].spans or ()) for triple in triples]
        for side in (1, 2)
    )
    return paired_permutation(first, second, seed=SEED)


def _disagreements(pairs: Sequence[tuple[Sentence, Sentence]]) -> tuple[Disagreement, ...]:
    counts: Counter[tuple[str, str | None, str | None]] = Counter()
    for one, other in pairs:
        left, right = _by_place(one), _by_place(other)
        for place in left.keys() | right.keys():
            a, b = left.get(place), right.get(place)
            if a is None or b is None or a.label != b.label:
                seen = a or b
                text = "" if seen is None else one.surface(seen)
                counts[text, a.label if a else None, b.label if b else None] += 1
    order = sorted(counts.items(), key=lambda item: (-item[1], tuple(map(str, item[0]))))
    return tuple(Disagreement(*what, count) for what, count in order)


def _by_place(sentence: Sentence) -> Mapping[tuple[int, int], Span]:
    return {(span.start, span.end): span for span in sentence.spans or ()}


def _check_words(one: Sentence, other: Sentence) -> None:
    if one.tokens != other.tokens:
        raise CorpusError(
            f"sentence {one.id} has other words in the other file",
            "Compare labels of one corpus, cut into words in one way.",
        )
    if one.spans is None or other.spans is None:
        raise CorpusError(
            f"sentence {one.id} has no labels in one of the files", "Name labelled files."
        )


def _tags(sentences: Sequence[Sentence]) -> list[list[str]]:
    return [spans_to_tags(one.spans or (), len(one.tokens)) for one in sentences]

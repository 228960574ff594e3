"""Errors in their sentences, for people to look at: the lines of `errors.jsonl`.

Left out on purpose, so that the file stays small: all trainings of a regimen but its first, all
budgets but the largest with distilled data, and all but EXAMPLES errors of each kind and type. How
many there are in all stands in `errors` of `results.json`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.digest import digest_of
from nerdistill.metrics.errors import KINDS, compare_spans
from nerdistill.metrics.tally import case_of
from nerdistill.study.errors import shown_to
from nerdistill.study.evidence import named
from nerdistill.study.groups import budgets_of
from nerdistill.study.readings import corpus_of, predictions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.digest import Digest
    from nerdistill.metrics.errors import Match
    from nerdistill.metrics.tally import Case
    from nerdistill.study.cell import Cell
    from nerdistill.study.groups import Groups
    from nerdistill.study.workspace import Workspace
    from nerdistill.types import Sentence, Span

    Json = dict[str, object]

ERRORS = "errors.jsonl"
"""The name of the file in a workspace."""
EXAMPLES = 5
"""Of each regimen, kind and type."""
SEED = 1
"""Of the choice: one sentence comes early, or late, for every regimen."""


@dataclass(frozen=True, slots=True)
class Example:
    """One error where it was made.

    Attributes:
        document: the id of its document.
        sentence: with gold entities.
        predicted: the entities that the student found there.
        match: gold and predicted entity, or one of the two.
        case: what the match is counted as.
    """

    document: str
    sentence: Sentence
    predicted: tuple[Span, ...]
    match: Match
    case: Case

    def to_json(self) -> Json:
        """As plain data."""
        gold, predicted, span = self.match.gold, self.match.predicted, self.match.span
        return {
            "kind": self.case.kind,
            "type": self.case.type,
            "seen": self.case.seen,
            "sentence": self.sentence.id,
            "tokens": self.sentence.tokens,
            "joiner": self.sentence.joiner,
            "gold": [[one.start, one.end, one.label] for one in self.sentence.spans or ()],
            "predicted": [[one.start, one.end, one.label] for one in self.predicted],
            "span": [span.start, span.end],
            "expected": gold.label if gold else None,
            "found": predicted.label if predicted else None,
            "text": self.sentence.surface(span),
        }


def example_lines(groups: Groups, workspace: Workspace) -> str:
    """The examples of all regimens at the largest budget, a JSON object a line.

    Args:
        groups: of cells that are scored on test.
        workspace: where their predictions are.
    """
    largest = max(budgets_of(groups) or [key[2] for key in groups], default=0)
    firsts = {key: cells[min(cells)] for key, cells in groups.items() if key[2] == largest}
    rows = (
        {**named(key), "budget": key[2], "seed": cell.seed, **example.to_json()}
        for key, cell in firsts.items()
        for example in choose(_errors(cell, workspace))
    )
    # Escaped, since text from a corpus may hold lone surrogates, which UTF-8 cannot.
    return "".join(json.dumps(row) + "\n" for row in rows)


def _errors(cell: Cell, workspace: Workspace) -> Iterator[Example]:
    shown = shown_to(cell, workspace)
    remaining = iter(predictions_of(cell.test, workspace))
    for document in corpus_of(cell.test.inputs["corpus"], workspace).documents:
        for sentence in document.sentences:
            predicted = next(remaining)
            for match in compare_spans(sentence.spans or (), predicted):
                if match.kind != "correct":
                    case = case_of(match, sentence, shown)
                    yield Example(document.id, sentence, predicted, match, case)


def choose(errors: Iterable[Example]) -> Iterator[Example]:
    """At most EXAMPLES of each kind and type, from as many documents as there are."""
    found: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for error in errors:
        found[error.case.kind, error.case.type].append(error)
    for group in sorted(found, key=lambda group: (KINDS.index(group[0]), group[1])):
        yield from _spread(found[group])[:EXAMPLES]


def _spread(errors: Iterable[Example]) -> list[Example]:
    """In an order that a seed draws, but the first of each document before any second one."""
    drawn = sorted(errors, key=_place)
    before: Counter[str] = Counter()
    ranked: list[tuple[int, Example]] = []
    for error in drawn:
        ranked.append((before[error.document], error))
        before[error.document] += 1
    return [error for _, error in sorted(ranked, key=lambda pair: pair[0])]


def _place(error: Example) -> Digest:
    return digest_of([SEED, error.sentence.id, error.match.span.start, error.match.span.end])

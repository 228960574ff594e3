"""The values that flow through nerdistill. All are immutable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.digest import Digest

Outcome = Literal[
    "exact",
    "repaired",
    "ambiguous",
    "relabelled",
    "not_in_text",
    "unknown_label",
    "overlap",
    "outvoted",
    "rejected",
]
"""What became of one mention that a teacher returned.

The first four ended as a span, `relabelled` as one of another type. `outvoted` mentions lost
against the other replies to the same prompt; `relabelled` and `rejected` ones were judged by a
second pass. The others never had a span.
"""

PLACED: tuple[Outcome, ...] = ("exact", "repaired", "ambiguous", "relabelled")
"""The outcomes of mentions that ended as a span."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An entity: the half-open range of tokens `[start, end)` and its type."""

    start: int
    end: int
    label: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span must hold at least one token: [{self.start}, {self.end})")


@dataclass(frozen=True)
class Sentence:
    """A sentence cut into words, with its entities where they are known.

    Attributes:
        id: unique in its corpus.
        tokens: the words.
        joiner: what stands between the words where there is no raw text; "" for Chinese.
        spans: the entities in order, not overlapping; None where nobody has labelled them.
        raw: the text as it stood, where it is known: the tokens, verbatim and in order, with
            nothing but white space between them.
        weights: a training weight for each token, or None for 1 everywhere.
    """

    id: str
    tokens: tuple[str, ...]
    joiner: str = " "
    spans: tuple[Span, ...] | None = None
    raw: str | None = None
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.tokens or not all(self.tokens):
            raise ValueError(f"sentence {self.id!r} has no token, or an empty one")
        if self.spans:
            ends = [0, *(span.end for span in self.spans)]
            starts = [*(span.start for span in self.spans), len(self.tokens)]
            if any(end > start for end, start in zip(ends, starts, strict=True)):
                raise ValueError(f"sentence {self.id!r}: spans overlap, are unsorted or too long")
        if self.weights is not None and len(self.weights) != len(self.tokens):
            raise ValueError(f"sentence {self.id!r}: one weight a token, please")
        if self.raw is not None and not self._covers_raw():
            raise ValueError(f"sentence {self.id!r}: the tokens do not spell the raw text")

    def _covers_raw(self) -> bool:
        return "".join("".join(self.tokens).split()) == "".join((self.raw or "").split())

    @property
    def text(self) -> str:
        """The text that a reader, or a prompt, sees."""
        return self.joiner.join(self.tokens) if self.raw is None else self.raw

    @cached_property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """For each token its half-open range of characters in `text`."""
        text, cursor = self.text, 0
        ranges: list[tuple[int, int]] = []
        for token in self.tokens:
            start = text.index(token, cursor)
            cursor = start + len(token)
            ranges.append((start, cursor))
        return tuple(ranges)

    def surface(self, span: Span) -> str:
        """The verbatim text of a span."""
        return self.text[self.offsets[span.start][0] : self.offsets[span.end - 1][1]]


@dataclass(frozen=True, slots=True)
class Document:
    """The sentences of one article, in order: what a split never cuts in two."""

    id: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents in order. Sentence ids are unique across them."""

    documents: tuple[Document, ...]

    @property
    def sentences(self) -> Iterator[Sentence]:
        """Every sentence, in order."""
        return (sentence for document in self.documents for sentence in document.sentences)

    def __len__(self) -> int:
        """The number of sentences."""
        return sum(len(document.sentences) for document in self.documents)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where labels come from.

    Attributes:
        annotator: the backend: `replay`, `simulated`, `openai`, `vllm`, …
        model: the model's name, as the backend knows it.
        prompt: digest of the prompt template and label schema.
        request: digest of the request that the reply answered.
    """

    annotator: str
    model: str
    prompt: Digest
    request: Digest

    @property
    def simulated(self) -> bool:
        """True where no language model was asked: every report must say so."""
        return self.annotator == "simulated"


@dataclass(frozen=True, slots=True)
class Issue:
    """One mention of a reply and what became of it.

    Attributes:
        outcome: as the aligner decided.
        label: the type as the reply gave it.
        text: the mention as the reply wrote it.
    """

    outcome: Outcome
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A teacher's labels for one sentence.

    Attributes:
        sentence_id: whose labels.
        spans: the entities, in order, not overlapping.
        confidences: one a span, in [0, 1]; None where the backend gives none.
        source: who said so.
        issues: every mention of the reply in its order, the exact ones too: the ledger.
    """

    sentence_id: str
    spans: tuple[Span, ...]
    confidences: tuple[float | None, ...]
    source: Provenance
    issues: tuple[Issue, ...]

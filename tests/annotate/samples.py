"""Made-up sentences that the annotation tests share."""

from __future__ import annotations

from nerdistill.annotate.prompt import build_requests, load_prompt
from nerdistill.annotate.protocol import Request, Sampling
from nerdistill.labels import load_schema
from nerdistill.types import Corpus, Document, Sentence, Span

CONLL = load_schema("conll")

ADA = Sentence(
    "a#0", ("Ada", "Quill", "left", "Borsk", "."), spans=(Span(0, 2, "PER"), Span(3, 4, "LOC"))
)
RAIN = Sentence("a#1", ("It", "rained", "."), spans=())
TWICE = Sentence(
    "b#0",
    ("Borsk", "beat", "Borsk", "Rovers", "."),
    spans=(Span(0, 1, "ORG"), Span(2, 4, "ORG")),
    raw="Borsk beat Borsk Rovers.",
)
CORPUS = Corpus((Document("a", (ADA, RAIN)), Document("b", (TWICE,))))


def requests_for(*sentences: Sentence, prompt: str = "standard") -> list[Request]:
    """The requests that a run would make of sentences."""
    return list(
        build_requests(
            sentences,
            prompt=load_prompt(prompt),
            schema=CONLL,
            model="m",
            sampling=Sampling(),
        )
    )

"""What an annotation run asks, apart from whom and about which text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.annotate.prompt import build_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.annotate.examples import Chooser
    from nerdistill.annotate.prompt import Prompt, Structured
    from nerdistill.annotate.protocol import Request, Sampling
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence


COUNTING = frozenset({"vllm", "vllm-offline"})
"""Annotators whose structured output can hold a reply to a number of answers."""


@dataclass(frozen=True, slots=True)
class Job:
    """One way of asking for entities.

    Attributes:
        annotator: the backend's name, for provenance and tables.
        model: the model's name, as the backend knows it.
        prompt: the template.
        schema: the entity types.
        sampling: how replies are drawn.
        votes: replies drawn for each prompt; several of them vote.
        per_request: consecutive sentences that share a request.
        examples: chooses the labelled sentences that a request shows; None shows none.
        structured: what the server is asked to hold replies to.
        verify: whether a second pass asks about each entity that the first one found.
    """

    annotator: str
    model: str
    prompt: Prompt
    schema: LabelSchema
    sampling: Sampling
    votes: int = 1
    per_request: int = 1
    examples: Chooser | None = None
    structured: Structured = "schema"
    verify: bool = False

    def requests(self, sentences: Iterable[Sentence]) -> Iterator[Request]:
        """What is asked about sentences, `votes` requests for each group of them."""
        return build_requests(
            sentences,
            prompt=self.prompt,
            schema=self.schema,
            model=self.model,
            sampling=self.sampling,
            samples=self.votes,
            per_request=self.per_request,
            examples=self.examples,
            structured=self.structured,
            exact_count=self.annotator in COUNTING,
        )

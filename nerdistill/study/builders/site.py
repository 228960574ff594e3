"""What a builder works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from nerdistill.corpus.formats import read_corpus

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.progress import Progress
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace
    from nerdistill.types import Corpus

Result = dict[str, object]
"""What a stage found, as plain data for its record."""

CORPUS = "corpus.jsonl"
"""The name of the corpus that a stage writes."""

HELD_OUT = "heldout.jsonl"
"""The name of what a distilled pool keeps back from training."""

TOKENS = "tokens.json"
"""The name of what a teacher's labels cost, sentence by sentence."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a builder works with.

    Attributes:
        stage: what to build; its inputs are finished.
        folder: where its files go.
        workspace: where its inputs lie.
        progress: where it reports.
    """

    stage: Stage
    folder: Path
    workspace: Workspace
    progress: Progress

    def read(self, role: str, name: str = CORPUS) -> Corpus:
        """A corpus that an input stage wrote."""
        return read_corpus(self.workspace.folder(self.stage.inputs[role]) / name, format="jsonl")

    def roles(self, prefix: str) -> dict[str, str]:
        """The inputs whose role starts with a prefix: the rest of the name to the whole role."""
        found = (role for role in self.stage.inputs if role.startswith(prefix))
        return {role.removeprefix(prefix): role for role in found}

    @property
    def types(self) -> tuple[str, ...]:
        """The entity types that the stage names."""
        return tuple(cast("list[str]", self.stage.params["types"]))

    def number(self, name: str) -> int:
        """An integer parameter."""
        value = self.stage.params[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}")
        return value

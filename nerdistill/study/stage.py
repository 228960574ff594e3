"""A stage: one piece of a study, named by everything that its result depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

from nerdistill.digest import Digest, digest_file, digest_folder, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Kind = Literal[
    "corpus",
    "annotate",
    "sample",
    "distil",
    "text",
    "fold",
    "select",
    "encode",
    "watch",
    "train",
    "predict",
    "treat",
    "evaluate",
]


@dataclass(frozen=True)
class Stage:
    """What to do, on what.

    Attributes:
        kind: which builder makes it.
        version: of that builder; a new one makes new results.
        params: plain data that the result depends on.
        inputs: the stages whose results it reads, by role.
        files: the files and folders it reads, by role. Their content is in the key, their place is
            not, so that a workspace can be carried to another machine.
        aside: what the work needs but the result does not depend on, such as a server's address;
            outside the key.
        title: for people; outside the key.
    """

    kind: Kind
    version: int
    params: Mapping[str, object]
    inputs: Mapping[str, Stage] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    aside: Mapping[str, object] = field(default_factory=dict)
    title: str = ""

    @cached_property
    def key(self) -> Digest:
        """The digest of kind, version, parameters and the keys of all inputs."""
        return digest_of(self.identity)

    @cached_property
    def identity(self) -> dict[str, object]:
        """What the key is made of."""
        return {
            "kind": self.kind,
            "version": self.version,
            "params": dict(self.params),
            "inputs": {role: stage.key for role, stage in self.inputs.items()},
            "files": {role: content_digest(path) for role, path in self.files.items()},
        }

    @cached_property
    def learnt(self) -> bool:
        """Whether a student is trained for it, or for something that it reads."""
        return self.kind == "train" or any(stage.learnt for stage in self.inputs.values())

    @property
    def folder_name(self) -> str:
        """The name of its directory in a workspace."""
        return f"{self.kind}-{self.key[:20]}"


@cache
def content_digest(path: Path) -> Digest:
    """The digest of a file or folder, computed once a process."""
    return digest_folder(path) if path.is_dir() else digest_file(path)


def in_order(stages: list[Stage]) -> Iterator[Stage]:
    """Each stage once, after all that it reads."""
    seen: set[Digest] = set()

    def visit(stage: Stage) -> Iterator[Stage]:
        if stage.key in seen:
            return
        seen.add(stage.key)
        for needed in stage.inputs.values():
            yield from visit(needed)
        yield stage

    for stage in stages:
        yield from visit(stage)

"""What finished stages hold, for those who look at many of them.

A finished stage never changes, so each of its files is read once a process.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nerdistill.corpus.formats import read_corpus
from nerdistill.metrics.seen import forms
from nerdistill.study.builders.site import CORPUS

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Workspace
    from nerdistill.types import Corpus, Span

FEW = 8
"""Corpora to keep whole."""
MANY = 512
"""Students whose predictions to keep: less than a megabyte each."""


def corpus_of(stage: Stage, workspace: Workspace) -> Corpus:
    """The corpus that a stage wrote."""
    return _corpus(workspace.folder(stage) / CORPUS)


def forms_of(stage: Stage, workspace: Workspace) -> frozenset[str]:
    """The surface forms of the entities in the corpus that a stage wrote."""
    return _forms(workspace.folder(stage) / CORPUS)


def predictions_of(stage: Stage, workspace: Workspace) -> tuple[tuple[Span, ...], ...]:
    """The entities that a student predicted in each sentence of the corpus it was scored on."""
    return _spans(workspace.folder(stage) / "predictions.jsonl")


@lru_cache(FEW)
def _corpus(file: Path) -> Corpus:
    return read_corpus(file, format="jsonl")


@lru_cache(MANY)
def _forms(file: Path) -> frozenset[str]:
    return forms(read_corpus(file, format="jsonl").sentences)


@lru_cache(MANY)
def _spans(file: Path) -> tuple[tuple[Span, ...], ...]:
    return tuple(one.spans or () for one in read_corpus(file, format="jsonl").sentences)

"""The stage that gathers text which nobody labelled, for students to label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nerdistill.corpus.audit import drop_duplicates
from nerdistill.corpus.formats import write_corpus
from nerdistill.errors import ConfigError
from nerdistill.study.builders.site import CORPUS
from nerdistill.types import Corpus, Document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.study.builders.site import Result, Site
    from nerdistill.types import Sentence


def build_text(site: Site) -> Result:
    """Gather sentences without their labels, each text once, none that stands elsewhere.

    Elsewhere is what the teacher labelled, the original sample, validation and test.

    Raises:
        ConfigError: no sentence is left.
    """
    heldout = [site.read(role) for role in site.roles("heldout-").values()]
    taken = {one.text for corpus in (*_labelled(site), *heldout) for one in corpus.sentences}
    documents, offered = [], 0
    for name, role in site.roles("text-").items():
        corpus = site.read(role)
        offered += len(corpus)
        documents += [
            Document(f"{name}/{document.id}", kept)
            for document in corpus.documents
            if (kept := tuple(_new(document, name, taken)))
        ]
    made = Corpus(tuple(documents))
    apart = offered - len(made)
    if site.stage.params["drop_duplicates"]:
        for corpus in heldout:
            made, _ = drop_duplicates(made, corpus)
    if not len(made):
        raise ConfigError(
            f"unlabelled: of {offered:,} sentences none is left, since all stand elsewhere, too",
            "Name text that is not labelled by the teacher, and not drawn, to choose or to score.",
        )
    write_corpus(made, site.folder / CORPUS, format="jsonl")
    dropped = offered - apart - len(made)
    return {"sentences": len(made), "apart": apart, "dropped_duplicates": dropped}


def _labelled(site: Site) -> Iterator[Corpus]:
    """What has labels, held-out corpora aside."""
    yield site.read("sample")
    if site.workspace.folder(site.stage.inputs["sample"]).joinpath("validation.jsonl").is_file():
        yield site.read("sample", "validation.jsonl")
    for role in site.roles("apart-").values():
        yield site.read(role)


def _new(document: Document, corpus: str, taken: set[str]) -> Iterator[Sentence]:
    """The sentences whose text is not taken, which takes it."""
    for sentence in document.sentences:
        if sentence.text not in taken:
            taken.add(sentence.text)
            yield replace(sentence, id=f"{corpus}/{sentence.id}", spans=None, weights=None)

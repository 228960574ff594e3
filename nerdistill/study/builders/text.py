"""The stage that gathers text which nobody labelled, for students to label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nerdistill.annotate.examples import same_text
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
    """Gather sentences, each text once, none that stands elsewhere.

    Elsewhere is what the teacher labelled or was shown, the original sample, validation and test.
    Case and white space tell no two texts apart.

    Raises:
        ConfigError: no sentence is left.
    """
    labelled = [site.read(role) for role in ("sample", *site.roles("apart-").values())]
    heldout = list(_heldout(site))
    taken = {same_text(one) for corpus in (*labelled, *heldout) for one in corpus.sentences}
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


def _heldout(site: Site) -> Iterator[Corpus]:
    """What chooses and scores; a capped validation sample lies with the original one."""
    for role in site.roles("heldout-").values():
        yield site.read(role)
    if site.workspace.folder(site.stage.inputs["sample"]).joinpath("validation.jsonl").is_file():
        yield site.read("sample", "validation.jsonl")


def _new(document: Document, corpus: str, taken: set[str]) -> Iterator[Sentence]:
    """The sentences whose text is not taken, which takes it."""
    for sentence in document.sentences:
        if (text := same_text(sentence)) not in taken:
            taken.add(text)
            yield replace(sentence, id=f"{corpus}/{sentence.id}")

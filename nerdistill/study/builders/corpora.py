"""Stages that make corpora: read one, draw the original sample, gather a distilled pool."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from nerdistill.corpus.audit import drop_duplicates, near_duplicates
from nerdistill.corpus.formats import read_corpus, write_corpus
from nerdistill.corpus.split import sample, take, without_documents
from nerdistill.digest import digest_of
from nerdistill.errors import ConfigError
from nerdistill.study.builders.same import check_same
from nerdistill.study.builders.site import CORPUS, HELD_OUT
from nerdistill.types import Corpus, Document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nerdistill.corpus.audit import Duplicate
    from nerdistill.corpus.split import Unit
    from nerdistill.study.builders.site import Result, Site


KEPT_BACK = 64
"""Sentences of a corpus at most that no student is trained on, to watch what students know."""
SHARE_KEPT_BACK = 0.05
"""Of a corpus, at most."""
FEWEST = 100
"""Sentences of a corpus of which some are kept back."""
SEED = 1
"""Of that choice: it is the same in every study."""


def build_corpus(site: Site) -> Result:
    """Read a corpus file, keep what the study asks for, and check its labels.

    Where the study wants no types of entities, it wants the text alone.
    """
    params, source = site.stage.params, site.stage.files["source"]
    given = params["format"]
    corpus = read_corpus(
        source, format=str(given) if given else None, tag_column=site.number("tag_column")
    )
    wanted = _wanted(site.stage.files.get("keep"), str(params["keep"]))
    first = site.number("first")
    kept = take(corpus, lambda i, _d, _s: i >= first and (wanted is None or i in wanted))
    if params["types"] is None:
        kept = _bare(kept)
    else:
        _check_labels(kept, site.types, source)
    if "same" in site.stage.inputs:
        check_same(kept, source, site.read("same"), site.stage.inputs["same"].files["source"])
    write_corpus(kept, site.folder / CORPUS, format="jsonl")
    return {"sentences": len(kept), "documents": len(kept.documents)}


def _wanted(file: Path | None, field: str) -> set[int] | None:
    """The running numbers that a JSONL file names."""
    if file is None:
        return None
    numbers: set[int] = set()
    with file.open(encoding="utf-8") as stream:
        for line_number, line in enumerate(stream, start=1):
            try:
                numbers.add(int(json.loads(line)[field]))
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(
                    f"{file}:{line_number}: no sentence number under {field!r}",
                    "Name a JSONL file and field with integers in keep = {file, field}.",
                ) from error
    return numbers


def _bare(corpus: Corpus) -> Corpus:
    """The sentences as if nobody had labelled them."""
    return Corpus(
        tuple(
            Document(
                document.id,
                tuple(replace(one, spans=None, weights=None) for one in document.sentences),
            )
            for document in corpus.documents
        )
    )


def _check_labels(corpus: Corpus, types: tuple[str, ...], source: Path) -> None:
    for sentence in corpus.sentences:
        for span in sentence.spans or ():
            if span.label not in types:
                raise ConfigError(
                    f"{source}: sentence {sentence.id}: type {span.label!r} is not in the label "
                    f"schema ({', '.join(types)})",
                    "Add the type to the schema's TOML file, or name another schema with labels.",
                )


def build_sample(site: Site) -> Result:
    """Draw the original sample, and the capped validation sample out of it."""
    params = site.stage.params
    pool = site.read("pool")
    apart = [site.read(role) for role in site.roles("apart-").values()]
    pool, shared = _apart(pool, apart)
    heldout = {name: site.read(role) for name, role in site.roles("heldout-").items()}
    pool, dropped = _without_duplicates(pool, heldout, drop=bool(params["drop_duplicates"]))
    budget = len(pool) if params["budget"] == "all" else site.number("budget")
    unit: Unit = "document" if params["unit"] == "document" else "sentence"
    drawn = sample(pool, budget, seed=site.number("seed"), unit=unit)
    _check_gold(drawn, site)
    capped = params["validation"] == "capped"
    training, validation = (
        _cap(drawn, budget // 5, site.number("seed")) if capped else (drawn, Corpus(()))
    )
    if capped:
        heldout["validation"] = validation
    write_corpus(training, site.folder / CORPUS, format="jsonl")
    if capped:
        write_corpus(validation, site.folder / "validation.jsonl", format="jsonl")
    full = 0 if capped else len(heldout["validation"])
    return {
        "drawn": budget,
        "sentences": len(training),
        "documents": len(training.documents),
        "human_labels": {"train": len(training), "validation": len(validation) + full},
        "left_in_pool": len(pool) - budget,
        "shared_with_teacher": shared,
        "dropped_duplicates": dropped,
        "near_duplicates": _report_duplicates(training, heldout, site.folder),
    }


def _apart(pool: Corpus, others: list[Corpus]) -> tuple[Corpus, int]:
    """The pool without the documents and the texts of other corpora, and how many that took."""
    same = {(s.id, s.tokens) for other in others for s in other.sentences}
    texts = {s.text for other in others for s in other.sentences}
    documents = {
        document.id
        for document in pool.documents
        if any((s.id, s.tokens) in same for s in document.sentences)
    }
    kept = take(pool, lambda _i, d, s: d.id not in documents and s.text not in texts)
    return kept, len(pool) - len(kept)


def _check_gold(corpus: Corpus, site: Site) -> None:
    for sentence in corpus.sentences:
        if sentence.spans is None:
            raise ConfigError(
                f"{site.stage.inputs['pool'].files['source']}: sentence {sentence.id} has no "
                "labels, so it cannot be original data",
                "Name a corpus with human labels under original.corpus.",
            )


def _cap(drawn: Corpus, most: int, seed: int) -> tuple[Corpus, Corpus]:
    """Take whole documents out for validation, in a seeded order: at most `most` sentences."""
    taken: set[str] = set()
    room = most
    order = sorted(drawn.documents, key=lambda one: digest_of([seed, "validation", one.id]))
    for document in order:
        if len(document.sentences) <= room:
            taken.add(document.id)
            room -= len(document.sentences)
    if not taken:
        raise ConfigError(
            f"the original sample has no document of at most {most} sentences for validation",
            'Raise original.budgets, or set validation.labels = "full".',
        )
    validation = Corpus(tuple(one for one in drawn.documents if one.id in taken))
    return without_documents(drawn, taken), validation


def build_distil(site: Site) -> Result:
    """Gather one pool from several labelled corpora; ids carry the corpus's name.

    A small part of each corpus is kept back, whole documents but for the last.
    """
    documents = [
        _named(document, name)
        for name, role in site.roles("from-").items()
        for document in site.read(role).documents
    ]
    pool = Corpus(tuple(documents))
    heldout = {name: site.read(role) for name, role in site.roles("heldout-").items()}
    drop = bool(site.stage.params["drop_duplicates"])
    pool, dropped = _without_duplicates(pool, heldout, drop=drop)
    back = {
        f"{name}/{sentence_id}"
        for name, role in site.roles("text-").items()
        for sentence_id in _kept_back(site.read(role))
    }
    kept_back = take(pool, lambda _i, _d, s: s.id in back)
    pool = take(pool, lambda _i, _d, s: s.id not in back)
    write_corpus(pool, site.folder / CORPUS, format="jsonl")
    write_corpus(kept_back, site.folder / HELD_OUT, format="jsonl")
    return {
        "sentences": len(pool),
        "heldout": len(kept_back),
        "dropped_duplicates": dropped,
        "near_duplicates": _report_duplicates(pool, heldout, site.folder),
    }


def _kept_back(corpus: Corpus) -> set[str]:
    """The ids of the sentences of a corpus that no student is trained on."""
    most = min(KEPT_BACK, int(SHARE_KEPT_BACK * len(corpus)))
    if len(corpus) < FEWEST:
        return set()
    return {sentence.id for sentence in sample(corpus, most, seed=SEED, unit="document").sentences}


def _named(document: Document, corpus: str) -> Document:
    sentences = tuple(replace(s, id=f"{corpus}/{s.id}") for s in document.sentences)
    return Document(f"{corpus}/{document.id}", sentences)


def _without_duplicates(
    pool: Corpus, heldout: Mapping[str, Corpus], *, drop: bool
) -> tuple[Corpus, int]:
    if not drop:
        return pool, 0
    before = len(pool)
    for corpus in heldout.values():
        pool, _ = drop_duplicates(pool, corpus)
    return pool, before - len(pool)


def _report_duplicates(pool: Corpus, heldout: Mapping[str, Corpus], folder: Path) -> dict[str, int]:
    """Write the near-duplicates of a training pool in held-out data; how many of its sentences."""
    found = {name: near_duplicates(pool, corpus) for name, corpus in heldout.items()}
    rows = [(name, duplicate) for name, pairs in found.items() for duplicate in pairs]
    with (folder / "duplicates.jsonl").open("w", encoding="utf-8") as stream:
        for name, duplicate in rows:
            stream.write(json.dumps(_duplicate_row(name, duplicate), ensure_ascii=False) + "\n")
    return {name: len(pairs) for name, pairs in found.items()}


def _duplicate_row(heldout: str, duplicate: Duplicate) -> dict[str, object]:
    return {"heldout": heldout, **asdict(duplicate)}

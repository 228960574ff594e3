"""Stages that judge a distilled pool's labels and make another pool of it."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from nerdistill.annotate.output import read_annotations
from nerdistill.blend.decode import decode
from nerdistill.blend.error_rates import share_right
from nerdistill.blend.folds import cut_folds
from nerdistill.blend.second_opinion import combine
from nerdistill.blend.treat import Evidence, classes_of, treat
from nerdistill.corpus.formats import write_corpus
from nerdistill.labels import iob2_tags, spans_to_tags
from nerdistill.study.builders.site import CORPUS
from nerdistill.study.builders.training import MODEL
from nerdistill.types import Corpus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nerdistill.blend.error_rates import Sort
    from nerdistill.blend.treat import How
    from nerdistill.study.builders.site import Result, Site
    from nerdistill.types import Sentence


def build_fold(site: Site) -> Result:
    """Cut a pool by document: one fold, or all but that."""
    pool = site.read("pool")
    fold = cut_folds(pool, site.number("folds"))[site.number("fold")]
    own, inside = site.stage.params["part"] == "own", {one.id for one in fold.documents}
    corpus = Corpus(tuple(one for one in pool.documents if (one.id in inside) == own))
    write_corpus(corpus, site.folder / CORPUS, format="jsonl")
    return {"sentences": len(corpus), "documents": len(corpus.documents)}


def build_predict(site: Site) -> Result:
    """Keep how probable a student thinks each class of each word is."""
    from nerdistill.evaluate.probabilities import predict_probabilities, save_probabilities
    from nerdistill.student.tagger import load_tagger

    sentences = list(site.read("corpus").sentences)
    tagger = load_tagger(site.workspace.folder(site.stage.inputs["model"]) / MODEL)
    with site.progress.task(site.stage.title, total=len(sentences), unit="sentences") as task:
        found = predict_probabilities(tagger, sentences, task=task)
    save_probabilities(found, site.folder)
    return {"sentences": len(sentences), "words": len(found)}


def build_treat(site: Site) -> Result:
    """Give a distilled pool other weights or labels, and tell how much that changed."""
    pool, tags = site.read("pool"), iob2_tags(site.types)
    if "sample" in site.stage.inputs:
        evidence = Evidence(tags, _nothing(pool), rates=_rates(site, tags))
    else:
        heard = combine(_opinion(site, pool, len(tags)), classes_of(pool, tags))
        evidence = Evidence(tags, heard, _confidences(site))
    made = treat(pool, evidence, cast("How", site.stage.params["how"]))
    added = _labelled_text(site, tags)
    whole = Corpus((*made.documents, *added.documents))
    write_corpus(whole, site.folder / CORPUS, format="jsonl")
    return {"sentences": len(whole), "added": len(added), **_changes(pool, made)}


def _labelled_text(site: Site, tags: Sequence[str]) -> Corpus:
    """What nobody had labelled, with the judges' labels; empty where they are not asked for it."""
    if "text" not in site.stage.inputs:
        return Corpus(())
    by_judge: dict[str, list[NDArray[np.float32]]] = {}
    for name, role in site.roles("text-").items():
        by_judge.setdefault(name.split("-")[1], []).append(_said(site, role))
    opinion = np.mean([np.mean(said, axis=0) for said in by_judge.values()], axis=0)
    return treat(site.read("text"), Evidence(tags, opinion), "relabelled")


def _opinion(site: Site, judged: Corpus, classes: int) -> NDArray[np.float32]:
    """`(words, classes)`: the mean over judges, whose folds are put together."""
    total = np.zeros((_words(judged), classes), np.float32)
    whole, parts = site.roles("whole-"), site.roles("fold-")
    for role in whole.values():
        total += _said(site, role)
    folds = _of_folds(judged, site.number("folds")) if parts else []
    for name, role in parts.items():
        rows = folds[int(name.split("-")[1])]
        total[rows] += _said(site, role)
    judges = {name.split("-")[0] for name in (*whole, *parts)}
    return total / np.float32(len(judges))


def _said(site: Site, role: str) -> NDArray[np.float32]:
    """`(words, classes)`: what one student said of what it was asked about."""
    from nerdistill.evaluate.probabilities import load_probabilities

    found = load_probabilities(site.workspace.folder(site.stage.inputs[role]))
    return found.astype(np.float32)


def _of_folds(pool: Corpus, count: int) -> list[NDArray[np.bool_]]:
    """For each fold `(words,)`: whether a word of the pool is in it."""
    found = []
    for fold in cut_folds(pool, count):
        own = {document.id for document in fold.documents}
        found.append(
            np.array([d.id in own for d in pool.documents for s in d.sentences for _ in s.tokens])
        )
    return found


def _rates(site: Site, tags: Sequence[str]) -> Mapping[Sort, float]:
    """How often the teacher is right about the original sample, or else its pupils."""
    sample = site.read("sample")
    if "asked" in site.stage.inputs:
        labels = read_annotations(site.workspace.folder(site.stage.inputs["asked"]) / CORPUS)
        spans = {one.sentence_id: one.spans for one in labels}
        answered = [one for one in sample.sentences if one.id in spans]
        return share_right(answered, [spans[one.id] for one in answered])
    opinion = _opinion(site, sample, len(tags))
    sentences = list(sample.sentences)
    edges = accumulate((len(one.tokens) for one in sentences), initial=0)
    given = [decode(opinion[start:end], tags) for start, end in pairwise(edges)]
    return share_right(sentences, given)


def _confidences(site: Site) -> dict[str, tuple[float | None, ...]]:
    """The annotators' confidences by the pool's ids; empty where no annotator gave any."""
    found = {
        f"{name}/{one.sentence_id}": one.confidences
        for name, role in site.roles("from-").items()
        for one in read_annotations(site.workspace.folder(site.stage.inputs[role]) / CORPUS)
    }
    given = any(one is not None for confidences in found.values() for one in confidences)
    return found if given else {}


def _nothing(pool: Corpus) -> NDArray[np.float32]:
    """The opinion of no student."""
    return np.zeros((_words(pool), 0), np.float32)


def _words(corpus: Corpus) -> int:
    return sum(len(sentence.tokens) for sentence in corpus.sentences)


def _changes(before: Corpus, after: Corpus) -> Result:
    """The share of words whose tag is another, and the mean weight of a word."""
    pairs = list(zip(before.sentences, after.sentences, strict=True))
    changed = sum(
        one != other
        for old, new in pairs
        for one, other in zip(_tags(old), _tags(new), strict=True)
    )
    weight = sum(sum(new.weights or (1.0,) * len(new.tokens)) for _, new in pairs)
    words = max(_words(before), 1)
    return {"changed": round(changed / words, 4), "mean_weight": round(weight / words, 4)}


def _tags(sentence: Sentence) -> list[str]:
    return spans_to_tags(sentence.spans or (), len(sentence.tokens))

"""The stage that selects sentences of a distilled pool, as if the teacher had seen no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from nerdistill.blend.select import at_random, farthest_first, most_uncertain, spend
from nerdistill.corpus.formats import write_corpus
from nerdistill.corpus.split import take
from nerdistill.study.builders.site import CORPUS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nerdistill.study.builders.site import Result, Site
    from nerdistill.types import Corpus

Texts = list[tuple[str, ...]]
"""The words of sentences, without their labels."""


def build_select(site: Site) -> Result:
    """Keep a share of a pool's words, in whole sentences, and tell how much that is."""
    pool = site.read("pool")
    texts = _texts(pool)
    lengths = [len(words) for words in texts]
    budget = int(cast("float", site.stage.params["share"]) * sum(lengths))
    chosen = spend(_order(site, texts, lengths), lengths, budget)
    made = take(pool, lambda number, _document, _sentence: number in chosen)
    write_corpus(made, site.folder / CORPUS, format="jsonl")
    tokens = _tokens(site)
    spent, of_spent = (
        sum(tokens.get(one.id, 0.0) for one in corpus.sentences) for corpus in (made, pool)
    )
    return {
        "sentences": len(made),
        "of_sentences": len(texts),
        "words": sum(lengths[place] for place in chosen),
        "of_words": sum(lengths),
        "tokens": round(spent) if tokens else None,
        "of_tokens": round(of_spent) if tokens else None,
    }


def _tokens(site: Site) -> dict[str, float]:
    """What the teacher read and wrote for each sentence of the pool; empty where nobody knows."""
    found: dict[str, float] = {}
    for name, role in site.roles("from-").items():
        file = site.workspace.folder(site.stage.inputs[role]) / TOKENS
        told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if not told:
            return {}
        found |= {f"{name}/{one}": tokens for one, tokens in told.items()}
    return found


def _order(site: Site, texts: Texts, lengths: Sequence[int]) -> Iterable[int]:
    """The places of the sentences, the first to be labelled first."""
    from nerdistill.evaluate.probabilities import load_probabilities

    by = site.stage.params["by"]
    if by == "random":
        return at_random(len(texts), site.number("seed"))
    if by == "diverse":
        return farthest_first(texts, _texts(site.read("sample")))
    opinion = load_probabilities(site.workspace.folder(site.stage.inputs["opinion"]))
    return most_uncertain(opinion, lengths)


def _texts(corpus: Corpus) -> Texts:
    return [sentence.tokens for sentence in corpus.sentences]

"""The stage that chooses what trainings are watched with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nerdistill.digest import digest_of
from nerdistill.labels import iob2_tags, spans_to_tags
from nerdistill.metrics.errors import KINDS
from nerdistill.study.builders.site import CORPUS, HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nerdistill.study.builders.site import Result, Site
    from nerdistill.types import Sentence, Span

LOOKED_AT = 64
"""Held-out sentences of each kind, at most."""
REMEMBERED = 96
"""Training sentences in which the teacher errs, at most."""
SEED = 1
"""Of the draws: every study watches the same sentences of its corpora."""


def build_watch(site: Site) -> Result:
    """Encode held-out sentences of both kinds, and training sentences in which the teacher errs.

    Where the teacher errs is known of the corpora that bring gold. All weights are 1, so that the
    losses of regimens which weigh their tokens can be compared.
    """
    from nerdistill.student.tagger import load_encoder
    from nerdistill.train.pool import prepare
    from nerdistill.train.watch import Watch, errors_in, places_of, save_watch

    encoder, tags = load_encoder(site.stage.files["student"]), iob2_tags(site.types)
    sampled = site.stage.inputs["validation"].kind == "sample"
    validation = site.read("validation", "validation.jsonl" if sampled else CORPUS)
    original = _drawn(validation.sentences, LOOKED_AT)
    kept_back = site.workspace.result(site.stage.inputs["pool"])["heldout"]
    held_out = site.read("pool", HELD_OUT).sentences if kept_back else ()
    distilled = _drawn(held_out, LOOKED_AT)
    gold = _gold(site)
    known = [sentence for sentence in site.read("pool").sentences if sentence.id in gold]
    errors = {one.id: errors_in(one.spans or (), gold[one.id], len(one.tokens)) for one in known}
    wrong = [sentence for sentence in known if errors[sentence.id]]
    memory = _drawn(wrong, REMEMBERED)
    right = [tag for one in memory for tag in spans_to_tags(gold[one.id], len(one.tokens))]
    places = places_of([errors[one.id] for one in memory], [tags.index(tag) for tag in right])
    pools = [prepare(chosen, encoder, tags) for chosen in (original, distilled, memory)]
    save_watch(Watch(pools[0], pools[1], pools[2], places), site.folder)
    kinds = [KINDS[kind] for kind in places.kinds]
    return {
        "original": len(original),
        "distilled": len(distilled),
        "memory": len(memory),
        "sentences_with_errors": len(wrong),
        "places": {kind: kinds.count(kind) for kind in KINDS if kind in kinds},
    }


def _gold(site: Site) -> dict[str, tuple[Span, ...]]:
    """What humans say of the pool's sentences, by the ids that these have there."""
    return {
        f"{name}/{sentence.id}": sentence.spans
        for name, role in site.roles("gold-").items()
        for sentence in site.read(role).sentences
        if sentence.spans is not None
    }


def _drawn(sentences: Iterable[Sentence], most: int) -> list[Sentence]:
    """So many sentences in a seeded order, each word of which counts 1."""
    order = sorted(sentences, key=lambda one: digest_of([SEED, one.id]))
    return [replace(one, weights=None) for one in order[:most]]

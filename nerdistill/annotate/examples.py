"""Examples for few-shot prompts, chosen from a pool of labelled sentences.

Only sentences with an entity are chosen: one without teaches a model to find nothing. Of a pool's
sentences with the same text the first counts, and none is ever an example for its own text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nerdistill import assets
from nerdistill.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from nerdistill.types import Corpus, Sentence

    Chooser = Callable[[Sentence], Sequence[Sentence]]
    """Gives the labelled examples for a sentence, the best last."""

ENOUGH = 6
"""Entities beyond this make a sentence no richer: long tables of results are poor examples."""
SHORTLIST = 2
"""So many times k sentences are the likest, of which the k richest are shown."""


class Likeness(Protocol):
    """Compares a question with each sentence of a pool."""

    def scores(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The higher, the more alike; one a sentence."""


def load_chooser(kind_or_folder: str, pool: Corpus, k: int) -> Chooser:
    """What chooses k examples for a sentence; the best comes last, next to the question.

    `fixed` shows every sentence the same: again and again the sentence with the most types that
    those before lack, then with the most entities, then the shortest. `bm25` takes the 2·k that
    share the rarest words with the sentence, and of these the k with the most entities. The folder
    of an encoder does so with the 2·k nearest by the cosine of mean hidden states. Entities beyond
    six count no more; ties fall to what is more alike, then to what comes first in the pool.

    Args:
        kind_or_folder: `fixed`, `bm25`, or the folder of an encoder such as BERT.
        pool: sentences with gold entities; those that nobody has labelled are passed over.
        k: how many.

    Raises:
        ConfigError: the pool has fewer than k sentences to show.
        AssetError: the folder does not exist, or is no encoder.
    """
    rich = _rich(pool, k)
    if kind_or_folder == "fixed":
        return _fixed(rich, k)
    words = [sentence.tokens for sentence in rich]
    if kind_or_folder == "bm25":
        from nerdistill.annotate.bm25 import Bm25

        return _alike(rich, k, Bm25(words))
    try:
        folder = assets.find(kind_or_folder, kind="encoder for examples")
    except AssetError as error:
        raise AssetError(
            error.message, "Name fixed, bm25, or the folder of an encoder such as models/minilm."
        ) from error
    from nerdistill.annotate.embedding import Nearest

    return _alike(rich, k, Nearest(folder, words))


def same_text(sentence: Sentence) -> str:
    """What two sentences have in common that differ in case and white space only."""
    return "".join(sentence.tokens).casefold()


def _rich(pool: Corpus, k: int) -> list[Sentence]:
    """The sentences of a pool that can be shown."""
    if k < 1:
        raise ConfigError(f"{k} examples", "Ask for 1 or more, or leave examples out.")
    labelled = [sentence for sentence in pool.sentences if sentence.spans is not None]
    if not labelled:
        raise ConfigError(
            "the pool for examples is not labelled",
            "Name a file with gold entities: CoNLL columns, or JSONL with `entities`.",
        )
    rich: dict[str, Sentence] = {}
    for sentence in labelled:
        if sentence.spans:
            rich.setdefault(same_text(sentence), sentence)
    if len(rich) < k:
        raise ConfigError(
            f"the pool for examples has {len(rich)} different sentences with an entity, and {k} "
            "are asked for",
            "Ask for fewer examples, or name a larger pool.",
        )
    return list(rich.values())


def _fixed(rich: list[Sentence], k: int) -> Chooser:
    waiting = dict(enumerate(rich))
    chosen: list[Sentence] = []
    lacking = all_types = _types(rich)
    # One more than is shown, in the place of one that is the question itself.
    while waiting and len(chosen) <= k:
        new = {at: len(lacking & _types([one])) for at, one in waiting.items()}
        if not any(new.values()):
            lacking = all_types
            continue
        best = min(
            waiting, key=lambda at: (-new[at], -_richness(waiting[at]), len(waiting[at].tokens), at)
        )
        chosen.append(waiting.pop(best))
        lacking = lacking - _types(chosen[-1:])
    texts = [same_text(one) for one in chosen]

    def choose(sentence: Sentence) -> list[Sentence]:
        own = same_text(sentence)
        return [one for one, text in zip(chosen, texts, strict=True) if text != own][:k]

    return choose


def _alike(rich: list[Sentence], k: int, likeness: Likeness) -> Chooser:
    texts = [same_text(one) for one in rich]

    def choose(sentence: Sentence) -> list[Sentence]:
        own = same_text(sentence)
        order = best_first(likeness.scores(sentence.tokens), SHORTLIST * k + 1)
        near = [at for at in order if texts[at] != own][: SHORTLIST * k]
        richest = sorted(near, key=lambda at: -_richness(rich[at]))[:k]
        return [rich[at] for at in near[::-1] if at in richest]

    return choose


def best_first(scores: NDArray[np.float32], count: int) -> list[int]:
    """The places of the `count` highest scores; of equal ones the first."""
    import numpy as np

    if count < len(scores):
        bar = np.partition(scores, -count)[-count]
        above, level = np.flatnonzero(scores > bar), np.flatnonzero(scores == bar)
        places = np.concatenate([above, level[: count - len(above)]])
    else:
        places = np.arange(len(scores))
    order = np.argsort(-scores[places], kind="stable")
    return [int(at) for at in places[order]]


def _types(sentences: Iterable[Sentence]) -> set[str]:
    return {span.label for sentence in sentences for span in sentence.spans or ()}


def _richness(sentence: Sentence) -> int:
    return min(ENOUGH, len(sentence.spans or ()))

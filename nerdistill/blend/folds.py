"""Cut a corpus into folds, so that what judges a sentence need not have learnt from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.digest import digest_of
from nerdistill.errors import ConfigError
from nerdistill.types import Corpus

if TYPE_CHECKING:
    from nerdistill.types import Document


def cut_folds(corpus: Corpus, count: int) -> tuple[Corpus, ...]:
    """Folds of whole documents with about equally many sentences; documents keep their order.

    Which fold a document is in depends on the ids and sizes of all, and on nothing else.

    Raises:
        ConfigError: there are fewer documents than folds.
    """
    if len(corpus.documents) < count:
        raise ConfigError(
            f"{len(corpus.documents)} documents cannot be cut into {count} folds",
            "Have more documents labelled, or leave out the regimens that relabel and weigh.",
        )
    members: list[set[str]] = [set() for _ in range(count)]
    sizes = [0] * count
    for document in sorted(corpus.documents, key=_draw):
        fold = sizes.index(min(sizes))
        members[fold].add(document.id)
        sizes[fold] += len(document.sentences)
    return tuple(Corpus(tuple(one for one in corpus.documents if one.id in own)) for own in members)


def _draw(document: Document) -> str:
    return digest_of(["fold", document.id])

"""What labels cost: the tokens of the requests that made them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.types import Annotation


def tokens_of(
    annotations: Sequence[Annotation], store: ReplyStore, *, votes: int = 1
) -> dict[str, float]:
    """The tokens of prompt and reply of each labelled sentence, by its id.

    Empty where the backend counts none. A request that holds several sentences is shared among
    them. A second pass and replies that nobody could read are not counted.

    Args:
        annotations: all that one run made.
        store: has their replies.
        votes: replies drawn for each prompt; the first one's tokens stand for all.
    """
    shared = Counter(one.source.request for one in annotations)
    replies = store.many(shared)
    if not any(reply.tokens_in for reply in replies.values()):
        return {}
    return {
        one.sentence_id: votes * (reply.tokens_in + reply.tokens_out) / shared[reply.request]
        for one in annotations
        if (reply := replies.get(one.source.request))
    }

"""Which scheme the tags of a whole corpus follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.errors import CorpusError
from nerdistill.labels import detect_scheme, split_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nerdistill.labels import Scheme

    Tagged = tuple[Sequence[str], Callable[[int], str]]


def scheme_of(sentences: Callable[[], Iterable[Tagged]]) -> Scheme:
    """The scheme of some sentences; tags that open entities both with B- and with I- have none.

    Args:
        sentences: gives each sentence's tags, with what tells the place of the tag at a position.
            It is called a second time where the tags look like IOB1.

    Raises:
        CorpusError: the tags are neither IOB1 nor IOB2; naming both places.
        ValueError: a tag is not a tag.
    """
    scheme = detect_scheme(tags for tags, _ in sentences())
    if scheme != "IOB1":
        return scheme
    with_b = with_i = None
    for tags, place in sentences():
        before = ""
        for position, tag in enumerate(tags):
            prefix, label = split_tag(tag)
            if label and label != before:
                if prefix == "B":
                    with_b = with_b or (place(position), tag)
                else:
                    with_i = with_i or (place(position), tag)
            before = label
    if with_b and with_i:
        raise CorpusError(
            f"{with_i[0]}: {with_i[1]} opens an entity, but so does {with_b[1]} "
            f"({with_b[0]}): neither IOB1 nor IOB2",
            "In IOB2 each entity opens with B-; make the tags of the file agree.",
        )
    return scheme

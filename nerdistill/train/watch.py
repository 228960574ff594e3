"""What a training is watched with: held-out sentences, and places where its teacher errs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from nerdistill.labels import spans_to_tags
from nerdistill.metrics.errors import KINDS, compare_spans
from nerdistill.train.pool import EMPTY, Pool, load_pool, save_pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from nerdistill.types import Span

POOLS = ("original", "distilled", "memory")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a teacher errs in some sentences, and what gold says there.

    Attributes:
        sentences: `(places,) int64`: which sentence.
        starts: `(places,) int64`: the first word, in its sentence.
        ends: `(places,) int64`: the word behind the last.
        kinds: `(places,) int64`: of the error, an index of `KINDS`.
        gold: `(words,) int32`: gold's classes of all words of all sentences, end to end.
    """

    sentences: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    kinds: NDArray[np.int64]
    gold: NDArray[np.int32]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.sentences)


_NONE = np.zeros(0, np.int64)
NOWHERE = Places(_NONE, _NONE, _NONE, _NONE, np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Watch:
    """What a training is watched with; any part may be empty, and all words weigh the same.

    Attributes:
        original: human-labelled sentences that nobody trains on.
        distilled: sentences with the teacher's labels that nobody trains on.
        memory: sentences of the distilled pool with labels of the teacher's that gold refutes.
        places: where in `memory`.
    """

    original: Pool = EMPTY
    distilled: Pool = EMPTY
    memory: Pool = EMPTY
    places: Places = NOWHERE


UNWATCHED = Watch()

Error = tuple[int, int, int]
"""The first word of a place, the word behind its last, and the error's kind in `KINDS`."""


def errors_in(teacher: Sequence[Span], gold: Sequence[Span], length: int) -> list[Error]:
    """Where a teacher errs in a sentence of `length` words: a place an entity that is not right.

    A place is the words of gold's entity and of the teacher's in its stead. Words at which both
    have the same tags are no place: the error then lies beside them.
    """
    said, right = spans_to_tags(teacher, length), spans_to_tags(gold, length)
    found = []
    for match in compare_spans(gold, teacher):
        spans = [span for span in (match.gold, match.predicted) if span is not None]
        start, end = min(span.start for span in spans), max(span.end for span in spans)
        if said[start:end] != right[start:end]:
            found.append((start, end, KINDS.index(match.kind)))
    return found


def places_of(errors: Sequence[Sequence[Error]], gold: Sequence[int]) -> Places:
    """The places of several sentences, from those of each and gold's classes of all words."""
    rows = [(number, *error) for number, found in enumerate(errors) for error in found]
    sentences, starts, ends, kinds = np.array(rows, np.int64).reshape(-1, 4).T
    return Places(sentences, starts, ends, kinds, np.array(gold, np.int32))


def remembered(watch: Watch, classes: NDArray[np.int64]) -> dict[str, list[int]]:
    """At how many places a student repeats its teacher, gives gold, or else, by kind of error.

    Args:
        watch: with the places.
        classes: `(words,)`: what the student says of all words of `memory`.
    """
    memory, places = watch.memory, watch.places
    before = memory.words[memory.windows]
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for sentence, start, end, kind in zip(
        places.sentences, places.starts, places.ends, places.kinds, strict=True
    ):
        at = slice(before[sentence] + start, before[sentence] + end)
        same = [np.array_equal(classes[at], said[at]) for said in (memory.classes, places.gold)]
        found[KINDS[kind]][same.index(True) if any(same) else 2] += 1
    return dict(sorted(found.items()))


def save_watch(watch: Watch, folder: Path) -> None:
    """Write a watch as a folder a pool, and a file an array of the places."""
    for name in POOLS:
        (folder / name).mkdir()
        save_pool(getattr(watch, name), folder / name)
    for field in fields(Places):
        array = getattr(watch.places, field.name)
        np.save(folder / f"{field.name}.npy", array, allow_pickle=False)


def load_watch(folder: Path) -> Watch:
    """What `save_watch` wrote."""
    return Watch(
        **{name: load_pool(folder / name) for name in POOLS},
        places=Places(
            **{
                field.name: np.load(folder / f"{field.name}.npy", allow_pickle=False)
                for field in fields(Places)
            }
        ),
    )

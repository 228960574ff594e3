"""Where a teacher errs, and what a student says there."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nerdistill.metrics.errors import KINDS
from nerdistill.student.tagger import load_student
from nerdistill.train.watch import (
    UNWATCHED,
    Places,
    errors_in,
    load_watch,
    remembered,
    save_watch,
)
from nerdistill.types import Span
from tests.student_factory import save_tiny_student
from tests.train.runs import TAGS, WORDS
from tests.train.watched import erring, watching

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nerdistill.student.encode import Encoder
    from nerdistill.train.watch import Watch

ADA, BELA = Span(0, 1, "PER"), Span(2, 3, "PER")
LONGER = Span(2, 4, "PER")


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    """Of a student that knows the words."""
    return load_student(save_tiny_student(tmp_path / "student", WORDS), TAGS, seed=1).encoder


@pytest.mark.parametrize(
    ("teacher", "gold", "places"),
    [
        ([ADA], [ADA], []),
        ([ADA], [ADA, BELA], [(2, 3, "missed")]),
        ([ADA, BELA], [ADA], [(2, 3, "spurious")]),
        ([LONGER], [BELA], [(2, 4, "boundary")]),
        ([Span(2, 4, "LOC")], [LONGER], [(2, 4, "type")]),
        ([Span(2, 4, "LOC")], [BELA, ADA], [(0, 1, "missed"), (2, 4, "boundary_and_type")]),
    ],
)
def test_a_place_is_the_words_of_both_entities(
    teacher: Sequence[Span], gold: Sequence[Span], places: list[tuple[int, int, str]]
) -> None:
    """One for each entity that is not right, with the kind of its error."""
    found = errors_in(sorted(teacher), sorted(gold), 5)
    assert [(start, end, KINDS[kind]) for start, end, kind in found] == places


def test_words_whose_tags_are_the_same_are_no_place() -> None:
    """A missed entity inside a longer one that stands for another: its own words tell nothing."""
    gold = [Span(2, 4, "PER"), Span(4, 7, "PER")]
    found = errors_in([Span(2, 7, "PER")], gold, 8)
    assert [(start, end, KINDS[kind]) for start, end, kind in found] == [(2, 7, "boundary")]


def test_what_a_student_says_is_counted_by_kind(encoder: Encoder) -> None:
    """It repeats the teacher, gives gold or gives something else at each place."""
    watch = erring(
        ([ADA], [ADA, BELA]),
        ([ADA, BELA], [ADA]),
        ([LONGER], [BELA]),
        ([ADA], [ADA, LONGER]),
        encoder=encoder,
    )
    as_teacher = watch.memory.classes.astype(np.int64)
    as_gold = watch.places.gold.astype(np.int64)
    teacher = {"boundary": [1, 0, 0], "missed": [2, 0, 0], "spurious": [1, 0, 0]}
    assert remembered(watch, as_teacher) == teacher
    assert remembered(watch, as_gold) == {kind: [0, sum(row), 0] for kind, row in teacher.items()}
    mixed = as_gold.copy()
    mixed[2] = TAGS.index("I-PER")  # of the first sentence: neither O nor B-PER
    mixed[5:10] = as_teacher[5:10]
    mixed[15] = TAGS.index("O")  # outside of the last sentence's place
    assert remembered(watch, mixed) == {
        "boundary": [0, 1, 0],
        "missed": [0, 1, 1],
        "spurious": [1, 0, 0],
    }


@pytest.mark.parametrize("empty", [False, True])
def test_a_watch_is_read_from_its_files_as_it_was(
    encoder: Encoder, tmp_path: Path, empty: bool
) -> None:
    """Every array of every part comes back, of an empty one too."""
    watch = UNWATCHED if empty else watching(encoder)
    folder = tmp_path / "watch"
    folder.mkdir()
    save_watch(watch, folder)
    again = load_watch(folder)
    for name in ("original", "distilled", "memory", "places"):
        one, other = getattr(watch, name), getattr(again, name)
        for field in fields(one):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name))
    assert isinstance(again.places, Places)
    assert len(again.places) == (0 if empty else 3)


def test_long_sentences_are_found_again(encoder: Encoder) -> None:
    """Places count words of their sentence, however many sentences stand before it."""
    watch: Watch = erring(*[([ADA], [ADA])] * 3, ([ADA], [BELA]), encoder=encoder)
    assert watch.places.sentences.tolist() == [3, 3]
    said = np.zeros(20, np.int64)
    assert remembered(watch, said) == {"missed": [1, 0, 0], "spurious": [0, 1, 0]}

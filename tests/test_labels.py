"""Tags and spans, and label schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.errors import AssetError, LabelError
from nerdistill.labels import (
    Scheme,
    detect_scheme,
    load_schema,
    spans_to_tags,
    tags_to_spans,
)
from nerdistill.types import Span

if TYPE_CHECKING:
    from pathlib import Path

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[tuple[Span, ...], int]:
    """Entities of a sentence, and its length."""
    spans: list[Span] = []
    end = 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=6)):
        spans.append(Span(end + gap, end + gap + size, draw(st.sampled_from(["PER", "I-ORG"]))))
        end = spans[-1].end
    return tuple(spans), end + draw(st.integers(0, 2))


@given(labelled(), st.sampled_from(SCHEMES))
def test_spans_survive_the_round_trip(case: tuple[tuple[Span, ...], int], scheme: Scheme) -> None:
    """Entities that touch, of one type or of two, come back as they were."""
    spans, length = case
    tags = spans_to_tags(spans, length, scheme)
    assert len(tags) == length
    assert tags_to_spans(tags, scheme) == spans


@given(st.lists(labelled(), min_size=1, max_size=4), st.sampled_from(SCHEMES))
def test_the_detected_scheme_reads_the_same(
    cases: list[tuple[tuple[Span, ...], int]], scheme: Scheme
) -> None:
    """Whatever scheme is detected, it reads the entities that were written."""
    files = [spans_to_tags(spans, length, scheme) for spans, length in cases]
    found = detect_scheme(files)
    if scheme == "IOB1" and found == "IOB2":
        # Without an I- that opens an entity, both schemes mean the same only if B- opens them all.
        assert not any(tag.startswith("I-") for tags in files for tag in tags)
    assert [tags_to_spans(tags, found) for tags in files] == [spans for spans, _ in cases]


ANY_TAGS = st.lists(
    st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in ("PER", "LOC"))]),
    min_size=1,
    max_size=8,
)


@given(ANY_TAGS, st.sampled_from(SCHEMES))
def test_tags_are_read_whole_or_refused(tags: list[str], scheme: Scheme) -> None:
    """What is not refused states its entities exactly: writing them gives the same tags again."""
    try:
        spans = tags_to_spans(tags, scheme)
    except ValueError:
        return
    again = spans_to_tags(spans, len(tags), scheme)
    if scheme == "IOB1":
        # A B- that touches nothing may be written I- as well.
        assert tags_to_spans(again, scheme) == spans
        assert [tag[1:] for tag in again] == [tag[1:] for tag in tags]
    else:
        assert again == tags


def test_iob1_separates_types() -> None:
    """In IOB1 a change of type starts an entity, a B- only one that touches its like."""
    assert tags_to_spans(["I-PER", "I-ORG", "B-ORG", "O"], "IOB1") == (
        Span(0, 1, "PER"),
        Span(1, 2, "ORG"),
        Span(2, 3, "ORG"),
    )


def test_other_names_of_bioes() -> None:
    """BILOU's L and U are E and S."""
    tags = ["B-PER", "L-PER", "U-LOC"]
    assert detect_scheme([tags]) == "BIOES"
    assert tags_to_spans(tags, "BIOES") == (Span(0, 2, "PER"), Span(2, 3, "LOC"))


@pytest.mark.parametrize(
    ("tags", "scheme", "words"),
    [
        (["O", "I-PER"], "IOB2", "token 2: I-PER has no B-PER"),
        (["B-LOC", "I-PER"], "IOB2", "token 2"),
        (["B-PER", "O"], "BIOES", "token 2: O cannot follow B-PER"),
        (["E-PER"], "BIOES", "token 1: E-PER cannot follow O"),
        (["B-PER"], "BIOES", "cannot follow B-PER"),
        (["S-PER"], "IOB2", "does not exist in IOB2"),
        (["X-PER"], "IOB2", "'X-PER' is not a tag"),
        (["B-"], "IOB2", "'B-' is not a tag"),
        (["PER"], "IOB1", "'PER' is not a tag"),
    ],
)
def test_broken_sequences_are_named(tags: list[str], scheme: Scheme, words: str) -> None:
    """A sequence that breaks its scheme says where."""
    with pytest.raises(ValueError, match=words):
        tags_to_spans(tags, scheme)


def test_the_bundled_schema_knows_its_types() -> None:
    """Class order is fixed; names and aliases are found whatever their case."""
    schema = load_schema("conll")
    assert schema.tags[:3] == ("O", "B-PER", "I-PER")
    assert (schema.resolve(" Person "), schema.resolve("gpe")) == ("PER", "LOC")
    assert schema.resolve("DATE") is None


@pytest.mark.parametrize(
    "text",
    [
        "name = 'x'",
        "name = 'x'\n[[types]]\nname = 'A'",
        "types = 3",
        "name = 'x'\ntypes = []",
        "[[",
        (
            'name = "x"\n[[types]]\nname = "A"\ndescription = "a"\naliases = ["b"]\n'
            '[[types]]\nname = "B"\ndescription = "b"'
        ),
    ],
)
def test_a_broken_schema_is_one_line(tmp_path: Path, text: str) -> None:
    """A file that is no schema is named, with what a schema holds."""
    path = tmp_path / "labels.toml"
    path.write_text(text)
    with pytest.raises(LabelError, match=r"labels\.toml") as caught:
        load_schema(path)
    assert "\n" not in str(caught.value)


def test_a_missing_schema_is_told() -> None:
    """A mistyped schema name is no schema."""
    with pytest.raises(AssetError, match="label schema 'conl' does not exist"):
        load_schema("conl")

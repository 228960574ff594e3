"""Mentions to tokens: nothing lost, nothing invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.align import align
from nerdistill.annotate.parse import Mention
from nerdistill.labels import load_schema
from nerdistill.types import Outcome, Sentence, Span

SCHEMA = load_schema("conll")


def sentence_of(text: str) -> Sentence:
    """Words of a text that is already cut."""
    return Sentence("s", tuple(text.split()))


def outcomes(text: str, *mentions: tuple[str, str]) -> list[Outcome]:
    """What became of each `(label, text)`."""
    found = align([Mention(*one) for one in mentions], sentence_of(text), SCHEMA)
    return [issue.outcome for issue in found.issues]


def spans(text: str, *mentions: tuple[str, str]) -> list[tuple[int, int, str]]:
    """The spans of some `(label, text)`."""
    found = align([Mention(*one) for one in mentions], sentence_of(text), SCHEMA)
    return [(span.start, span.end, span.label) for span in found.spans]


def test_never_inside_a_word() -> None:
    """The name US is neither in a virus nor at the start of USA."""
    assert outcomes("the virUS hit the USA", ("LOC", "US")) == ["not_in_text"]


def test_repeated_mentions_take_successive_places() -> None:
    """A name that is listed twice is found twice, in order, each with its own type."""
    text = "Borsk beat Borsk"
    assert spans(text, ("ORG", "Borsk"), ("LOC", "Borsk")) == [(0, 1, "ORG"), (2, 3, "LOC")]
    assert outcomes(text, ("ORG", "Borsk"), ("LOC", "Borsk")) == ["exact", "exact"]


def test_listed_less_often_than_it_occurs_is_ambiguous() -> None:
    """One mention for two places takes the first, and is counted as ambiguous."""
    assert outcomes("Borsk beat Borsk", ("ORG", "Borsk")) == ["ambiguous"]
    assert spans("Borsk beat Borsk", ("ORG", "Borsk")) == [(0, 1, "ORG")]


def test_longer_mentions_choose_first() -> None:
    """A short name does not take the words of a longer one, and only one place is left for it."""
    text = "Borsk Rovers beat Borsk"
    named = (("LOC", "Borsk"), ("ORG", "Borsk Rovers"))
    assert spans(text, *named) == [(0, 2, "ORG"), (3, 4, "LOC")]
    assert outcomes(text, *named) == ["exact", "exact"]


def test_a_mention_without_free_place_overlaps() -> None:
    """Twice the same place, or a part of a longer entity: the loser is counted."""
    assert outcomes("Borsk won", ("ORG", "Borsk"), ("LOC", "Borsk")) == ["exact", "overlap"]
    named = (("ORG", "Borsk Rovers"), ("LOC", "Borsk"))
    assert outcomes("Borsk Rovers won", *named) == ["exact", "overlap"]


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("in AL-AIN today", "AL - AIN"),
        ("in AL - AIN today", "AL-AIN"),
        ("in ULM today", "Ulm"),
        ("in Ulm today", "Ulm."),
        ("in Ulm today", '"Ulm"'),
        ("in Ulm 's streets", "Ulm's"),
        ("in İzmir today", "İZMIR".replace("I", "i")),
        ("in Stra\u00dfe today", "STRASSE"),
        ("at “ Ulm ” today", '" Ulm "'),
        ("in Jose\u0301 's street", "José"),
        ("in Ul\u200bm today", "Ulm"),
        ("in Ulm today", "Ulm (a city)"),
    ],
)
def test_small_differences_are_repaired(text: str, mention: str) -> None:
    """Case, white space, quotes, dashes, composition and stray punctuation are forgiven."""
    assert outcomes(text, ("LOC", mention)) == ["repaired"]
    ((start, *_),) = spans(text, ("LOC", mention))
    assert start == 1


def test_letters_that_change_length_shift_nothing() -> None:
    """After `İ`, emoji and combining marks the right tokens are still found."""
    assert spans("İİİ 🏳️‍🌈 e\u0301 then Ulm", ("LOC", "ulm")) == [(4, 5, "LOC")]


def test_unknown_labels_and_absent_texts_are_counted() -> None:
    """Each mention ends as one outcome, also the useless ones."""
    named = (("DATE", "Ulm"), ("LOC", "Paris"), ("LOC", ""), ("LOC", "Ulm"))
    assert outcomes("in Ulm", *named) == ["unknown_label", "not_in_text", "not_in_text", "exact"]


def test_raw_text_and_chinese() -> None:
    """Offsets count in raw text, and with an empty joiner tokens are the boundaries."""
    raw = Sentence("s", ("Ulm", "'s", "mayor"), raw="Ulm's  mayor")
    assert align([Mention("LOC", "Ulm")], raw, SCHEMA).spans == (Span(0, 1, "LOC"),)
    chinese = Sentence("s", tuple("我在北京工作"), joiner="")
    assert align([Mention("LOC", "北京")], chinese, SCHEMA).spans == (Span(2, 4, "LOC"),)


def test_a_told_place_is_taken() -> None:
    """Where the format tells the position, that one is meant."""
    found = align([Mention("ORG", "Borsk", 11)], sentence_of("Borsk beat Borsk"), SCHEMA)
    assert found.spans == (Span(2, 3, "ORG"),)
    assert found.issues[0].outcome == "exact"


def test_a_told_place_must_be_a_token() -> None:
    """A mark inside a word is not in the text, wherever else the name stands."""
    found = align([Mention("LOC", "US", 6)], sentence_of("the viUSr hit US"), SCHEMA)
    assert found.issues[0].outcome == "not_in_text"


def test_a_reply_that_repeats_itself_ends() -> None:
    """Tens of thousands of mentions, as a model in a loop writes them, are all accounted for."""
    found = align([Mention("LOC", "Ulm")] * 50_000, sentence_of("Ulm beat Ulm"), SCHEMA)
    assert [issue.outcome for issue in found.issues[:3]] == ["exact", "exact", "overlap"]
    assert len(found.issues) == 50_000


WORDS = st.sampled_from(
    ["Ulm", "ulm", "Ulm.", "of", "US", "virus", "New", "York", "İ", "ß", "é", "-"]
)
LABELS = st.sampled_from(["PER", "loc", "Organization", "DATE", "misc"])


@given(
    st.lists(WORDS, min_size=1, max_size=12),
    st.lists(st.tuples(LABELS, st.lists(WORDS, max_size=3).map(" ".join)), max_size=8),
)
def test_every_mention_ends_as_one_outcome(tokens: list[str], named: list[tuple[str, str]]) -> None:
    """The ledger has a line for each mention, and each span is verbatim text of the schema."""
    sentence = Sentence("s", tuple(tokens))
    found = align([Mention(*one) for one in named], sentence, SCHEMA)
    assert len(found.issues) == len(named)
    placed = [i for i in found.issues if i.outcome in {"exact", "repaired", "ambiguous"}]
    assert len(placed) == len(found.spans) == len(set(found.mentions))
    assert list(found.spans) == sorted(found.spans)
    for left, right in zip(found.spans, found.spans[1:], strict=False):
        assert left.end <= right.start
    for span, index in zip(found.spans, found.mentions, strict=True):
        assert span.label in SCHEMA.names
        assert sentence.surface(span) in sentence.text
        if found.issues[index].outcome == "exact":
            assert sentence.surface(span) == named[index][1]

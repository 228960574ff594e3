"""The project's JSONL."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerdistill.corpus.formats import read_corpus, write_corpus
from nerdistill.errors import CorpusError
from nerdistill.types import Corpus, Document, Sentence, Span

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, *records: object) -> Corpus:
    """Read records as a file."""
    path = folder / "a.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return read_corpus(path)


def one(folder: Path, record: object) -> Sentence:
    """Read a file of one record."""
    (sentence,) = read(folder, record).sentences
    return sentence


def test_token_spans_with_raw_text(tmp_path: Path) -> None:
    """With tokens, entities count tokens; text is the raw text."""
    record = {
        "id": "s/1#0",
        "text": "Ada's  won.",
        "tokens": ["Ada", "'s", "won", "."],
        "entities": [{"start": 0, "end": 1, "label": "PER"}],
    }
    sentence = one(tmp_path, record)
    assert sentence.raw == "Ada's  won."
    assert sentence.spans == (Span(0, 1, "PER"),)


def test_character_spans(tmp_path: Path) -> None:
    """Without tokens, the text is cut into words and entities count characters."""
    text = "Bologna's Ada Byron won."
    entities = [{"start": 10, "end": 19, "label": "PER"}, {"start": 0, "end": 7, "label": "LOC"}]
    sentence = one(tmp_path, {"text": text, "entities": entities})
    assert sentence.tokens == ("Bologna", "'s", "Ada", "Byron", "won", ".")
    assert sentence.spans == (Span(0, 1, "LOC"), Span(2, 4, "PER"))


def test_a_word_is_cut_at_a_gold_edge(tmp_path: Path) -> None:
    """Gold knows better than the cutter where a name starts and ends."""
    text = "A Malta-based firm"
    sentence = one(tmp_path, {"text": text, "entities": [{"start": 2, "end": 7, "label": "LOC"}]})
    assert sentence.tokens == ("A", "Malta", "-based", "firm")
    assert sentence.surface(Span(1, 2, "LOC")) == "Malta"


def test_documents(tmp_path: Path) -> None:
    """A document is told, or the id up to its last #, or the sentence itself."""
    corpus = read(
        tmp_path,
        {"id": "a#b#0", "tokens": ["x"]},
        {"id": "lone", "tokens": ["x"]},
        {"id": "a#b#1", "tokens": ["x"]},
        {"id": "c#0", "document": 7, "tokens": ["x"]},
        {"tokens": ["x"]},
        {"idx": 60, "tokens": ["x"], "reply": "{}", "split": "train"},
    )
    assert [(d.id, [s.id for s in d.sentences]) for d in corpus.documents] == [
        ("a#b", ["a#b#0", "a#b#1"]),
        ("lone", ["lone"]),
        ("7", ["c#0"]),
        ("5", ["5"]),
        ("60", ["60"]),
    ]


def test_unlabelled_is_not_empty(tmp_path: Path) -> None:
    """No `entities` means unlabelled; an empty list means labelled and without any."""
    nobody, nothing = read(tmp_path, {"text": "x"}, {"text": "x", "entities": []}).sentences
    assert nobody.spans is None
    assert nothing.spans == ()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ([1], "not a JSON object"),
        ({"id": "a"}, "neither `tokens` nor `text`"),
        ({"text": 3}, "`text` is not a string"),
        ({"text": " "}, "no word"),
        ({"tokens": []}, "not a list of words"),
        ({"tokens": ["a", ""]}, "not a list of words"),
        ({"tokens": ["a", "b"], "text": "a c"}, "do not spell"),
        ({"tokens": ["a"], "weights": [1, 2]}, "weight"),
        ({"tokens": ["a"], "weights": ["much"]}, "much"),
        ({"tokens": ["a"], "entities": {"PER": "a"}}, "not a list"),
        ({"tokens": ["a"], "entities": ["a"]}, "wrong entity"),
        ({"tokens": ["a"], "entities": [{"start": 0, "end": 1}]}, "wrong entity: 'label'"),
        ({"tokens": ["a"], "entities": [{"start": 1, "end": 1, "label": "X"}]}, "at least one"),
        ({"tokens": ["a"], "entities": [{"start": 0, "end": 2, "label": "X"}]}, "outside"),
        ({"text": "ab", "entities": [{"start": 0, "end": 3, "label": "X"}]}, "2 characters"),
        ({"text": "a  b", "entities": [{"start": 1, "end": 3, "label": "X"}]}, "white space"),
        (
            {
                "tokens": ["a", "b", "c"],
                "entities": [
                    {"start": 1, "end": 3, "label": "X"},
                    {"start": 0, "end": 2, "label": "Y"},
                ],
            },
            "[0, 2) Y and [1, 3) X overlap",
        ),
    ],
)
def test_bad_records_name_the_line(tmp_path: Path, record: object, words: str) -> None:
    """Every fault is told with its file, its line and what to do."""
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, {"tokens": ["fine"]}, record)
    assert "a.jsonl:2: " in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint


def test_not_json(tmp_path: Path) -> None:
    """Broken JSON is told with its line."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n\n{"text": "x"\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.jsonl:3: not JSON"):
        read_corpus(path)


def test_duplicate_id_names_both_lines(tmp_path: Path) -> None:
    """An id that comes twice is told with both its lines."""
    with pytest.raises(CorpusError, match=r"a\.jsonl:2: the id 'a' stands on line 1"):
        read(tmp_path, {"id": "a", "text": "x"}, {"id": "a", "text": "y"})


def test_writing_replaces_whole_files(tmp_path: Path) -> None:
    """Nothing but the finished file stays behind."""
    corpus = read(tmp_path, {"text": "Ünique \ud800"})
    write_corpus(corpus, tmp_path / "new" / "b.jsonl")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["b.jsonl"]
    assert read_corpus(tmp_path / "new" / "b.jsonl") == corpus


@st.composite
def sentences(draw: st.DrawFn, name: str) -> Sentence:
    """Any sentence: with or without raw text, labels and weights."""
    word = st.text(min_size=1, max_size=5)
    tokens = draw(st.lists(word, min_size=1, max_size=5))
    joiner = draw(st.sampled_from(["", " "]))
    has_raw = all(not any(map(str.isspace, word)) for word in tokens) and draw(st.booleans())
    raw = draw(st.sampled_from([" ", "", "\n "])).join(tokens) if has_raw else None
    edges = sorted(draw(st.sets(st.integers(0, len(tokens)))))
    spans = tuple(Span(start, end, draw(word)) for start, end in pairwise(edges))
    weight = st.lists(st.floats(0, 1), min_size=len(tokens), max_size=len(tokens))
    return Sentence(
        name,
        tuple(tokens),
        joiner=joiner,
        spans=draw(st.sampled_from([spans, None])),
        raw=raw,
        weights=draw(st.none() | weight.map(tuple)),
    )


@settings(deadline=None)
@given(st.data())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """What is written is what is read."""
    names = st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True)
    documents = [
        Document(name, tuple(data.draw(sentences(f"{name}#{n}")) for n in range(size)))
        for name in data.draw(names)
        for size in [data.draw(st.integers(1, 3))]
    ]
    corpus = Corpus(tuple(documents))
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    write_corpus(corpus, path)
    assert read_corpus(path) == corpus

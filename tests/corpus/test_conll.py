"""CoNLL columns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerdistill.corpus.formats import read_corpus, write_corpus
from nerdistill.errors import CorpusError
from nerdistill.labels import Scheme
from nerdistill.types import Corpus, Document, Sentence, Span

if TYPE_CHECKING:
    from pathlib import Path

IOB2 = """\
-DOCSTART- -X- -X- O

Ada NNP B-NP B-PER
Byron NNP I-NP I-PER
won VBD B-VP O

-DOCSTART- -X- -X- O

Oslo NNP B-NP B-LOC

Rio NNP B-NP B-LOC
"""


def read(folder: Path, text: str, *, tag_column: int = -1) -> Corpus:
    """Read a text as columns."""
    path = folder / "a.conll"
    path.write_text(text, encoding="utf-8", newline="")
    return read_corpus(path, tag_column=tag_column)


def test_documents_and_ids(tmp_path: Path) -> None:
    """A document mark ends a document and is no sentence."""
    corpus = read(tmp_path, IOB2)
    assert [document.id for document in corpus.documents] == ["0", "1"]
    assert [sentence.id for sentence in corpus.sentences] == ["0.0", "1.0", "1.1"]
    assert next(iter(corpus.sentences)).spans == (Span(0, 2, "PER"),)


def test_without_marks_each_sentence_is_a_document(tmp_path: Path) -> None:
    """Where nothing tells the documents, a split must be free to part any two sentences."""
    corpus = read(tmp_path, "Oslo B-LOC\n\nRio B-LOC\n\n\nfell O\n")
    assert [document.id for document in corpus.documents] == ["0", "1", "2"]
    assert [sentence.id for sentence in corpus.sentences] == ["0.0", "1.0", "2.0"]


def test_iob1_keeps_adjacent_types_apart(tmp_path: Path) -> None:
    """`I-PER I-ORG` in IOB1 is two entities, and B- parts two of one type."""
    corpus = read(tmp_path, "Ada I-PER\nAcme I-ORG\nInc I-ORG\nBolt B-ORG\n")
    (sentence,) = corpus.sentences
    assert sentence.spans == (Span(0, 1, "PER"), Span(1, 3, "ORG"), Span(3, 4, "ORG"))


def test_bioes(tmp_path: Path) -> None:
    """E- and S- mean BIOES."""
    (sentence,) = read(tmp_path, "Ada\tB-PER\nByron\tE-PER\nOslo\tS-LOC\n").sentences
    assert sentence.spans == (Span(0, 2, "PER"), Span(2, 3, "LOC"))


@pytest.mark.parametrize("tag_column", [1, -2])
def test_tag_column(tmp_path: Path, tag_column: int) -> None:
    """The tag may stand in any column, counted from either end."""
    (sentence,) = read(tmp_path, "Oslo B-LOC NNP\nfell O VBD\n", tag_column=tag_column).sentences
    assert sentence.spans == (Span(0, 1, "LOC"),)


def test_one_column_is_unlabelled(tmp_path: Path) -> None:
    """Words without tags have been labelled by nobody."""
    (sentence,) = read(tmp_path, "Oslo\nfell\n").sentences
    assert sentence.tokens == ("Oslo", "fell")
    assert sentence.spans is None


def test_odd_characters_stay_in_their_word(tmp_path: Path) -> None:
    """Only tabs, spaces and line feeds cut: not a non-breaking space, a lone CR or U+2028."""
    text = "a\u00a0b O\r\nc\rd O\r\n\u2028 O\r\n\r\ne\u2003f\tB-X\r\n"
    corpus = read(tmp_path, text)
    assert [sentence.tokens for sentence in corpus.sentences] == [
        ("a\u00a0b", "c\rd", "\u2028"),
        ("e\u2003f",),
    ]


def test_byte_order_mark_and_ragged_spaces(tmp_path: Path) -> None:
    """A byte order mark is no part of the first word; several spaces cut once."""
    (sentence,) = read(tmp_path, "\ufeffOslo   B-LOC \nfell O\n").sentences
    assert sentence.tokens == ("Oslo", "fell")


@pytest.mark.parametrize(
    ("text", "column", "line", "words"),
    [
        ("Oslo NNP B-LOC\nfell O\n", -1, 2, "2 columns where the lines before have 3"),
        ("Oslo B-LOC\n\nfell\n", -1, 3, "1 column where the lines before have 2"),
        ("Oslo B-LOC\nfell NONE\n", -1, 2, "'NONE' is not a tag"),
        ("Oslo B-LOC\nfell O\n", 2, 1, "no tag in column 2 of 2"),
        ("Oslo B-LOC\nfell O\n", -2, 1, "no tag in column -2 of 2"),
        ("Oslo\tB-LOC\n\tO\n", -1, 2, "no word"),
        ("x O\n\nAda B-PER\nOslo S-LOC\n", -1, 3, "token 2: S-LOC cannot follow B-PER in BIOES"),
        ("Ada B-PER\n\nin O\nOslo I-LOC\n", -1, 4, "neither IOB1 nor IOB2"),
    ],
)
def test_bad_columns_name_the_line(
    tmp_path: Path, text: str, column: int, line: int, words: str
) -> None:
    """Every fault is told with its file, its line and what to do."""
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, text, tag_column=column)
    assert f"a.conll:{line}: " in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint


def test_marks_alone_are_no_corpus(tmp_path: Path) -> None:
    """A file of document marks holds nothing."""
    with pytest.raises(CorpusError, match="no sentence"):
        read(tmp_path, "-DOCSTART- O\n\n-DOCSTART- O\n")


def test_mixed_labels_cannot_be_written(tmp_path: Path) -> None:
    """Columns cannot say that one sentence is labelled and the next is not."""
    pair = (Sentence("a", ("x",), spans=()), Sentence("b", ("y",)))
    with pytest.raises(CorpusError, match="JSONL"):
        write_corpus(Corpus((Document("d", pair),)), tmp_path / "a.conll")


@pytest.mark.parametrize("word", ["a\tb", "a\nb", "-DOCSTART-"])
def test_a_word_that_columns_cannot_hold(tmp_path: Path, word: str) -> None:
    """A word that would be read back as something else is refused."""
    corpus = Corpus((Document("d", (Sentence("a", (word,), spans=()),)),))
    with pytest.raises(CorpusError, match="cannot hold"):
        write_corpus(corpus, tmp_path / "a.conll")
    assert not list(tmp_path.iterdir())


WORDS = st.text(min_size=1, max_size=5).filter(
    lambda word: (
        not set(word) & set("\t\n")
        and not word.startswith("-DOCSTART-")
        and not any("\ud800" <= letter <= "\udfff" for letter in word)
    )
)


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    """A sentence with gold."""
    tokens = draw(st.lists(WORDS, min_size=1, max_size=6))
    edges = sorted(draw(st.sets(st.integers(0, len(tokens)), max_size=6)))
    kinds = draw(st.lists(st.sampled_from(["A", "B-C"]), min_size=6, max_size=6))
    pairs = zip(edges, edges[1:], kinds, strict=False)
    spans = tuple(Span(start, end, kind) for start, end, kind in pairs)
    return Sentence("x", tuple(tokens), spans=spans)


@settings(deadline=None)
@given(st.lists(st.lists(labelled(), min_size=1, max_size=3), min_size=1, max_size=3), st.data())
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[list[Sentence]],
    data: st.DataObject,
) -> None:
    """What is written in any scheme is read back: words, entities and document borders."""
    scheme: Scheme = data.draw(st.sampled_from(get_args(Scheme)))
    corpus = Corpus(tuple(Document("d", tuple(held)) for held in documents))
    path = tmp_path_factory.mktemp("conll") / "a.conll"
    write_corpus(corpus, path, tag_scheme=scheme)
    again = read_corpus(path)
    assert [[(s.tokens, s.spans) for s in d.sentences] for d in again.documents] == [
        [(s.tokens, s.spans) for s in d.sentences] for d in corpus.documents
    ]


def test_conll_2003(measurement_data: Path) -> None:
    """The real corpus has the published counts and is read in well under a second."""
    found = {}
    started = time.process_time()
    for part in ("train", "valid", "test"):
        corpus = read_corpus(measurement_data / "conll2003" / f"{part}.txt")
        entities = sum(len(sentence.spans or ()) for sentence in corpus.sentences)
        found[part] = (len(corpus), len(corpus.documents), entities)
    assert time.process_time() - started < 3
    assert found == {
        "train": (14041, 946, 23499),
        "valid": (3250, 216, 5942),
        "test": (3453, 231, 5648),
    }

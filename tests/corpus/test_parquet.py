"""Parquet: words and tags as the `datasets` library writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import datasets
import pyarrow as pa
import pytest
from pyarrow import parquet

from nerdistill.corpus.formats import read_corpus, stream_corpus
from nerdistill.errors import ConfigError, CorpusError
from nerdistill.types import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IOB2 = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CONLL = """\
Ada B-PER
Lovelace I-PER
left O
Ulm B-LOC

Rain O
"""
ROWS: dict[str, list[object]] = {
    "tokens": [["Ada", "Lovelace", "left", "Ulm"], ["Rain"]],
    "ner_tags": [[1, 2, 0, 3], [0]],
}


def write(path: Path, rows: Mapping[str, object], names: Sequence[str] = IOB2) -> Path:
    """Write rows with the `datasets` library; `ner_tags` are classes of these names."""
    datasets.disable_progress_bars()
    data = datasets.Dataset.from_dict(dict(rows))
    if "ner_tags" in rows:
        tags = datasets.List(datasets.ClassLabel(names=list(names)))
        data = data.cast_column("ner_tags", tags)
    data.to_parquet(path)
    return path


def bare(path: Path, rows: Mapping[str, object]) -> Path:
    """Write rows with pyarrow alone: without the metadata of `datasets`."""
    parquet.write_table(pa.table(dict(rows)), path)
    return path


def test_the_same_spans_as_columns(tmp_path: Path) -> None:
    """A corpus reads the same from parquet and from CoNLL columns."""
    columns = tmp_path / "train.conll"
    columns.write_text(CONLL, encoding="utf-8")
    expected = [(s.tokens, s.spans) for s in read_corpus(columns).sentences]
    found = read_corpus(write(tmp_path / "train.parquet", ROWS))
    assert [(s.tokens, s.spans) for s in found.sentences] == expected
    assert [document.id for document in found.documents] == ["0", "1"]


def test_tags_as_strings(tmp_path: Path) -> None:
    """Tags may be strings, in `tags`, and follow IOB1; ids and documents are taken over."""
    rows = {
        "id": ["x", "y", "z"],
        "doc_id": [7, 7, 8],
        "tokens": [["Ulm", "Wick"], ["Ada"], ["so"]],
        "tags": [["I-LOC", "B-LOC"], ["I-PER"], None],
    }
    corpus = read_corpus(bare(tmp_path / "a.parquet", rows))
    assert [(d.id, [s.id for s in d.sentences]) for d in corpus.documents] == [
        ("7", ["x", "y"]),
        ("8", ["z"]),
    ]
    spans = [sentence.spans for sentence in corpus.sentences]
    assert spans == [(Span(0, 1, "LOC"), Span(1, 2, "LOC")), (Span(0, 1, "PER"),), None]


def test_no_tags_no_labels(tmp_path: Path) -> None:
    """Without a column of tags nobody has labelled the sentences."""
    corpus = read_corpus(bare(tmp_path / "a.parquet", {"tokens": [["Rain"]]}))
    assert [sentence.spans for sentence in corpus.sentences] == [None]


def test_a_folder_of_shards(tmp_path: Path) -> None:
    """The shards of one split are one corpus, numbered through; it streams as it reads."""
    for number in (1, 0):
        rows = {**ROWS, "tokens": [[f"{word}{number}" for word in row] for row in ROWS["tokens"]]}  # type: ignore[attr-defined]
        write(tmp_path / f"train-0000{number}-of-00002.parquet", rows)
    corpus = read_corpus(tmp_path)
    assert [(s.id, s.tokens[0]) for s in corpus.sentences] == [
        ("0", "Ada0"),
        ("1", "Rain0"),
        ("2", "Ada1"),
        ("3", "Rain1"),
    ]
    passes = stream_corpus(tmp_path)
    assert [one for _, one in passes()] == [one for _, one in passes()] == list(corpus.sentences)


def test_splits_are_not_mixed(tmp_path: Path) -> None:
    """A folder with train and test is no corpus: the error names the splits."""
    for split in ("train", "test"):
        write(tmp_path / f"{split}.parquet", ROWS)
    with pytest.raises(CorpusError, match=r"several splits: test, train.*Name one of its files"):
        read_corpus(tmp_path)


def test_parquet_beside_prose_is_unclear(tmp_path: Path) -> None:
    """A folder with parquet and text asks which is meant."""
    write(tmp_path / "train.parquet", ROWS)
    (tmp_path / "a.txt").write_text("Ada won.", encoding="utf-8")
    with pytest.raises(ConfigError, match="--format"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"words": [["Ada"]]}, r"no column tokens; there are words"),
        ({"tokens": ["Ada won"]}, r"column tokens holds string, not lists of words"),
        ({"tokens": [["Ada"]], "ner_tags": [[1.5]]}, r"column ner_tags holds list<.*double>"),
        ({"tokens": [["Ada"]], "ner_tags": [[1]]}, r"column ner_tags .* does not name"),
        ({"tokens": [["Ada"]], "tags": [["PER"]]}, r"row 0, column tags: 'PER' is not a tag"),
        ({"tokens": [["a"], ["b"]], "tags": [["O"], ["O", "O"]]}, r"row 1, .*: 2 tags for 1 tok"),
        ({"tokens": [["a"], []]}, r"row 1, column tokens: no word"),
        ({"tokens": [["a", None]]}, r"row 0, column tokens: no word"),
        ({"tokens": [["a"], ["b"]], "id": ["x", "x"]}, r"row 1, column id: the id 'x' stands in"),
        (
            {"tokens": [["a"], ["b", "c"]], "tags": [["B-X"], ["O", "I-X"]]},
            r"row 1, column tags: I-X opens an entity, but so does B-X .*row 0",
        ),
        ({"tokens": [["a", "b"]], "tags": [["S-X", "I-X"]]}, r"row 0, .* cannot follow S-X"),
        ({"tokens": pa.array([], pa.list_(pa.string()))}, r"is empty"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_column(
    tmp_path: Path, rows: dict[str, object], words: str
) -> None:
    """Each mistake is one line that names the file, the row and the column."""
    path = bare(tmp_path / "a.parquet", rows)
    with pytest.raises(CorpusError, match=words) as caught:
        read_corpus(path)
    assert str(path) in caught.value.message


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    """-1, which some datasets write where the gold is kept back, is no label."""
    path = write(tmp_path / "a.parquet", {"tokens": [["Ada"]], "ner_tags": [[-1]]})
    with pytest.raises(CorpusError, match=r"row 0, column ner_tags: -1 is none of the 5 classes"):
        read_corpus(path)


@pytest.mark.parametrize("kept", [0, 40, -20])
def test_a_damaged_file(tmp_path: Path, kept: int) -> None:
    """A file that was cut off is told as such."""
    path = write(tmp_path / "a.parquet", ROWS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CorpusError, match=r"a\.parquet: no parquet file"):
        read_corpus(path)

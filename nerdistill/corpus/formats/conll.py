"""CoNLL columns: a word a line, its tag in one of the columns, a blank line between sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from nerdistill.corpus.formats.files import read_text, write_text
from nerdistill.corpus.formats.scheme import scheme_of
from nerdistill.errors import CorpusError
from nerdistill.labels import spans_to_tags, split_tag, tags_to_spans
from nerdistill.types import Corpus, Document, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.labels import Scheme

DOCUMENT_MARK = "-DOCSTART-"

# Lines such as `. . O O` and tags such as `O B-PER I-PER O` come again and again.
_spans = lru_cache(maxsize=1 << 14)(tags_to_spans)


@dataclass(frozen=True, slots=True)
class _Block:
    """A sentence as it stands in the file, or a document mark where there are no words."""

    line: int
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@lru_cache(maxsize=1 << 16)
def columns(line: str) -> tuple[str, ...]:
    """A line's cells: cut at tabs where it has one, else at runs of spaces."""
    if "\t" in line:
        return tuple(line.split("\t"))
    return tuple(filter(None, line.split(" ")))


def read(path: Path, *, tag_column: int) -> Corpus:
    """Read a file of columns, the word in the first.

    IOB1, IOB2 and BIOES are told apart by the tags. Documents end at -DOCSTART-; in a file without
    it each sentence is a document of its own. Ids are `document.sentence` and `document`, from 0.
    A file of one column has no labels: spans are None.

    Raises:
        CorpusError: naming the line.
    """
    blocks = list(_blocks(path, tag_column))
    if not any(block.words for block in blocks):
        raise CorpusError(f"{path}: no sentence between the document marks", "Is the file whole?")
    scheme = _scheme(path, blocks)
    marked = any(not block.words for block in blocks)
    documents: list[Document] = []
    sentences: list[Sentence] = []
    for block in blocks:
        if sentences and (not block.words or not marked):
            documents.append(Document(str(len(documents)), tuple(sentences)))
            sentences = []
        if block.words:
            sentences.append(_sentence(path, block, f"{len(documents)}.{len(sentences)}", scheme))
    if sentences:
        documents.append(Document(str(len(documents)), tuple(sentences)))
    return Corpus(tuple(documents))


def _blocks(path: Path, tag_column: int) -> Iterator[_Block]:
    width = 0
    known_tags = {"O"}
    for first, lines in _groups(path):
        if not lines:
            yield _Block(first)
            continue
        rows = [columns(line) for line in lines]
        if {*map(len, rows)} != {width}:
            width = _checked_width(path, first, rows, width, tag_column)
        cells = tuple(zip(*rows, strict=True))
        if "" in cells[0]:
            number = first + cells[0].index("")
            raise CorpusError(f"{path}:{number}: no word in the first column", "Put one there.")
        tags = cells[tag_column] if width > 1 else ()
        if not known_tags.issuperset(tags):
            for number, tag in enumerate(tags, start=first):
                _check_tag(f"{path}:{number}", tag)
            known_tags.update(tags)
        yield _Block(first, cells[0], tags)


def _groups(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each sentence's first line number and its lines; a document mark has no lines."""
    group: list[str] = []
    for number, line in enumerate(f"{read_text(path)}\n".replace("\r\n", "\n").split("\n"), 1):
        is_mark = line.startswith(DOCUMENT_MARK)
        if line.strip(" \t") and not is_mark:
            group.append(line)
            continue
        if group:
            yield number - len(group), group
            group = []
        if is_mark:
            yield number, group


def _checked_width(
    path: Path, first: int, rows: list[tuple[str, ...]], before: int, tag_column: int
) -> int:
    """The number of columns, where it is new; `before` is 0 at the first sentence."""
    width = before or len(rows[0])
    for number, row in enumerate(rows, start=first):
        if len(row) != width:
            raise CorpusError(
                f"{path}:{number}: {len(row)} column{'s' * (len(row) != 1)} where the lines "
                f"before have {width}",
                "Give each word's line the same columns, and put a blank line between sentences.",
            )
    position = tag_column if tag_column >= 0 else width + tag_column
    if width > 1 and not 0 < position < width:
        raise CorpusError(
            f"{path}:{first}: there is no tag in column {tag_column} of {width}",
            f"Name one with --tag-column, 1 to {width - 1}; the word is in column 0.",
        )
    return width


def _check_tag(place: str, tag: str) -> None:
    try:
        split_tag(tag)
    except ValueError as error:
        raise CorpusError(
            f"{place}: {error}", "Mend the tag, or name the tags' column with --tag-column."
        ) from error


def _scheme(path: Path, blocks: list[_Block]) -> Scheme:
    """The scheme of a file."""
    labelled = [block for block in blocks if set(block.tags) - {"O"}]
    return scheme_of(lambda: ((one.tags, partial(_place, path, one)) for one in labelled))


def _place(path: Path, block: _Block, position: int) -> str:
    return f"{path}:{block.line + position}"


def _sentence(path: Path, block: _Block, name: str, scheme: Scheme) -> Sentence:
    if not block.tags:
        return Sentence(name, block.words)
    try:
        spans = () if set(block.tags) == {"O"} else _spans(block.tags, scheme)
    except ValueError as error:
        raise CorpusError(
            f"{path}:{block.line}: in the sentence that starts here, {error}",
            "Mend the tags: B- I- E- for an entity of several words, S- for one of one word.",
        ) from error
    return Sentence(name, block.words, spans=spans)


def write(corpus: Corpus, path: Path, *, tag_scheme: Scheme) -> None:
    """Write words and, where the sentences have labels, tags; the columns are cut by tabs.

    Raw text, ids and weights have no place in columns. Document marks are left out where each
    document is one sentence.

    Raises:
        CorpusError: a word that columns cannot hold, or sentences with and without labels.
    """
    labelled = {sentence.spans is not None for sentence in corpus.sentences}
    if len(labelled) > 1:
        raise CorpusError(
            f"{path}: some sentences have labels and others none, which columns cannot say",
            "Write it as JSONL.",
        )
    marked = any(len(document.sentences) != 1 for document in corpus.documents)
    mark = "\t".join([DOCUMENT_MARK, *["O"] * (True in labelled)])
    parts = [
        "\n".join(
            ([mark, ""] if marked else [])
            + [_lines(one, path, tag_scheme) for one in document.sentences]
        )
        for document in corpus.documents
    ]
    write_text(path, "\n".join(parts))


def _lines(sentence: Sentence, path: Path, scheme: Scheme) -> str:
    labels = [span.label for span in sentence.spans or ()]
    for cell in (*sentence.tokens, *labels):
        # Without a tag behind it, a space or a final CR would be read as the line's own.
        bare = sentence.spans is None and (" " in cell or cell.endswith("\r"))
        if bare or not cell or "\t" in cell or "\n" in cell or cell.startswith(DOCUMENT_MARK):
            raise CorpusError(
                f"{path}: sentence {sentence.id}: columns cannot hold {cell!r}",
                "Write it as JSONL.",
            )
    if sentence.spans is None:
        return "".join(f"{word}\n" for word in sentence.tokens)
    tags = spans_to_tags(sentence.spans, len(sentence.tokens), scheme)
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence.tokens, tags, strict=True))

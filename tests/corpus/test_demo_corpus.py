"""The demo corpus is what its README says."""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from nerdistill import assets
from nerdistill.corpus import segment
from nerdistill.corpus.audit import near_duplicates
from nerdistill.corpus.formats import read_corpus
from nerdistill.corpus.stats import stats_of

if TYPE_CHECKING:
    from nerdistill.types import Corpus

DEMO = assets.home() / "offline_assets" / "demo"
PARTS = ("original-train", "unlabelled-gold", "validation", "test")


def part(name: str) -> Corpus:
    """One of its files."""
    return read_corpus(DEMO / f"{name}.jsonl")


@pytest.mark.parametrize("name", [*PARTS, "unlabelled"])
def test_readme_counts(name: str) -> None:
    """The README's table holds for every file."""
    counted = stats_of(part(name))
    rows = (DEMO / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in rows if line.startswith(f"| `{name}.jsonl` |")]
    cells = [cell.strip().replace(",", "") for cell in row.split("|")[3:-1]]
    labels = list(counted.entities.values())
    gold = [counted.empty, counted.tokens, sum(labels), *labels]
    if name == "unlabelled":
        assert (counted.labelled, counted.tokens) == (0, int(cells[3]))
        gold = []
    assert [counted.documents, counted.sentences] == [int(cell) for cell in cells[:2]]
    assert not gold or gold == [int(cell) for cell in cells[2:]]


def test_parts_share_no_article_and_no_sentence() -> None:
    """Splits are by article, and nothing repeats across them."""
    for left, right in combinations(map(part, PARTS), 2):
        assert not {d.id for d in left.documents} & {d.id for d in right.documents}
        assert not near_duplicates(left, right, threshold=0.6)


def test_gold_kept_aside_belongs_to_the_same_words() -> None:
    """The unlabelled sentences, their gold and the cutter agree on the words."""
    bare, gold = list(part("unlabelled").sentences), list(part("unlabelled-gold").sentences)
    assert [(s.id, s.raw, s.tokens) for s in bare] == [(s.id, s.raw, s.tokens) for s in gold]
    for sentence in bare:
        cut = segment.words(sentence.text)
        assert sentence.tokens == tuple(sentence.text[start:end] for start, end in cut)


def test_every_unlabelled_sentence_has_its_reply() -> None:
    """Replay can answer for each sentence, and the replies are as good as the README says."""
    lines = (DEMO / "replies.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    gold = list(part("unlabelled-gold").sentences)
    assert [(r["id"], r["text"]) for r in records] == [(s.id, s.text) for s in gold]
    right = told = known = 0
    for record, sentence in zip(records, gold, strict=True):
        wanted = [(span.label, sentence.surface(span)) for span in sentence.spans or ()]
        given = [(one["label"], one["text"]) for one in json.loads(record["reply"])["entities"]]
        known, told = known + len(wanted), told + len(given)
        for mention in given:
            if mention in wanted:
                wanted.remove(mention)
                right += 1
    assert f"F1 {200 * right / (told + known):.1f}" in (DEMO / "README.md").read_text("utf-8")

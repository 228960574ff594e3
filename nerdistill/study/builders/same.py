"""Whether a corpus with other gold labels holds the sentences of test."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.types import Corpus


def check_same(corpus: Corpus, source: Path, test: Corpus, test_source: Path) -> None:
    """Refuse a corpus that has other sentences than test, or no labels.

    Args:
        corpus: other gold labels of test.
        source: the file that it was read from.
        test: the corpus that students are scored on.
        test_source: likewise.

    Raises:
        ConfigError: naming both files and the first sentence that differs.
    """
    hint = "test.also takes the sentences of test.corpus, word by word, with other gold labels."
    pairs = zip_longest(corpus.sentences, test.sentences)
    for number, (one, other) in enumerate(pairs, start=1):
        if one is None or other is None:
            ends, goes_on = (source, test_source) if one is None else (test_source, source)
            raise ConfigError(f"{ends} ends before sentence {number}, {goes_on} does not", hint)
        if one.tokens != other.tokens:
            raise ConfigError(
                f"sentence {number} is not the same in {source} ({one.id}) and in {test_source} "
                f"({other.id})",
                hint,
            )
        if one.spans is None:
            raise ConfigError(f"{source}: sentence {one.id} has no labels to score by", hint)

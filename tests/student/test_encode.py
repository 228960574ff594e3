"""Words to word pieces: nothing lost, whatever the length."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from nerdistill.student.encode import Encoder, Window
from tests.student_factory import tiny_tokenizer

TOKENIZER = tiny_tokenizer(["ada", "left", "borsk"])
WORDS = st.sampled_from(["Ada", "left", "Borsk", "unheard", "x" * 9, "\u200b", "é", "2-1", "."])
MINILM = Path(__file__).parents[2] / "models" / "minilm"


def scored(windows: list[Window]) -> list[int]:
    """Every word that some window scores, in order."""
    return [word for w in windows for word in range(w.first_word, w.first_word + len(w.heads))]


@given(st.lists(WORDS, min_size=1, max_size=60), st.integers(3, 24))
def test_every_word_is_scored_exactly_once(words: list[str], room: int) -> None:
    """No word is lost or scored twice, and no window is longer than the encoder's room."""
    (windows,) = Encoder(TOKENIZER, room).encode([words])
    assert scored(windows) == list(range(len(words)))
    for window in windows:
        assert len(window.pieces) <= room
        assert window.heads == tuple(sorted(set(window.heads)))
        assert all(0 < head < len(window.pieces) - 1 for head in window.heads)


def test_baked_in_truncation_is_undone() -> None:
    """The tokenizer file asks for 12 pieces, padded; the encoder has its own mind."""
    (windows,) = Encoder(TOKENIZER, 64).encode([["Ada"] * 40])
    assert len(windows) == 1
    assert len(windows[0].pieces) == 42
    (short,) = Encoder(TOKENIZER, 64).encode([["Ada"]])
    assert len(short[0].pieces) == 3


def test_heads_are_first_pieces() -> None:
    """A word in several pieces is read at the first of them."""
    ((window,),) = Encoder(TOKENIZER, 64).encode([["left", "xyz", "borsk"]])
    assert window.heads == (1, 2, 5)
    assert TOKENIZER.convert_ids_to_tokens(window.pieces[2]) == "x"


def test_words_without_letters_and_endless_words_stay() -> None:
    """A zero-width word becomes the unknown piece; a word of 5,000 letters fits."""
    (windows,) = Encoder(TOKENIZER, 16).encode([["\u200b", "y" * 5000, "Ada"]])
    assert scored(windows) == [0, 1, 2]
    assert windows[0].pieces[1] == TOKENIZER.unk_token_id


def test_windows_overlap_and_words_stand_away_from_cuts() -> None:
    """A word that two windows see is scored where it has more context."""
    (windows,) = Encoder(TOKENIZER, 18).encode([["Ada"] * 40])
    assert len(windows) > 2
    seen = sum(len(window.pieces) - 2 for window in windows)
    assert seen > 40
    assert all(window.heads[-1] < 16 for window in windows[:-1])


def test_without_windows_the_rest_is_cut_off() -> None:
    """Plain truncation scores every word that fits, and no other."""
    (windows,) = Encoder(TOKENIZER, 18).encode([["Ada"] * 40], windows=False)
    assert len(windows) == 1
    assert scored(windows) == list(range(16))


@given(st.lists(WORDS, min_size=1, max_size=60), st.integers(3, 24))
def test_windows_hold_the_sentences_own_pieces(words: list[str], room: int) -> None:
    """A head is the first piece of its own word, with the piece that the whole sentence gives."""
    ((whole,),) = Encoder(TOKENIZER, 10_000).encode([words])
    for window in Encoder(TOKENIZER, room).encode([words])[0]:
        for word, head in enumerate(window.heads, start=window.first_word):
            assert window.pieces[head] == whole.pieces[whole.heads[word]]


@given(st.integers(20, 200), st.integers(8, 40))
def test_words_are_scored_away_from_cuts(words: int, room: int) -> None:
    """Of two windows that see a word, the one that scores it has no less context than the other."""
    (windows,) = Encoder(TOKENIZER, room).encode([["Ada"] * words])
    for before, after in itertools.pairwise(windows):
        reach = before.first_word - (before.heads[0] - 1) + len(before.pieces) - 2
        start = after.first_word - (after.heads[0] - 1)
        last = before.first_word + len(before.heads) - 1
        assert reach - last >= last - start
        assert after.first_word - start >= reach - after.first_word - 1


def test_byte_level_words_are_words() -> None:
    """A RoBERTa-like tokenizer reads each word as one that follows a space."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>", "<unk>"], initial_alphabet=alphabet
    )
    backend.train_from_iterator(["Ada left Borsk"] * 20, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        unk_token="<unk>",  # noqa: S106 - no password
    )
    ((window,),) = Encoder(tokenizer, 64).encode([["Ada", "left", "Borsk"]])
    pieces = tokenizer.convert_ids_to_tokens(list(window.pieces))
    assert [pieces[head][0] for head in window.heads] == ["Ġ"] * 3
    assert (pieces[0], pieces[-1]) == ("<s>", "</s>")


@pytest.fixture(scope="module")
def minilm() -> PreTrainedTokenizerBase:
    """The tokenizer of the real student."""
    if not (MINILM / "tokenizer.json").is_file():
        pytest.skip("models/minilm is not there: run scripts/setup")
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(MINILM)
    return tokenizer


@pytest.mark.student
def test_the_real_student_loses_nothing(minilm: PreTrainedTokenizerBase) -> None:
    """MiniLM's own file truncates at 128 pieces; a sentence of 300 words is read whole."""
    words = [f"Borsk{i}" for i in range(300)]
    (windows,) = Encoder(minilm, 512).encode([words])
    assert len(windows) > 1
    assert scored(windows) == list(range(300))


@pytest.mark.student
def test_pieces_are_those_of_transformers(minilm: PreTrainedTokenizerBase) -> None:
    """On a plain sentence we cut words exactly as the library does."""
    words = [
        "Ms",
        "Ögren-Ada",
        "(",
        "62",
        ")",
        "left",
        "Borsk's",
        "北京",
        "office",
        ",",
        "didn't",
        "she",
        "?",
    ]
    ((window,),) = Encoder(minilm, 512).encode([words])
    theirs = minilm(words, is_split_into_words=True, truncation=False, padding=False)
    assert list(window.pieces) == theirs["input_ids"]
    assert list(window.heads) == [
        theirs.word_ids().index(position) for position in range(len(words))
    ]

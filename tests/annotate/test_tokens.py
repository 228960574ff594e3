"""Counting the tokens of prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.protocol import Sampling
from nerdistill.annotate.tokens import ESTIMATE, load_counter, tokens_of
from nerdistill.errors import AssetError, ConfigError
from tests.annotate.samples import ADA, RAIN, requests_for

if TYPE_CHECKING:
    from pathlib import Path

SIMPLE = """{% for m in messages %}<{{ m.role }}> {{ m.content }}
{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}{% if loud %} LOUD{% endif %}"""
STRICT = "{{ raise_exception('System role not supported') }}"


def save_tokenizer(folder: Path, template: str | None) -> Path:
    """Write a tokenizer that makes a token of each word or sign, and cuts at three by default."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - no password
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.enable_truncation(3)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)  # type: ignore[no-untyped-call]
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def words(text: str) -> int:
    """Words and runs of signs, as the tokenizer sees them."""
    import re

    return len(re.findall(r"\w+|[^\w\s]+", text))


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("東京都", 3), ("\ud800", 1)]
)
def test_estimate_is_a_quarter_of_the_bytes(text: str, tokens: int) -> None:
    """Bytes rather than characters, so that Chinese is not underrated; nothing crashes it."""
    assert tokens_of(text) == tokens


def test_estimate_adds_what_stands_around_a_message() -> None:
    """The estimate of a prompt is that of its messages, and some tokens for each."""
    (request,) = requests_for(ADA)
    contents = [tokens_of(message.content) for message in request.messages]
    assert ESTIMATE.count([request]) == [sum(contents) + 8]


def test_tokenizer_with_its_chat_template(tmp_path: Path) -> None:
    """The model's own tokenizer counts the whole prompt, template and the cue to answer too."""
    counter = load_counter(save_tokenizer(tmp_path, SIMPLE))
    requests = requests_for(ADA, RAIN)
    shown = [
        "".join(f"<{m.role}> {m.content}\n" for m in one.messages) + "<assistant>"
        for one in requests
    ]
    assert counter.exact
    assert counter.count(requests) == [words(text) for text in shown]
    assert counter.count([]) == []


def test_half_a_character_is_counted(tmp_path: Path) -> None:
    """A lone surrogate in the corpus stops no plan."""
    counter = load_counter(save_tokenizer(tmp_path, SIMPLE))
    odd, even = requests_for(replace(RAIN, tokens=("\ud800",)), replace(RAIN, tokens=("?",)))
    assert counter.count([odd]) == counter.count([even])


def test_settings_of_the_template_count(tmp_path: Path) -> None:
    """What the run hands to the server's chat template, it hands to this one."""
    counter = load_counter(save_tokenizer(tmp_path, SIMPLE))
    (plain,) = requests_for(ADA)
    loud = replace(plain, sampling=Sampling(extra='{"chat_template_kwargs":{"loud":true}}'))
    assert counter.count([loud])[0] == counter.count([plain])[0] + 1


def test_without_a_template_the_contents_count(tmp_path: Path) -> None:
    """A base model has no template: its prompt is the text."""
    counter = load_counter(save_tokenizer(tmp_path, None))
    (request,) = requests_for(ADA)
    assert counter.count([request]) == [sum(words(m.content) for m in request.messages)]


def test_template_that_refuses_is_told(tmp_path: Path) -> None:
    """A prompt that the server would refuse a million times is refused before the run."""
    counter = load_counter(save_tokenizer(tmp_path, STRICT))
    with pytest.raises(ConfigError, match="System role not supported"):
        counter.count(requests_for(ADA))


def test_folder_without_a_tokenizer_is_estimated(tmp_path: Path) -> None:
    """No folder, or one without a tokenizer: an estimate that says it is one."""
    assert load_counter() is ESTIMATE
    assert load_counter(tmp_path) is ESTIMATE
    assert not ESTIMATE.exact


def test_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    """A tokenizer that cannot be read is an error, not an estimate."""
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(AssetError, match="tokenizer cannot be read"):
        load_counter(tmp_path)

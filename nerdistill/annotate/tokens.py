"""How many tokens a prompt has: by the model's own tokenizer, else an estimate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from nerdistill.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import transformers

    from nerdistill.annotate.protocol import Request

BYTES_PER_TOKEN = 4
"""Of UTF-8. For English that is four characters a token, the rule of thumb that OpenAI gives; a
Chinese character has three bytes and counts as three quarters of a token."""
TOKENS_PER_MESSAGE = 4
"""What a chat format puts around a message."""
_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts prompts.

    Attributes:
        exact: by the model's tokenizer; else estimated.
        count: the tokens of each request's prompt; the requests share their sampling. Raises
            ConfigError where the model's chat template refuses the prompt.
    """

    exact: bool
    count: Callable[[Sequence[Request]], list[int]]


def load_counter(folder: Path | None = None) -> TokenCounter:
    """The counter of a model folder, chat template included; an estimate without a tokenizer.

    Raises:
        AssetError: the folder's tokenizer cannot be read.
    """
    if folder is None or not any((folder / name).is_file() for name in _FILES):
        return ESTIMATE
    import transformers

    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        # Without trust_remote_code=False, transformers offers to run the folder's own Python.
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the libraries' parsers raise what they like
        raise AssetError(
            f"{folder}: its tokenizer cannot be read: {error}",
            "Copy the model folder again, whole, or leave it out to have tokens estimated.",
        ) from error

    def count(requests: Sequence[Request]) -> list[int]:
        if not requests:
            return []
        # A tokenizer takes no lone surrogates, which a corpus may hold.
        texts = [
            text.encode("utf-8", "replace").decode()
            for text in _render(tokenizer, requests, folder)
        ]
        # The template has put the special tokens into the text; some tokenizers cut by default.
        found = tokenizer(texts, add_special_tokens=False, truncation=False, padding=False)
        return [len(ids) for ids in cast("list[list[int]]", found["input_ids"])]

    return TokenCounter(exact=True, count=count)


def estimate(requests: Sequence[Request]) -> list[int]:
    """About how many tokens each prompt has, from its bytes."""
    return [
        sum(tokens_of(message.content) + TOKENS_PER_MESSAGE for message in request.messages)
        for request in requests
    ]


def tokens_of(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


ESTIMATE = TokenCounter(exact=False, count=estimate)


def _render(
    tokenizer: transformers.PreTrainedTokenizerBase, requests: Sequence[Request], folder: Path
) -> list[str]:
    """The prompts as the model reads them."""
    chats = [
        [{"role": message.role, "content": message.content} for message in request.messages]
        for request in requests
    ]
    if tokenizer.chat_template is None:
        return ["\n".join(turn["content"] for turn in chat) for chat in chats]
    extra = json.loads(requests[0].sampling.extra)
    settings = extra.get("chat_template_kwargs", {})
    from jinja2 import TemplateError

    try:
        return [
            str(
                tokenizer.apply_chat_template(
                    chat, tokenize=False, add_generation_prompt=True, **settings
                )
            )
            for chat in chats
        ]
    except (TemplateError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{folder}: the model's chat template refuses the prompt: {error}",
            "A server will refuse it too: some models know no system message, or want turns to "
            "alternate. Choose another prompt, or another chat template.",
        ) from error

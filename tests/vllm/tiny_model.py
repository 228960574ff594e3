"""A tiny causal language model with random weights, a tokenizer and a chat template."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CORPUS = Path(__file__).parents[2] / "offline_assets" / "demo" / "unlabelled.jsonl"
PAD, START, END = "<pad>", "<|im_start|>", "<|im_end|>"
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    "{% if greeting is defined %}{{ greeting }}{% endif %}"
)
QUOTE = 4
"""The token `"`: after the special tokens, bytes are in the order of their numbers."""
ROOM = 4096
"""Tokens of prompt and reply together."""


def save_tiny_model(folder: Path, *, chat: bool = True) -> Path:
    """Write a two-layer Llama of 64 dimensions with a byte-level BPE tokenizer; the folder."""
    tokenizer = _tokenizer()
    if chat:
        tokenizer.chat_template = CHAT
    vocabulary = tokenizer.get_vocab()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=128,
        max_position_embeddings=ROOM,
        bos_token_id=vocabulary[START],
        eos_token_id=vocabulary[END],
        pad_token_id=vocabulary[PAD],
    )
    model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    texts = [" ".join(json.loads(line)["tokens"]) for line in lines]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend, pad_token=PAD, eos_token=END
    )


if __name__ == "__main__":
    save_tiny_model(Path(sys.argv[1]))

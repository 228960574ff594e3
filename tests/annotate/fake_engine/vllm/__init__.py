"""Stands in for vLLM: answers with what it was asked, and goes wrong on request.

A model whose config.json says `fails` does not load. A question whose last message says `too long`
is refused; one that says `die` ends the process in the middle of its batch.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from tests.annotate.fake_engine.vllm.sampling_params import StructuredOutputsParams

Told = dict[str, Any]


@dataclass
class EngineArgs:
    """The arguments of an engine."""

    model: str
    max_model_len: str

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
        """Take what every caller gives."""
        for name in ("model", "max-model-len", "served-model-name", "generation-config"):
            parser.add_argument(f"--{name}")
        parser.add_argument("--structured-outputs-config")
        parser.add_argument("--enable-prefix-caching", action="store_true")
        return parser

    @classmethod
    def from_cli_args(cls, found: argparse.Namespace) -> EngineArgs:
        """Only what counts here."""
        return cls(found.model, found.max_model_len)


class SamplingParams:
    """How a reply is drawn."""

    def __init__(
        self,
        *,
        temperature: float,
        top_p: float,
        max_tokens: int,
        seed: int | None,
        logprobs: int | None,
        structured_outputs: StructuredOutputsParams | None = None,
        top_k: int = 0,
    ) -> None:
        self.told = {
            "temperature": temperature,
            "top_p": top_p,
            "max_tokens": max_tokens,
            "seed": seed,
            "shape": None if structured_outputs is None else structured_outputs.told,
            "top_k": top_k,
        }
        self.logprobs = logprobs

    @classmethod
    def from_optional(cls, **fields: Any) -> SamplingParams:  # noqa: ANN401 - checked by the call
        """As vLLM names it."""
        return cls(**fields)


class LLM:
    """Loads at once, and repeats what it was asked."""

    def __init__(self, arguments: EngineArgs) -> None:
        # What vLLM says goes where it likes.
        sys.stdout.write("INFO loading\n")
        sys.stdout.flush()
        config = json.loads((Path(arguments.model) / "config.json").read_text())
        if "fails" in config:
            raise RuntimeError(config["fails"])
        self.length = arguments.max_model_len
        self.waiting: list[tuple[Told, SamplingParams]] = []

    @classmethod
    def from_engine_args(cls, arguments: EngineArgs) -> LLM:
        """As vLLM names it."""
        return cls(arguments)

    def enqueue_chat(
        self,
        messages: list[list[dict[str, str]]],
        sampling_params: list[SamplingParams],
        *,
        use_tqdm: bool,
        chat_template: str | None,
        chat_template_kwargs: Told | None,
    ) -> None:
        """Take one question."""
        from vllm.exceptions import VLLMValidationError

        (conversation,), (sampling,) = messages, sampling_params
        text = conversation[-1]["content"]
        if text == "too long":
            raise VLLMValidationError("longer than the maximum")
        told = {
            "asked": text,
            "roles": [message["role"] for message in conversation],
            "chat": [use_tqdm, chat_template, chat_template_kwargs],
            "length": self.length,
            "process": os.getpid(),
            **sampling.told,
        }
        self.waiting.append((told, sampling))

    def wait_for_completion(self, *, use_tqdm: bool) -> list[SimpleNamespace]:
        """The replies, in order."""
        taken, self.waiting = self.waiting, []
        if use_tqdm or any(told["asked"] == "die" for told, _ in taken):
            sys.stderr.write("torch.OutOfMemoryError: CUDA out of memory.\n")
            sys.stderr.flush()
            os._exit(7)
        return [_output(told, sampling) for told, sampling in taken]


def _output(told: Told, sampling: SamplingParams) -> SimpleNamespace:
    finish = {"cut": "length", "lost": "abort"}.get(told["asked"], "stop")
    tokens = {5: SimpleNamespace(logprob=-0.5, decoded_token="a")}  # noqa: S106 - no password
    lowest = {6: SimpleNamespace(logprob=float("-inf"), decoded_token=None)}
    written = SimpleNamespace(
        text=json.dumps(told),
        finish_reason=finish,
        token_ids=[5, 6],
        logprobs=None if sampling.logprobs is None else [tokens, lowest],
    )
    return SimpleNamespace(outputs=[written], prompt_token_ids=[1, 2, 3], num_cached_tokens=2)

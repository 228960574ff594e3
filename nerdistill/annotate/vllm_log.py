"""What a log of vLLM says about why it ended, and what can be done about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from nerdistill.errors import printable

if TYPE_CHECKING:
    from pathlib import Path

READ = 256 * 1024
"""Bytes at the end of a log that are looked at."""
LINES = 15
"""Lines at the end of a log that are shown."""
LONGEST = 300


class Diagnosis(NamedTuple):
    """Why it ended, and the remedy."""

    cause: str
    remedy: str


_KNOWN: tuple[tuple[tuple[str, ...], Diagnosis], ...] = (
    (
        (r"No module named '?vllm'?(?![\w.])",),
        Diagnosis(
            "vLLM is not installed there",
            "Install nerdistill's extra `vllm`, or name the Python of an environment that holds "
            "vLLM with --vllm-python.",
        ),
    ),
    (
        (r"unrecognized arguments: ", r"error: argument "),
        Diagnosis("vLLM refuses an argument", "Correct what --vllm-argument passes on."),
    ),
    (
        (r"[Aa]ddress already in use",),
        Diagnosis("the port is in use", "Name another with --port, or none to take a free one."),
    ),
    (
        (
            r"larger than the available KV cache memory",
            r"larger than the maximum number of tokens",
            r"No available memory for the cache blocks",
        ),
        Diagnosis(
            "the memory has no room for prompts beside the model",
            "Shorten prompts with --max-model-len, share the model between GPUs with --gpus, or "
            "allow more with --vllm-argument=--gpu-memory-utilization=0.95.",
        ),
    ),
    (
        (r"(Free|Available) memory on .* is less than ",),
        Diagnosis(
            "another process uses the memory",
            "End that process (nvidia-smi names it), or take less with "
            "--vllm-argument=--gpu-memory-utilization=0.5.",
        ),
    ),
    (
        (r"OutOfMemoryError", r"CUDA out of memory", r"bad_alloc", r"Cannot allocate memory"),
        Diagnosis(
            "out of memory",
            "Name a smaller or a quantized model, shorten prompts with --max-model-len, or share "
            "the model between GPUs with --gpus.",
        ),
    ),
    (
        (r"is greater than the derived max_model_len",),
        Diagnosis("the model cannot read prompts that long", "Name a smaller --max-model-len."),
    ),
    (
        (
            r"Model architectures .* (are not supported|failed to be inspected)",
            r"Model architecture .* (is not supported|was supported)",
            r"does not recognize this architecture",
        ),
        Diagnosis(
            "this vLLM does not support the model's architecture",
            "Name another model, or the Python of a newer vLLM with --vllm-python.",
        ),
    ),
    (
        (r"chat template is no longer allowed", r"must provide a chat template"),
        Diagnosis(
            "the model has no chat template",
            "Name the instruction-tuned model, or a template with "
            "--vllm-argument=--chat-template=FILE.",
        ),
    ),
    (
        (r"SafetensorError", r"Error while deserializing"),
        Diagnosis(
            "the model's weights are damaged or incomplete", "Copy the model's folder again."
        ),
    ),
    (
        (
            r"LocalEntryNotFoundError",
            r"OfflineModeIsEnabled",
            r"outgoing traffic has been disabled",
        ),
        Diagnosis(
            "vLLM wanted to download a file that the model's folder lacks",
            "Copy the whole folder of the model, its tokenizer included.",
        ),
    ),
    (
        (r"CPU Generator does not use offset",),
        Diagnosis(
            "vLLM on a CPU cannot draw with a seed while it takes a prompt in parts",
            "Let it take whole prompts with --vllm-argument=--max-num-batched-tokens=32768, or ask "
            "without a seed.",
        ),
    ),
    (
        (r"[Cc]an't load tokenizer", r"[Cc]ouldn't instantiate the backend tokenizer"),
        Diagnosis(
            "the model's folder holds no tokenizer that vLLM can read",
            "Copy tokenizer.json and tokenizer_config.json into it.",
        ),
    ),
)
"""Patterns, any of which tells: a cause, the likelier first."""

_ERROR = re.compile(r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception)\b: .+)")
_FOLLOWS = "Engine core initialization failed"


def diagnose(log: Path, code: int | None = None) -> Diagnosis:
    """Why vLLM ended.

    Args:
        log: its output.
        code: its exit code where it has ended; a negative one is the signal that ended it.
    """
    text = _end(log)
    for patterns, known in _KNOWN:
        for pattern in patterns:
            if found := re.search(rf"^.*(?:{pattern}).*$", text, re.MULTILINE):
                return Diagnosis(f"{known.cause} ({_words(found[0])})", known.remedy)
    errors = [found[1] for line in text.splitlines() if (found := _ERROR.search(line))]
    told = [error for error in errors if _FOLLOWS not in error] or errors
    if told:
        return Diagnosis(_short(told[-1]), "The log tells more.")
    if code in {-9, 137}:
        return Diagnosis(
            "the system killed it, most likely for want of memory",
            "Name a smaller or a quantized model, or free memory.",
        )
    return Diagnosis("it does not say why", "The log may tell more.")


def last_lines(log: Path, count: int = LINES) -> list[str]:
    """The last lines of a log, fit for a terminal."""
    lines = [line.rstrip() for line in _end(log).splitlines()]
    return [_short(line) for line in lines if line][-count:]


def _words(line: str) -> str:
    """What a line of the log says, without who says it and when."""
    error = _ERROR.search(line)
    return _short(error[1] if error else line)


def _end(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - READ))
        return stream.read().decode(errors="replace")


def _short(line: str) -> str:
    shown = printable(line)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"

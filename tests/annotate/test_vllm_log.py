"""What logs of vLLM say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.vllm_log import diagnose, last_lines

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "(EngineCore pid=9045) ERROR 11-23 18:31:02 [core.py:1108] "


@pytest.mark.parametrize(
    ("line", "cause", "remedy"),
    [
        (
            "python3: Error while finding module specification (No module named 'vllm')",
            "not installed",
            "--vllm-python",
        ),
        ("OSError: [Errno 98] Address already in use", "port", "--port"),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.16 GiB.",
            "out of memory",
            "--gpus",
        ),
        (
            "ValueError: 16.0 GiB is needed, larger than the available KV cache memory (2.1 GiB)",
            "no room for prompts",
            "--max-model-len",
        ),
        (
            "ValueError: Free memory on device cuda:0 (3.1/79.1 GiB) is less than desired",
            "another process",
            "nvidia-smi",
        ),
        (
            "ValueError: Model architectures ['FooForCausalLM'] are not supported for now.",
            "does not support",
            "another model",
        ),
        (
            "ValueError: As of transformers v4.44, default chat template is no longer allowed",
            "no chat template",
            "--chat-template",
        ),
        ("api_server.py: error: unrecognized arguments: --foo", "--foo", "--vllm-argument"),
        (
            "safetensors_rust.SafetensorError: Error while deserializing header",
            "damaged",
            "Copy the model's folder again",
        ),
    ],
)
def test_known_causes(tmp_path: Path, line: str, cause: str, remedy: str) -> None:
    """Each is told with its remedy, whatever vLLM says after it."""
    log = tmp_path / "log"
    log.write_text(
        f"INFO loading\n{PREFIX}{line}\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    found = diagnose(log, 1)
    assert cause in found.cause
    assert remedy in found.remedy


def test_an_unknown_cause_is_told_in_its_own_words(tmp_path: Path) -> None:
    """The last error that is not only a consequence of another."""
    log = tmp_path / "log"
    log.write_text(
        f"{PREFIX}ValueError: first\n{PREFIX}KeyError: 'rope_type'\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert diagnose(log, 1).cause == "KeyError: 'rope_type'"


def test_what_is_said_in_passing_is_no_cause(tmp_path: Path) -> None:
    """A healthy server's words about templates and modules are not its reason to end."""
    log = tmp_path / "log"
    log.write_text(
        "INFO Detected the chat template content format to be 'string'.\n"
        "WARNING No module named 'vllm._C'\n"
    )
    assert diagnose(log, 0).cause == "it does not say why"
    assert "want of memory" in diagnose(log, -9).cause


def test_last_lines_are_fit_for_a_terminal(tmp_path: Path) -> None:
    """The newest lines alone, without empty ones; what commands a terminal is escaped."""
    log = tmp_path / "log"
    log.write_bytes(b"old\n" * 400_000 + b"\n\x1b[31mred\xff\n\n" + b"x" * 9000 + b"\n")
    shown = last_lines(log, 2)
    assert shown[0] == "\\x1b[31mred\N{REPLACEMENT CHARACTER}"
    assert len(shown[1]) < 400

"""The command starts at once: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "datasets", "matplotlib", "sklearn", "scipy", "vllm", "numpy"]


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["study", "run", "--help"],
        ["study", "status", "--help"],
        ["study", "compare", "--help"],
        ["annotate", "run", "--help"],
        ["train", "--help"],
        ["evaluate", "--help"],
        ["predict", "--help"],
        ["assets", "list", "--help"],
        ["doctor", "--help"],
        ["corpus", "audit", "--help"],
    ],
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """Help is answered without torch and its like, and shows an example where it is asked."""
    code = (
        "import sys\nfrom nerdistill.cli.main import _run\n"
        f"code = _run({words!r})\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(code or (f'loaded: {loaded}' if loaded else 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Example" in done.stdout or words == ["--help"]

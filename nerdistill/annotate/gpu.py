"""The memory of this machine's GPUs, as nvidia-smi tells it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

from nerdistill.errors import AnnotationError

SLACK = 1024
"""MiB by which the memory in use may differ and still count as free again."""
LIMIT = 120.0
PAUSE = 0.5
QUERY = ("--query-gpu=index,uuid,memory.used", "--format=csv,noheader,nounits")


def memory_used() -> dict[str, int]:
    """MiB in use by GPU, of those that this process may use; empty without any.

    A GPU that is cut into instances tells no memory, and is left out.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            [program, *QUERY], capture_output=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    wanted = None if visible is None else [word.strip() for word in visible.split(",")]
    used: dict[str, int] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        index, uuid, memory = ([word.strip() for word in line.split(",")] + ["", "", ""])[:3]
        seen = wanted is None or any(
            word == index or (word and uuid.startswith(word)) for word in wanted
        )
        if seen and memory.isdecimal():
            used[index] = int(memory)
    return used


def wait_until_free(before: dict[str, int], limit: float = LIMIT) -> None:
    """Wait until no GPU has much more memory in use than before.

    Args:
        before: what `memory_used` said.
        limit: seconds to wait.

    Raises:
        AnnotationError: a GPU's memory is not free after that time.
    """
    ends = time.monotonic() + limit
    while before:
        now = memory_used()
        held = {gpu: now.get(gpu, 0) for gpu in before if now.get(gpu, 0) > before[gpu] + SLACK}
        if not held:
            return
        if time.monotonic() >= ends:
            told = ", ".join(
                f"GPU {gpu} has {mib:,} MiB in use, {before[gpu]:,} before"
                for gpu, mib in held.items()
            )
            raise AnnotationError(
                f"vLLM has ended, but {limit:g} s later its memory is not free: {told}",
                "nvidia-smi names the processes that hold it: end what is left of vLLM.",
            )
        time.sleep(PAUSE)

"""The GPUs of this machine, and how many processes train on each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
MOST = 4
"""Processes on a GPU: it runs them in turn, and more of them fill no gap that these leave."""
BYTES_PER_WEIGHT = 6
"""For each byte of the weights: gradient, two moments, copies and what the backward pass keeps."""
OVERHEAD = 3 << 30
"""Bytes that a process takes on a GPU beside its student: CUDA itself, and batches."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one process trains.

    Attributes:
        name: for people.
        gpu: as CUDA_VISIBLE_DEVICES names it; None: the CPU.
    """

    name: str
    gpu: str | None = None


def find_slots(student: Path, wanted: int | None = None) -> list[Slot]:
    """The slots of this machine: at least one.

    Args:
        student: the folder of the student that is trained.
        wanted: how many, spread over the GPUs; None: as many as pay.
    """
    gpus = visible_gpus()
    count = wanted or len(gpus) * per_gpu(student) or 1
    if not gpus:
        return [Slot(f"slot {number}") for number in range(count)]
    several = count > len(gpus)
    return [
        Slot(
            f"GPU {gpus[number % len(gpus)]}{f', slot {number // len(gpus)}' if several else ''}",
            gpus[number % len(gpus)],
        )
        for number in range(count)
    ]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    named = [word.strip() for word in os.environ.get(VISIBLE, "").split(",") if word.strip()]
    return named[:count] if named else [str(number) for number in range(count)]


def per_gpu(student: Path) -> int:
    """Processes that share a GPU: one where cohorts fill it, else as many as its memory holds."""
    import torch

    from nerdistill.train.memory import USABLE, stacks

    if stacks(json.loads((student / "config.json").read_text(encoding="utf-8"))):
        return 1
    weights = sum(file.stat().st_size for file in student.glob("*.safetensors"))
    # Asked of every GPU: the fullest one decides.
    frees = [torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())]
    fits = int(min(frees, default=0) * USABLE / (weights * BYTES_PER_WEIGHT + OVERHEAD))
    return max(1, min(MOST, fits))

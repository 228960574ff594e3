"""Compile a small Triton kernel, run it on the first GPU and tell what came of it.

Runs alone, in whichever environment has torch and Triton: nerdistill need not be there.
"""

import json
import sys
import time

import torch
import triton
import triton.language as tl

COUNT = 1000
MARK = "nerdistill-told: "


@triton.jit  # type: ignore[untyped-decorator]
def add_one(numbers, count, block: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D103 - Triton reads it, not Python
    place = tl.program_id(0) * block + tl.arange(0, block)
    inside = place < count
    tl.store(numbers + place, tl.load(numbers + place, mask=inside) + 1, mask=inside)


def main() -> None:
    """Add one to a thousand zeros."""
    began = time.monotonic()
    numbers = torch.zeros(COUNT, device="cuda")
    add_one[(-(-COUNT // 256),)](numbers, COUNT, block=256)
    right = bool((numbers == 1).all().item())
    told = {
        "right": right,
        "device": torch.cuda.get_device_name(0),
        "triton": triton.__version__,
        "seconds": round(time.monotonic() - began, 2),
    }
    sys.stdout.write(f"{MARK}{json.dumps(told)}\n")


if __name__ == "__main__":
    main()

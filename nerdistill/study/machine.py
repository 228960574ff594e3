"""What a stage ran on, for its record: neither the machine's name nor its user's."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.metadata import version

LIBRARIES = ("nerdistill", "torch", "transformers")
"""Whose versions a record tells: another one may find other numbers."""
GIB = 1 << 30

Facts = dict[str, str]
"""By name, as people read them."""


@cache
def versions() -> Facts:
    """Of Python and the libraries that results depend on."""
    return {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}


def machine() -> Facts:
    """The processor's cores, the memory, the system, and the GPU where this process uses one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / GIB:.0f} GiB",
        **_gpu(),
    }


def _gpu() -> Facts:
    torch = sys.modules.get("torch")
    # To ask a GPU that nothing uses would load CUDA for a stage that needs none.
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {"gpu": str(torch.cuda.get_device_name())}

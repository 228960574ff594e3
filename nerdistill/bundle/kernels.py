"""FlashInfer's compiled kernels, which vLLM uses and does not name: at exactly its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.bundle.cuda import BASE, KERNELS, locked_cuda
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nerdistill.bundle.resolve import Pin


def with_kernels(
    wanted: Sequence[str], resolve: Callable[[Sequence[str]], tuple[Pin, ...]]
) -> tuple[Pin, ...]:
    """Resolve requirements, and with them the kernels of FlashInfer that the indexes have.

    Args:
        wanted: the requirements.
        resolve: resolves some.

    Raises:
        BundleError: they can't be had.
    """
    pins = resolve(wanted)
    versions = {pin.name: pin.version for pin in pins}
    cuda = locked_cuda(versions)
    if BASE not in versions or cuda is None:
        return pins
    version = versions[BASE]
    # One holds code for GPUs alone, the other libraries for one CUDA.
    for name, local in zip(KERNELS, ("", f"+cu{cuda.replace('.', '')}"), strict=True):
        if name in versions:
            continue
        asked = [*wanted, f"{name}=={version}{local}"]
        try:
            pins, wanted = resolve(asked), asked
        except BundleError:
            # Most indexes have none, and `check_cuda` tells what is missing.
            continue
    return pins

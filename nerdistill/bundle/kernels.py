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
    # Both or neither: beside the first alone vLLM takes FlashInfer, which then compiles with nvcc.
    cubin, compiled = (f"{name}=={versions[BASE]}" for name in KERNELS)
    try:
        return resolve([*wanted, cubin, f"{compiled}+cu{cuda.replace('.', '')}"])
    except BundleError:
        # Most indexes have none, and `check_cuda` tells what is missing.
        return pins

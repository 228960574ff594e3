"""FlashInfer's kernels travel with vLLM where an index has them, at exactly its version."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.cuda import check_cuda
from nerdistill.bundle.kernels import with_kernels
from nerdistill.bundle.platform import Platform
from nerdistill.bundle.resolve import Pin, resolve
from nerdistill.bundle.target import Gpu, Target
from nerdistill.errors import BundleError
from tests.bundle.tiny_index import make_wheel
from tests.connected import Noted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bundle.tiny_index import TinyIndex

PLATFORM = Platform("x86_64", 34, (3, 11))
NATIVE = "py3-none-manylinux_2_28_x86_64"
REQUIRES = {
    "vllm 0.32.0": ["torch==2.13.0", "torchvision==0.28.0", "flashinfer-python==0.7.0.post1"],
    "torch 2.13.0": ["cuda-toolkit==13.0.3.0", "triton==3.7.1"],
    "torchvision 0.28.0": ["torch==2.13.0"],
    "cuda_toolkit 13.0.3.0": [],
    "triton 3.7.1": [],
    "flashinfer_python 0.7.0.post1": ["torch", "ninja"],
    "ninja 1.13.2": [],
}
"""What the real ones of that day ask of each other, as far as it decides."""


def server(driver: str) -> Target:
    """A server with an H200."""
    gpu = Gpu("NVIDIA H200", (9, 0), 143771)
    return Target("x86_64", (2, 34), ((3, 11),), driver, (gpu,), True, ((3, 11),))


def locked(index: TinyIndex, place: Path, *kernels: str) -> dict[str, str]:
    """The versions that are locked where an index has these kernels, too."""
    for told, requires in REQUIRES.items():
        name, version = told.split()
        make_wheel(index.files, name, version, tag=NATIVE, requires=requires)
    for told in kernels:
        name, version = told.split()
        make_wheel(index.files, name, version, requires=["ninja"])
    index.publish()
    ask = partial(resolve, platform=PLATFORM, constraints=None, work=place / "work")
    pins = with_kernels(["vllm==0.32.0"], ask)
    assert {f"{name.replace('-', '_')} {pin}" for name, pin in versions(pins).items()} >= {
        *REQUIRES
    }
    return versions(pins)


def versions(pins: tuple[Pin, ...]) -> dict[str, str]:
    """By name."""
    return {pin.name: pin.version for pin in pins}


def test_kernels_of_the_very_version_are_carried(index: TinyIndex, tmp_path: Path) -> None:
    """Neither newer nor older ones, and those for the CUDA that torch has."""
    found = locked(
        index,
        tmp_path,
        *("flashinfer_cubin 0.6.13", "flashinfer_cubin 0.7.0.post1", "flashinfer_cubin 0.7.1"),
        *("flashinfer_jit_cache 0.7.0.post1+cu129", "flashinfer_jit_cache 0.7.0.post1+cu130"),
    )
    assert found["flashinfer-cubin"] == "0.7.0.post1"
    assert found["flashinfer-jit-cache"] == "0.7.0.post1+cu130"


@pytest.mark.parametrize(
    "others",
    [
        ("flashinfer_cubin 0.6.13", "flashinfer_jit_cache 0.7.0.post1+cu130"),
        ("flashinfer_cubin 0.7.0.post1", "flashinfer_jit_cache 0.7.0.post1+cu129"),
        ("flashinfer_cubin 0.7.0.post1",),
        ("flashinfer_jit_cache 0.7.0.post1+cu130",),
    ],
)
def test_kernels_that_do_not_fit_or_are_half_there_are_left_out(
    index: TinyIndex, tmp_path: Path, others: tuple[str, ...]
) -> None:
    """Another version ends vLLM when it starts, and one kind alone makes it compile the other."""
    found = locked(index, tmp_path, *others)
    assert not {"flashinfer-cubin", "flashinfer-jit-cache"} & found.keys()


def test_without_vllm_nothing_is_asked_for(index: TinyIndex, tmp_path: Path) -> None:
    """A bundle without FlashInfer needs none of its kernels."""
    make_wheel(index.files, "upper")
    index.publish()
    asked: list[tuple[str, ...]] = []

    def ask(requirements: Sequence[str]) -> tuple[Pin, ...]:
        asked.append(tuple(requirements))
        return resolve(["upper"], PLATFORM, None, tmp_path / "work")

    assert versions(with_kernels(["upper"], ask)) == {"upper": "1.0"}
    assert asked == [("upper",)]


def test_what_the_lock_needs_is_held_against_the_server(index: TinyIndex, tmp_path: Path) -> None:
    """A new driver passes; for an old one vLLM has no other CUDA to offer."""
    found = locked(index, tmp_path)
    pins = [Pin(name, version, (), None) for name, version in found.items()]
    noted = Noted()
    assert check_cuda(pins, server("580.95.05"), noted) == "13.0"
    assert "no flashinfer-cubin and flashinfer-jit-cache for FlashInfer 0.7.0" in noted.said[0]
    with pytest.raises(BundleError, match=r"needs NVIDIA driver 580.*has 470\.256\.02") as caught:
        check_cuda(pins, server("470.256.02"), Noted())
    assert "vLLM 0.32.0 is for CUDA 13" in caught.value.hint
    assert "torch for CUDA" not in caught.value.hint

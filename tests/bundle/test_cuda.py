"""Which CUDA the lock needs, and which driver and GPU run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.cuda import FLAGS, Cuda, check_built, check_cuda
from nerdistill.bundle.resolve import Pin
from nerdistill.bundle.target import Gpu, Target
from nerdistill.bundle.wheel_file import WheelFile, read_wheel
from nerdistill.errors import BundleError
from tests.bundle.tiny_index import make_wheel
from tests.connected import Noted

if TYPE_CHECKING:
    from pathlib import Path

CUDA_13 = {"torch": "2.13.0", "cuda-toolkit": "13.0.3.0", "nvidia-cuda-runtime": "13.0.96"}
CUDA_12 = {"torch": "2.8.0", "nvidia-cuda-runtime-cu12": "12.8.90"}
CPU = {"torch": "2.13.0+cpu", "nvidia-cuda-runtime": "13.5.37"}
BUILT_13 = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"


def pins(versions: dict[str, str]) -> list[Pin]:
    """A lock of such versions."""
    return [Pin(name, version, (), None) for name, version in versions.items()]


def server(driver: str | None = "580.95.05", *gpus: tuple[int, int] | None) -> Target:
    """A server with GPUs of such compute capabilities; of an H200 where none is said."""
    found = tuple(Gpu(f"GPU {number}", one, None) for number, one in enumerate(gpus or [(9, 0)]))
    return Target("x86_64", (2, 34), ((3, 11),), driver, found, True, ())


def torch(folder: Path, cuda: str | None = "13.0", flags: str | None = BUILT_13) -> list[WheelFile]:
    """A wheel of torch that says what it is built for, as real ones do."""
    told = f"__version__ = '2.13.0'\ncuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"
    files = {"torch/version.py": told.encode()}
    if flags is not None:
        files[FLAGS] = b"\x7fELF\0sm_\0sm_90\0" + flags.encode() + b"\0compute_\0"
    return [read_wheel(make_wheel(folder, "torch", "2.13.0", files=files))]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (CUDA_13, "13.0"),
        (CUDA_12, "12.8"),
        ({"torch": "2.8.0+cu126", "nvidia-cuda-runtime": "13.5.37"}, "12.6"),
        ({"torch": "2.4.0+cu118"}, "11.8"),
        (CPU, None),
        ({"torch": "2.13.0"}, None),
        ({"torch": "2.13.0+rocm6.4"}, None),
        ({"rich": "15.0.0"}, None),
    ],
)
def test_torch_decides_which_cuda(versions: dict[str, str], expected: str | None) -> None:
    """Its local version, else the toolkit that it brings; others' runtimes do not count."""
    assert check_cuda(pins(versions), server(), Noted()) == expected


@pytest.mark.parametrize(
    ("versions", "driver", "needed"),
    [
        (CUDA_13, "575.57.08", "580.65.06"),
        (CUDA_13, "580.65.05", "580.65.06"),
        (CUDA_12, "470.256.02", "525.60.13"),
        ({"torch": "2.4.0+cu118"}, "418.40", "450.80.02"),
    ],
)
def test_an_old_driver_is_refused(versions: dict[str, str], driver: str, needed: str) -> None:
    """The error names the driver that there is, the one that is needed, and the GPU."""
    with pytest.raises(BundleError, match=rf"{needed} or newer; the server has {driver} \(GPU 0"):
        check_cuda(pins(versions), server(driver), Noted())


def test_the_remedy_is_a_cuda_that_the_driver_runs() -> None:
    """Of those that it runs, the newest."""
    with pytest.raises(BundleError) as caught:
        check_cuda(pins(CUDA_13), server("570.10"), Noted())
    assert "torch for CUDA 12" in caught.value.hint


@pytest.mark.parametrize("driver", ["580.65.06", "595.1", None])
def test_a_driver_that_is_new_enough_or_not_told_passes(driver: str | None) -> None:
    """A version is compared as numbers."""
    assert check_cuda(pins(CUDA_13), server(driver), Noted()) == "13.0"


def test_a_gpu_that_cuda_has_left_behind_is_refused() -> None:
    """Of several GPUs the one is named that does not fit."""
    with pytest.raises(BundleError, match=r"GPU 1 has compute capability 7\.0.*7\.5 or more"):
        check_cuda(pins(CUDA_13), server("580.95.05", (9, 0), (7, 0)), Noted())
    assert check_cuda(pins(CUDA_12), server("580.95.05", (7, 0)), Noted()) == "12.8"


def test_vllm_needs_a_torch_with_cuda() -> None:
    """A folder with torch for CPUs must not get between vLLM and its CUDA."""
    with pytest.raises(BundleError, match=r"vLLM needs CUDA.*2\.13\.0\+cpu") as caught:
        check_cuda(pins({**CPU, "vllm": "0.32.0"}), server(), Noted())
    assert "pip config list" in caught.value.hint


def test_what_is_a_pity_is_said() -> None:
    """A GPU that stays idle, and one that nobody has seen, are no errors."""
    noted = Noted()
    assert check_cuda(pins(CPU), server(), noted) is None
    assert "for CPUs" in noted.said[0]
    noted, blind = Noted(), Target("x86_64", (2, 34), ((3, 11),), None, (), True, ())
    assert check_cuda(pins(CUDA_13), blind, noted) == "13.0"
    assert "no GPU" in noted.said[0]
    noted = Noted()
    assert check_cuda(pins(CPU), blind, noted) is None
    assert noted.said == []


VLLM = {**CUDA_13, "vllm": "0.32.0", "flashinfer-python": "0.7.0.post1"}


def test_flashinfer_s_parts_have_one_version() -> None:
    """With another version of its kernels it ends vLLM when it starts."""
    right = {"flashinfer-cubin": "0.7.0.post1", "flashinfer-jit-cache": "0.7.0.post1+cu130"}
    noted = Noted()
    assert check_cuda(pins({**VLLM, **right}), server(), noted) == "13.0"
    assert noted.said == []
    for name in right:
        with pytest.raises(BundleError, match=rf"{name} 0\.6\.13 .*0\.7\.0\.post1.*vLLM 0\.32\.0"):
            check_cuda(pins({**VLLM, **right, name: "0.6.13"}), server(), Noted())


def test_missing_kernels_are_told() -> None:
    """Without them the server compiles."""
    noted = Noted()
    check_cuda(pins(VLLM), server(), noted)
    assert "flashinfer-cubin" in noted.said[0]


@pytest.mark.parametrize(
    ("flags", "gpu", "runs"),
    [
        (BUILT_13, (9, 0), True),
        (BUILT_13, (8, 9), True),
        (BUILT_13, (12, 1), True),
        (BUILT_13, (7, 0), False),
        (BUILT_13, (11, 0), False),
        (BUILT_13, (13, 0), False),
        ("sm_80 sm_90a", (9, 0), True),
        ("sm_80 sm_100a", (10, 3), False),
        ("sm_80 sm_100f", (10, 3), True),
        ("sm_80 compute_90", (12, 0), True),
        ("sm_80 compute_90", (7, 5), False),
        (None, (9, 0), True),
    ],
)
def test_the_wheel_tells_what_it_is_built_for(
    tmp_path: Path, flags: str | None, gpu: tuple[int, int], runs: bool
) -> None:
    """Code for an earlier GPU of its generation runs, and what it can compile itself."""
    files = torch(tmp_path, flags=flags)
    if runs:
        found = check_built(files, server("580.95.05", gpu))
        assert found is not None
        assert found.least <= gpu <= found.most
    else:
        with pytest.raises(BundleError, match=rf"GPU 0 has compute capability {gpu[0]}\.{gpu[1]}"):
            check_built(files, server("580.95.05", gpu))


def test_the_manifest_s_words(tmp_path: Path) -> None:
    """What the isolated side checks again before it installs."""
    found = check_built(torch(tmp_path), server())
    assert found == Cuda("13.0", "580.65.06", (7, 5), (12, 9))
    assert found.told() == {
        "version": "13.0",
        "driver": "580.65.06",
        "capabilities": ["7.5", "12.9"],
    }


def test_the_wheel_is_held_against_the_driver(tmp_path: Path) -> None:
    """Also where the lock alone did not tell."""
    with pytest.raises(BundleError, match=r"580\.65\.06 or newer; the server has 570\.10"):
        check_built(torch(tmp_path), server("570.10"))


def test_an_unknown_cuda_is_refused(tmp_path: Path) -> None:
    """Nobody knows here what driver it needs."""
    with pytest.raises(BundleError, match=r"CUDA 14\.1, of which no driver is known"):
        check_built(torch(tmp_path, "14.1"), server())


def test_a_torch_without_cuda_needs_no_gpu(tmp_path: Path) -> None:
    """Nor do wheels without torch."""
    assert check_built(torch(tmp_path, None, None), server("418.40", (3, 0))) is None
    assert check_built([], server("418.40")) is None

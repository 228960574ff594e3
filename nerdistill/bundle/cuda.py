"""Which CUDA the locked packages are built for, and whether the server's driver and GPUs run it."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.bundle.resolve import Pin
    from nerdistill.bundle.target import Target
    from nerdistill.bundle.wheel_file import WheelFile
    from nerdistill.progress import Progress

DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""The oldest Linux driver for each CUDA; NVIDIA's table of minor version compatibility."""
LEAST = {11: (3, 5), 12: (5, 0), 13: (7, 5)}
"""The oldest compute capability that each CUDA compiles for; torch's wheels may leave out some."""
TOOLKIT = ("cuda-toolkit", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12")
"""Packages that have the version of CUDA as their own, the surest first."""
BASE = "flashinfer-python"
KERNELS = ("flashinfer-cubin", "flashinfer-jit-cache")
"""They refuse to work beside another version of flashinfer-python."""
FLAGS = "torch/lib/libtorch_python.so"
"""It holds the list that `torch.cuda.get_arch_list()` tells."""
OTHER_WHEELS = (
    "or let pip's indexes serve torch for {} (`pip config list`; PyTorch keeps an index for each "
    "CUDA) and run the same command again."
)

_LOCAL = re.compile(r"\+cu(\d+)(\d)$")
_VERSION = re.compile(r"^cuda\b[^=]*= '([\d.]+)'$", re.MULTILINE)
_LIST = re.compile(rb"(?:(?:sm|compute)_\d+[af]?)(?: (?:sm|compute)_\d+[af]?)+")
_ONE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")

Capability = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cuda:
    """What wheels need of a driver and a GPU.

    Attributes:
        version: such as `13.0`.
        driver: the oldest that runs it.
        least, most: compute capabilities between which it may run.
    """

    version: str
    driver: str
    least: Capability
    most: Capability

    def told(self) -> dict[str, object]:
        """As the manifest has it."""
        capabilities = [_dotted(self.least), _dotted(self.most)]
        return {"version": self.version, "driver": self.driver, "capabilities": capabilities}


def check_cuda(pins: Sequence[Pin], target: Target, progress: Progress) -> str | None:
    """Hold the lock against the server's driver and GPUs, before gigabytes are fetched.

    Args:
        pins: the lock.
        target: the server.
        progress: told what can't be known, or is no error but a pity.

    Returns:
        The version of CUDA, such as `13.0`; None for torch without CUDA.

    Raises:
        BundleError: the driver or a GPU is too old for it, vLLM would run on a torch without
            CUDA, or its kernels' versions differ.
    """
    versions = {pin.name: pin.version for pin in pins}
    cuda = locked_cuda(versions)
    if "vllm" in versions:
        if cuda is None:
            raise BundleError(
                f"vLLM needs CUDA, and the lock has torch {versions.get('torch')} without it",
                "Let pip's indexes serve torch for CUDA (take the folder or index with torch for "
                "CPUs out of `pip config list`), or name another annotator in the study.",
            )
        _check_kernels(versions, progress)
    if not target.gpus:
        if cuda is not None:
            progress.say(
                f"target.json tells of no GPU: whether CUDA {cuda} runs there is not known. Run "
                "scripts/probe.py where the GPUs are."
            )
        return cuda
    if cuda is None:
        progress.say(
            "the server has a GPU, and the locked torch is for CPUs: students train without it"
        )
        return None
    major = _major(cuda)
    _check_driver(cuda, target, versions.get("vllm"))
    for gpu in target.gpus:
        if gpu.compute_capability and gpu.compute_capability < LEAST[major]:
            raise _unfit(gpu.name, gpu.compute_capability, cuda, f"{_dotted(LEAST[major])} or more")
    return cuda


def check_built(files: Sequence[WheelFile], target: Target) -> Cuda | None:
    """Hold what torch's wheel was really built for against the server.

    Args:
        files: the wheels.
        target: the server.

    Returns:
        What it needs; None without CUDA.

    Raises:
        BundleError: the driver or a GPU doesn't run it.
    """
    torch = next((one for one in files if one.name == "torch"), None)
    if torch is None:
        return None
    with zipfile.ZipFile(torch.path) as archive:
        names = set(archive.namelist())
        text = archive.read("torch/version.py").decode() if "torch/version.py" in names else ""
        found = _VERSION.search(text)
        if found is None:
            return None
        built = _built_for(archive.read(FLAGS) if FLAGS in names else b"")
    major = _major(found[1])
    _check_driver(found[1], target, None)
    for gpu in target.gpus:
        if built and gpu.compute_capability and not runs(built, gpu.compute_capability):
            told = " ".join(f"{kind}_{a}{b}{end}" for kind, a, b, end in built)
            raise _unfit(gpu.name, gpu.compute_capability, found[1], told)
    least = min(((a, b) for _, a, b, _ in built), default=LEAST[major])
    # A GPU runs what was compiled for an earlier one of its generation, and compiles the rest
    # itself only where that was shipped, too.
    later = not built or any(kind == "compute" for kind, *_ in built)
    most = (99, 9) if later else (max(a for _, a, _, _ in built), 9)
    return Cuda(found[1], DRIVERS[major], least, most)


def locked_cuda(versions: Mapping[str, str]) -> str | None:
    """The CUDA that torch brings; other packages may bring a newer runtime for themselves."""
    torch = versions.get("torch", "")
    found = _LOCAL.search(torch)
    if found:
        return f"{found[1]}.{found[2]}"
    if not torch or "+" in torch:
        return None
    told = next((versions[name] for name in TOOLKIT if name in versions), None)
    return ".".join(told.split(".")[:2]) if told else None


def _check_kernels(versions: dict[str, str], progress: Progress) -> None:
    wanted = versions.get(BASE)
    there = [name for name in KERNELS if name in versions]
    if wanted is None:
        return
    for name in there:
        if versions[name].partition("+")[0] != wanted.partition("+")[0]:
            raise BundleError(
                f"{name} {versions[name]} does not work with {BASE} {wanted}, which "
                f"vLLM {versions['vllm']} needs",
                f"Pin {name}=={wanted} in the constraints, or leave it out of them.",
            )
    missing = [name for name in KERNELS if name not in there]
    if missing:
        progress.say(
            f"pip's indexes have no {' and '.join(missing)} for FlashInfer {wanted}: vLLM does "
            "without it, or compiles its kernels where nvcc is found. Its makers keep them on an "
            "index of their own, which pip's extra-index-url may name."
        )


def _check_driver(cuda: str, target: Target, vllm: str | None) -> None:
    needed = DRIVERS[_major(cuda)]
    if target.driver is not None and _numbers(target.driver) < _numbers(needed):
        gpu = target.gpus[0].name if target.gpus else "the GPU"
        older = [f"CUDA {one}" for one, least in DRIVERS.items() if _runs_on(target.driver, least)]
        # Its version pins torch's, and its own kernels are built for the same CUDA.
        other = (
            f"or name an annotator in the study that needs no vLLM here: vLLM {vllm} is for CUDA "
            f"{_major(cuda)}."
            if vllm
            else OTHER_WHEELS.format(older[-1] if older else "CPUs")
        )
        raise BundleError(
            f"the locked torch is built for CUDA {cuda}, which needs NVIDIA driver {needed} or "
            f"newer; the server has {target.driver} ({gpu})",
            f"Have the driver updated, {other}",
        )


def _unfit(gpu: str, has: Capability, cuda: str, runs: str) -> BundleError:
    other = "an older CUDA" if has < (9, 0) else "another CUDA"
    return BundleError(
        f"{gpu} has compute capability {_dotted(has)}, and the locked torch for CUDA {cuda} runs "
        f"on {runs}",
        f"Use another GPU, {OTHER_WHEELS.format(other)}",
    )


def _built_for(library: bytes) -> list[tuple[str, int, int, str]]:
    """The architectures in torch's own library."""
    found = _LIST.search(library)
    return architectures(found[0].decode()) if found else []


def architectures(told: str) -> list[tuple[str, int, int, str]]:
    """Kind, major, minor and suffix of each architecture in a list such as `sm_80 sm_90a`."""
    named = _ONE.findall(told)
    return [(kind, int(major), int(minor), end) for kind, major, minor, end in named]


def runs(built: Sequence[tuple[str, int, int, str]], gpu: Capability) -> bool:
    """Whether a GPU runs what was compiled for these architectures."""
    for kind, major, minor, end in built:
        if (major, minor) == gpu:
            return True
        if end != "a" and kind == "sm" and major == gpu[0] and minor < gpu[1]:
            return True
        if not end and kind == "compute" and (major, minor) < gpu:
            return True
    return False


def _major(cuda: str) -> int:
    major = int(cuda.partition(".")[0])
    if major not in DRIVERS:
        raise BundleError(
            f"the locked torch is built for CUDA {cuda}, of which no driver is known here",
            f"Take one for CUDA {min(DRIVERS)} to {max(DRIVERS)}: pin torch in the constraints.",
        )
    return major


def _runs_on(driver: str, least: str) -> bool:
    return _numbers(driver) >= _numbers(least)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in re.findall(r"\d+", version))


def _dotted(capability: Capability) -> str:
    return ".".join(map(str, capability))

"""Driver, GPUs and compiler against torch and the bundle's target, on made-up facts."""

from __future__ import annotations

from typing import Any

import pytest

from nerdistill.bundle.bare.manifest import Manifest
from nerdistill.doctor.gpu import check_compiler, check_gpus, check_target
from nerdistill.doctor.libraries import Torch

H100 = {"name": "H100", "memory_mib": 81559, "compute_capability": "9.0"}
TURING = {"name": "T4", "memory_mib": 15360, "compute_capability": "7.5"}
BUILT = "sm_80 sm_90 compute_90"


def facts(
    *gpus: dict[str, Any], driver: str | None = "580.95.05", **more: object
) -> dict[str, Any]:
    """What the probe would tell."""
    compilers = {"gcc": "11.4", "cc": None, "clang": None}
    return {
        "gpus": list(gpus),
        "driver": driver,
        "compilers": compilers,
        "machine": "x86_64",
        "libc": {"kind": "glibc", "version": "2.34"},
        "pythons": [],
        **more,
    }


@pytest.mark.parametrize(
    ("torch", "told", "status", "found"),
    [
        (Torch("13.0", BUILT, sees=True), facts(H100), "ok", "CUDA 13.0 runs"),
        (Torch("12.8", BUILT, sees=True), facts(H100, driver="535.1"), "ok", "CUDA 12.8 runs"),
        (
            Torch("13.0", BUILT, sees=False),
            facts(H100, driver="535.104.05"),
            "failure",
            "needs NVIDIA driver 580.65.06 or newer, this machine has 535.104.05",
        ),
        (
            Torch("13.0", BUILT, sees=True),
            facts(H100, TURING),
            "failure",
            "T4 has 7.5, torch runs on sm_80",
        ),
        (Torch("13.0", BUILT, sees=False), facts(H100), "failure", "sees no GPU"),
        (Torch(None, "", sees=False), facts(H100), "warning", "built for CPUs"),
        # A later CUDA than is known here is not guessed at.
        (Torch("21.0", "", sees=True), facts(H100), "ok", "CUDA 21.0 runs"),
    ],
)
def test_torch(torch: Torch, told: dict[str, Any], status: str, found: str) -> None:
    """Driver too old, GPU too old, GPU not seen; each fault has a remedy."""
    gpu, line = check_gpus(told, torch)
    assert (gpu.status, line.status) == ("ok", status)
    assert found in line.found
    assert bool(line.remedy) == (status != "ok")


def test_gpus_are_counted() -> None:
    """Alike ones in one word; without any, the note says where to look."""
    (found,) = check_gpus(facts(H100, H100, TURING), None)
    assert found.found == "2 H100 (capability 9.0), 1 T4 (capability 7.5); driver 580.95.05"
    (found,) = check_gpus(facts(driver=None), Torch("13.0", BUILT, sees=False))
    assert (found.status, "srun" in found.remedy) == ("note", True)


NONE = {"gcc": None, "cc": None, "clang": None}


@pytest.mark.parametrize(
    ("compilers", "named", "headers", "told"),
    [
        ({"gcc": "11.4"}, None, True, [("C compiler", "ok")]),
        (NONE, "/opt/gcc", True, [("C compiler", "ok")]),
        (NONE, None, True, [("C compiler", "failure")]),
        ({"gcc": "11.4"}, None, False, [("Python.h", "failure")]),
        (NONE, None, False, [("C compiler", "failure"), ("Python.h", "failure")]),
    ],
)
def test_compiler(
    compilers: dict[str, str | None],
    named: str | None,
    headers: bool,
    told: list[tuple[str, str]],
) -> None:
    """Triton needs both; CC may name another one."""
    found = list(check_compiler(facts(compilers=compilers), named=named, headers=headers))
    assert [(one.name, one.status) for one in found] == told


def manifest(**target: object) -> Manifest:
    """A manifest for a machine."""
    whole = {
        "machine": "x86_64",
        "python": "3.11",
        "glibc": "2.17",
        "cuda": None,
        "compiler": False,
        **target,
    }
    return Manifest("", "demo", 1, whole, {}, None, (), (), (), 0, {})


CUDA = {"version": "13.0", "driver": "580.65.06", "capabilities": ["7.5", "12.0"]}


@pytest.mark.parametrize(
    ("made", "told", "status"),
    [
        (manifest(), facts(), "ok"),
        (manifest(glibc="2.39"), facts(), "failure"),
        (manifest(machine="aarch64"), facts(), "failure"),
        (manifest(cuda=CUDA), facts(H100), "ok"),
        (manifest(cuda=CUDA), facts(H100, driver="535.1"), "failure"),
        (manifest(cuda=CUDA), facts(driver=None), "note"),
    ],
)
def test_target(made: Manifest, told: dict[str, Any], status: str) -> None:
    """As the installer held it, on the node where it runs now."""
    (found,) = check_target(made, told)
    assert found.status == status

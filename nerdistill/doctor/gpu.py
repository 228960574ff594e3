"""Whether driver and GPUs run what torch was built for, and what Triton compiles with is there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nerdistill.bundle.bare.preflight import OTHER_TARGET, check_machine, numbers
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.cuda import DRIVERS, architectures, runs
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.bundle.bare.manifest import Manifest
    from nerdistill.bundle.bare.preflight import Facts
    from nerdistill.doctor.libraries import Torch

ON_A_NODE = "On a cluster look where the GPUs are: srun --gres=gpu:1 nerdistill doctor"


def check_gpus(facts: Facts, torch: Torch | None) -> Iterator[Finding]:
    """Hold torch against the driver and the GPUs.

    Args:
        facts: what the probe tells.
        torch: what it was built for; None where it can't be imported, which is told elsewhere.
    """
    if not facts["gpus"]:
        found = "none is seen: students train on the CPU"
        yield Finding("GPU", "note", found, ON_A_NODE)
        return
    count = Counter((gpu["name"], gpu["compute_capability"]) for gpu in facts["gpus"])
    told = ", ".join(f"{n} {name} (capability {has})" for (name, has), n in count.items())
    yield Finding("GPU", "ok", f"{told}; driver {facts['driver']}")
    if torch is not None:
        yield _torch(facts, torch)


def _torch(facts: Facts, torch: Torch) -> Finding:
    name = "torch's CUDA"
    if torch.cuda is None:
        return Finding(
            name, "warning", "torch is built for CPUs: the GPU is not used", OTHER_TARGET
        )
    needed = DRIVERS.get(int(torch.cuda.partition(".")[0]))
    driver = facts["driver"]
    if needed and driver and numbers(driver) < numbers(needed):
        return Finding(
            name,
            "failure",
            f"CUDA {torch.cuda} needs NVIDIA driver {needed} or newer, this machine has {driver}",
            f"Have the driver updated, or use an older CUDA. {OTHER_TARGET}",
        )
    built = architectures(torch.built)
    for gpu in facts["gpus"]:
        has = numbers(gpu["compute_capability"] or "")
        if built and len(has) > 1 and not runs(built, (has[0], has[1])):
            found = f"{gpu['name']} has {gpu['compute_capability']}, torch runs on {torch.built}"
            return Finding(
                name, "failure", found, f"Use another GPU, or another CUDA. {OTHER_TARGET}"
            )
    if not torch.sees:
        return Finding(
            name,
            "failure",
            f"torch for CUDA {torch.cuda} sees no GPU, nvidia-smi does",
            "Look at CUDA_VISIBLE_DEVICES and at the rights on /dev/nvidia*: ls -l /dev/nvidia*",
        )
    return Finding(name, "ok", f"CUDA {torch.cuda} runs on this driver and these GPUs")


def check_compiler(facts: Facts, *, named: str | None, headers: bool) -> Iterator[Finding]:
    """Whether Triton can compile its kernels: vLLM and a GPU's torch do so at run time.

    Args:
        facts: what the probe tells.
        named: the program that `CC` names; None where it is not set.
        headers: Python.h of the Python that will run it was found.
    """
    there = [name for name in ("gcc", "cc", "clang") if facts["compilers"].get(name)]
    if named is None and not there:
        remedy = "Install it from the system's own media (package gcc), or name one in CC."
        yield Finding("C compiler", "failure", "none: Triton's kernels need one", remedy)
    if not headers:
        remedy = (
            "Install them from the system's own media (python3-devel, python3-dev), or make the "
            "bundle with --python-archive."
        )
        yield Finding("Python.h", "failure", "missing: Triton's kernels need it", remedy)
    if headers and (named or there):
        version = "named by CC" if named else facts["compilers"][there[0]]
        yield Finding("C compiler", "ok", f"{named or there[0]} {version}, and Python.h")


def check_target(manifest: Manifest, facts: Facts) -> Iterator[Finding]:
    """Hold the installed bundle's target against this machine, as before the installation."""
    try:
        notes = check_machine(manifest, facts)
    except Refused as error:
        yield Finding("target", "failure", error.message, error.hint)
        return
    for note in notes:
        yield Finding("target", "note", note)
    if not notes:
        target = manifest.target
        found = f"the bundle is for {target['machine']}, glibc {target['glibc']}: this machine fits"
        yield Finding("target", "ok", found)

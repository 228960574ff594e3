"""Whether a bundle fits this machine, before a byte is written."""

import os
import re
import shutil
from typing import Any, Dict, List, Optional, Tuple

from nerdistill.bundle.bare.manifest import Manifest, files_of
from nerdistill.bundle.bare.refusal import Refused

SLACK = 256 << 20
"""Bytes beyond what the files take."""

OTHER_TARGET = (
    "Make a bundle for this machine: run probe.py here, and `nerdistill bundle create` with the "
    "target.json that it writes."
)

Facts = Dict[str, Any]
"""What probe.py tells."""


def numbers(version: str) -> Tuple[int, ...]:
    """A version's leading numbers, to compare."""
    return tuple(int(word) for word in re.findall(r"[0-9]+", version))


def check_machine(manifest: Manifest, facts: Facts) -> List[str]:
    """Hold the bundle's target against this machine.

    Returns:
        What a person should know although nothing is refused.

    Raises:
        Refused: the processor, the C library, the driver or the GPUs do not fit, or a compiler
            that vLLM's kernels need is missing.
    """
    target = manifest.target
    if facts["machine"] != target["machine"]:
        raise Refused(
            "the bundle is for {}, this machine is {}".format(target["machine"], facts["machine"]),
            OTHER_TARGET,
        )
    libc = facts["libc"]
    if libc["kind"] != "glibc" or numbers(libc["version"]) < numbers(target["glibc"]):
        raise Refused(
            "the bundle needs glibc {}, this machine has {} {}".format(
                target["glibc"], libc["kind"], libc["version"]
            ),
            OTHER_TARGET,
        )
    notes = _check_cuda(target["cuda"], facts) if target["cuda"] else []
    if target["compiler"]:
        _check_compiler(manifest, facts)
    return notes


def _check_cuda(cuda: Dict[str, Any], facts: Facts) -> List[str]:
    driver = facts["driver"]
    if not facts["gpus"]:
        return [
            "no GPU is seen here, and the bundle is built for CUDA {}: right on a login node; "
            "`nerdistill doctor` on a GPU node tells whether it works there.".format(
                cuda["version"]
            )
        ]
    if driver and numbers(driver) < numbers(cuda["driver"]):
        raise Refused(
            "the bundle's CUDA {} needs NVIDIA driver {} or newer, this machine has {}".format(
                cuda["version"], cuda["driver"], driver
            ),
            "Have the driver updated, or make a bundle with wheels of an older CUDA.",
        )
    least, most = (numbers(one) for one in cuda["capabilities"])
    for gpu in facts["gpus"]:
        has = gpu.get("compute_capability")
        if has and not least <= numbers(has) <= most:
            raise Refused(
                "{} has compute capability {}, the bundle's CUDA {} runs on {} to {}".format(
                    gpu["name"], has, cuda["version"], *cuda["capabilities"]
                ),
                "Make a bundle with wheels of another CUDA, or use another GPU.",
            )
    return []


def _check_compiler(manifest: Manifest, facts: Facts) -> None:
    compilers = facts["compilers"]
    if not any(compilers.get(name) for name in ("gcc", "cc", "clang")):
        raise Refused(
            "there is no C compiler here, and vLLM's kernels are compiled when they first run",
            "Install gcc from the system's own media (package gcc).",
        )
    if not _bundled_python(manifest) and not any(
        python["headers"] for python in _fitting(manifest, facts)
    ):
        raise Refused(
            "there is no Python.h for Python {} here, and vLLM's kernels need it".format(
                manifest.target["python"]
            ),
            "Install the headers from the system's own media (python3-devel, python3-dev), or "
            "make the bundle with --python-archive.",
        )


def _bundled_python(manifest: Manifest) -> bool:
    return any(asset.role == "python" for asset in manifest.assets)


def _fitting(manifest: Manifest, facts: Facts) -> List[Dict[str, Any]]:
    wanted = numbers(manifest.target["python"])
    return [
        python
        for python in facts["pythons"]
        if python["implementation"] == "cpython"
        and python["venv"]
        and numbers(python["version"])[:2] == wanted[:2]
    ]


def choose_python(manifest: Manifest, facts: Facts, named: Optional[str]) -> Optional[str]:
    """The interpreter for the new environment; None where the bundle brings one.

    Raises:
        Refused: there is none of the bundle's version, or one is named that would not be used.
    """
    if _bundled_python(manifest):
        if named:
            raise Refused(
                "the bundle brings its own Python, {} would not be used".format(named),
                "Leave --python out, or make the bundle without --python-archive.",
            )
        return None
    fitting = _fitting(manifest, facts)
    if named:
        whole = os.path.realpath(shutil.which(named) or named)
        fitting = [one for one in fitting if os.path.realpath(one["path"]) == whole]
    if fitting:
        with_headers = [one for one in fitting if one["headers"]]
        return str((with_headers or fitting)[0]["path"])
    found = ", ".join(sorted({one["version"] for one in facts["pythons"]})) or "none"
    raise Refused(
        "the bundle is for Python {}, {} is not one that can make environments (found: {})".format(
            manifest.target["python"], named or "on this machine there", found
        ),
        "Install that Python from the system's own media, name it with --python, or make the "
        "bundle with --python-archive.",
    )


def check_locale(manifest: Manifest, root: str) -> None:
    """See that this Python writes names as UTF-8, as the bundle does.

    Raises:
        Refused: another locale is set, and there are other names than ASCII.
    """
    for path in [root] + [file.path for file in files_of(manifest)]:
        try:
            same = os.fsencode(path) == path.encode("utf-8", "surrogateescape")
        except UnicodeError:
            same = False
        if not same:
            raise Refused(
                "the locale of this shell cannot write the name {!r}".format(path),
                "Put LC_ALL=C.UTF-8, or another UTF-8 locale of `locale -a`, before the command.",
            )


def check_space(manifest: Manifest, root: str, more: int) -> None:
    """See that the files and the environment fit on the disk.

    Args:
        manifest: of the bundle.
        root: an existing folder on the file system to install on.
        more: bytes that are copied from a base, less those that an interrupted run left.

    Raises:
        Refused: they do not.
    """
    carried = sum(file.size for file in files_of(manifest) if file.pieces)
    needed = carried + manifest.unpacked + SLACK + more
    free = shutil.disk_usage(root).free
    if free < needed:
        raise Refused(
            "{} has {} MiB free, the bundle needs {}".format(root, free >> 20, needed >> 20),
            "Free space there, then run the same command again, or name another place with --into.",
        )

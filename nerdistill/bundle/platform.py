"""What wheels a target can run: the tags of its machine, its glibc and its Python."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from packaging.tags import Tag

    from nerdistill.bundle.target import Target

PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""In the order of preference: the first is what nerdistill is tested with."""
OLDEST = 17
"""Minor version of the oldest glibc that wheels of torch run on."""
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""By the minor version of glibc 2 that each stands for; the last two only for x86_64."""
KNOWN_TO_UV = (17, 28, *range(31, 41))


@dataclass(frozen=True, slots=True)
class Platform:
    """Where wheels are to be installed.

    Attributes:
        machine: `x86_64` or `aarch64`.
        glibc: minor version of glibc 2.
        python: such as (3, 11).
    """

    machine: str
    glibc: int
    python: tuple[int, int]

    @property
    def python_version(self) -> str:
        """Such as `3.11`."""
        return ".".join(map(str, self.python))

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.machine} with glibc 2.{self.glibc} and Python {self.python_version}"

    @property
    def slug(self) -> str:
        """As a part of a file's name."""
        return f"{self.machine}-glibc2.{self.glibc}-{self.abi}"

    @property
    def abi(self) -> str:
        """Such as `cp311`."""
        return f"cp{self.python[0]}{self.python[1]}"

    @property
    def uv_name(self) -> str:
        """The newest platform that uv knows and that is not newer than this one."""
        minor = max(one for one in KNOWN_TO_UV if one <= self.glibc)
        return f"{self.machine}-manylinux_2_{minor}"

    def names(self) -> list[str]:
        """Platform tags that run here, the best first."""
        x86 = self.machine == "x86_64"
        found: list[str] = []
        for minor in range(self.glibc, 4 if x86 else OLDEST - 1, -1):
            found.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in LEGACY:
                found.append(f"{LEGACY[minor]}_{self.machine}")
        return [*found, f"linux_{self.machine}"]

    def tags(self) -> list[Tag]:
        """Every tag of a wheel that runs here, the best first."""
        from packaging.tags import compatible_tags, cpython_tags

        names = self.names()
        return [
            *cpython_tags(self.python, platforms=names),
            *compatible_tags(self.python, self.abi, platforms=names),
        ]

    def ranks(self) -> dict[Tag, int]:
        """The place of each tag among them."""
        return _ranks(self)

    def markers(self) -> dict[str, str]:
        """What environment markers see there."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python_version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python_version}.0",
            "python_version": self.python_version,
            "sys_platform": "linux",
        }


@cache
def _ranks(platform: Platform) -> dict[Tag, int]:
    return {tag: rank for rank, tag in enumerate(platform.tags())}


def platform_of(target: Target, brought: tuple[int, int] | None, *, headers: bool) -> Platform:
    """Choose the Python, and refuse a machine for which there are no wheels.

    Args:
        target: the server.
        brought: the version of the Python that the bundle brings; None: one of the server's.
        headers: whether Python.h is needed.

    Raises:
        BundleError: there is no Python of use there, its glibc is too old, or the machine is of a
            kind for which torch has no wheels.
    """
    if target.machine not in {"x86_64", "aarch64"}:
        raise BundleError(
            f"the server is a {target.machine}, for which torch has no wheels",
            "Use an x86_64 or aarch64 server.",
        )
    if target.glibc < (2, OLDEST):
        raise BundleError(
            f"the server's glibc {'.'.join(map(str, target.glibc))} is older than any wheel of "
            "torch runs on",
            "Use a server, or a container on it, with RHEL 8, Debian 10, Ubuntu 20.04 or newer.",
        )
    python = brought or _choose(target, headers=headers)
    return Platform(target.machine, target.glibc[1], python)


def _choose(target: Target, *, headers: bool) -> tuple[int, int]:
    usable = [one for one in PYTHONS if one in target.pythons]
    if not usable:
        found = ", ".join(".".join(map(str, one)) for one in target.pythons) or "none"
        raise BundleError(
            f"the server has no Python 3.11 to 3.14 that makes environments (found: {found})",
            "Install one there, with its venv package, and run scripts/probe.py again; or bring "
            "one with --python-archive (a relocatable CPython, such as python-build-standalone's "
            "install_only archive).",
        )
    if not headers:
        return usable[0]
    ready = [one for one in usable if one in target.headers]
    if not ready:
        raise BundleError(
            "the server's Python has no Python.h, which vLLM's kernels are compiled with",
            "Install python3-devel (python3-dev on Debian) there and run scripts/probe.py again, "
            "or bring a Python with --python-archive.",
        )
    return ready[0]

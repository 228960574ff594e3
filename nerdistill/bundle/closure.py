"""Whether wheels are complete for a platform: each runs there, and all that they need is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nerdistill.bundle.platform import LEGACY
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from nerdistill.bundle.platform import Platform
    from nerdistill.bundle.wheel_file import WheelFile

_MANYLINUX = re.compile(r"manylinux_2_(\d+)_")


def needed_by(
    wheel: WheelFile, platform: Platform, extras: Sequence[str] = ()
) -> Iterator[Requirement]:
    """What a wheel needs on a platform, with its extras chosen; without markers."""
    from packaging.requirements import Requirement

    markers = platform.markers()
    for one in wheel.requires:
        if one.marker is None or any(
            one.marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras)
        ):
            plain = Requirement(str(one))
            plain.marker = None
            yield plain


def check_closure(
    wheels: Sequence[WheelFile], platform: Platform, extras: Mapping[str, Sequence[str]]
) -> None:
    """See that all that any of the wheels needs on a platform is among them.

    Args:
        wheels: all that are to be installed.
        platform: where.
        extras: of packages, those that are wanted; what asks for more of them is followed.

    Raises:
        BundleError: a wheel runs on no such platform or Python, or needs what is not there.
    """
    there = {one.name: one for one in wheels}
    for one in wheels:
        check_runs(one, platform)
    waiting = [(one.name, "") for one in wheels]
    waiting += [(name, extra) for name, names in extras.items() for extra in names]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for needed in needed_by(there[name], platform, [extra] if extra else []):
            found = _satisfied(there[name], needed, there)
            for more in needed.extras:
                if (found.name, more) not in seen:
                    seen.add((found.name, more))
                    waiting.append((found.name, more))


def check_runs(wheel: WheelFile, platform: Platform) -> None:
    """See that a wheel is for a platform and its Python.

    Raises:
        BundleError: it is not.
    """
    from packaging.specifiers import SpecifierSet

    if not wheel.tags & platform.ranks().keys():
        raise BundleError(
            f"{wheel.path.name} does not run on {platform.told}",
            "Pin another version of it in the constraints, one that has a wheel for that platform.",
        )
    if not SpecifierSet(wheel.python).contains(f"{platform.python_version}.99", prereleases=True):
        raise BundleError(
            f"{wheel.path.name} needs Python {wheel.python}, not {platform.python_version}",
            "Pin another version of it in the constraints, or bring another Python with "
            "--python-archive.",
        )


def needed_glibc(wheels: Sequence[WheelFile], platform: Platform) -> tuple[int, int]:
    """The oldest glibc that all of the wheels run on, as their tags promise."""
    return 2, max((_glibc(one, platform) for one in wheels if not one.is_pure), default=0)


def _glibc(wheel: WheelFile, platform: Platform) -> int:
    promised = []
    for tag in wheel.tags & platform.ranks().keys():
        found = _MANYLINUX.match(tag.platform)
        old = [minor for minor, name in LEGACY.items() if tag.platform.startswith(f"{name}_")]
        # `linux_x86_64` promises nothing: it was made for a machine such as the target.
        promised.append(int(found[1]) if found else old[0] if old else platform.glibc)
    return min(promised, default=platform.glibc)


def _satisfied(wheel: WheelFile, needed: Requirement, there: Mapping[str, WheelFile]) -> WheelFile:
    from packaging.utils import canonicalize_name

    found = there.get(canonicalize_name(needed.name))
    if found is None or not needed.specifier.contains(found.version, prereleases=True):
        has = f"{found.name} {found.version}" if found else "none"
        raise BundleError(
            f"{wheel.name} {wheel.version} needs {needed}, and the bundle would hold {has}",
            "Pin versions in the constraints that fit each other.",
        )
    return found

"""nerdistill's own wheel, made from the code that runs."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.bundle.closure import needed_by
from nerdistill.bundle.programs import decisive, run_pip
from nerdistill.bundle.wheel_file import pack, read_wheel, repack
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.bundle.platform import Platform

NAME = "nerdistill"
PIP = "pip>=25"
"""It travels with the bundle and installs the others; the environment itself has none."""
BUILT = ("pyproject.toml", "README.md", "LICENSE")
"""What a build reads beside the package."""
LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""What an installer wrote, not the wheel."""


def own_wheel(cache: Path) -> Path:
    """Make nerdistill's wheel: from the source tree that runs, else from the installed files.

    A tree is one with a pyproject.toml of nerdistill beside the package. It is copied and built,
    so that what an older build left there gets into no wheel. Without one the wheel is put
    together again from what its installer recorded. Either way the same code gives the same
    bytes.

    Args:
        cache: it is kept there, below `own`.

    Raises:
        BundleError: it can't be built, or nerdistill is not installed here.
    """
    package = Path(__file__).resolve().parents[1]
    tree = package.parent
    if _is_ours(tree / "pyproject.toml"):
        return _build(tree, cache / "own")
    try:
        return _from_installed(distribution(NAME), cache / "own")
    except PackageNotFoundError as error:
        raise BundleError(
            "nerdistill is not installed in this Python",
            "Install it (scripts/setup), and start it from its environment.",
        ) from error


def requirements_of(wheel: Path, platform: Platform, extras: Sequence[str] = ()) -> list[str]:
    """What is to be resolved for a bundle: what nerdistill needs, and the pip that installs it.

    Args:
        wheel: nerdistill's own.
        platform: where it is to run.
        extras: of nerdistill that are wanted, such as `vllm`.
    """
    return sorted({PIP, *map(str, needed_by(read_wheel(wheel), platform, extras))})


def _is_ours(settings: Path) -> bool:
    try:
        told = tomllib.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(told.get("project", {}).get("name") == NAME)


def _build(tree: Path, place: Path) -> Path:
    with tempfile.TemporaryDirectory() as name:
        copy, made = Path(name, "tree"), Path(name, "made")
        copy.mkdir()
        shutil.copytree(tree / NAME, copy / NAME, ignore=shutil.ignore_patterns("__pycache__"))
        for file in BUILT:
            if (tree / file).is_file():
                shutil.copyfile(tree / file, copy / file)
        alone = ["--no-build-isolation"] if _can_build(tree) else []
        done = run_pip(["wheel", "--no-deps", *alone, "--wheel-dir", str(made), str(copy)])
        found = sorted(made.glob(f"{NAME}-*.whl"))
        if done.returncode != 0 or not found:
            raise BundleError(
                f"nerdistill's own wheel can't be built from {tree}: {decisive(done)}",
                "Run scripts/setup in that checkout, and start nerdistill from its environment.",
            )
        return repack(found[0], place)


def _can_build(tree: Path) -> bool:
    """Whether what the build needs is installed here, so that no index is asked."""
    from packaging.requirements import Requirement

    settings = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    for one in map(Requirement, settings["build-system"]["requires"]):
        try:
            if version(one.name) not in one.specifier:
                return False
        except PackageNotFoundError:
            return False
    return True


def _from_installed(installed: Distribution, place: Path) -> Path:
    members = {}
    for file in installed.files or ():
        path = Path(str(installed.locate_file(file)))
        # Commands are made anew from the entry points, and `.pyc` by the installer.
        if ".." in file.parts or file.suffix == ".pyc" or file.name in LEFT_OUT:
            continue
        members[file.as_posix()] = (path.read_bytes(), bool(path.stat().st_mode & 0o111))
    tag = next(
        line.partition(":")[2].strip()
        for line in (installed.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag:")
    )
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{NAME}-{installed.version}-{tag}.whl"
    pack(path, members)
    return path

"""What every bundle carries of nerdistill's own files, so that the demo runs where it lands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill import __version__, assets
from nerdistill.bundle.asset import OWN, SHIPPED, Asset, AssetFile
from nerdistill.bundle.hub import local_model
from nerdistill.errors import AssetError
from nerdistill.study.relocate import DEMO, DEMO_STUDENT

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.bundle.asset import Role
    from nerdistill.progress import Progress

PAGES = (
    "README.md",
    "INSTALL_AIRGAP.md",
    "LICENSE",
    "models/README.md",
    "offline_assets/README.md",
    "scripts/slurm/study.sbatch",
)
"""Nobody there can look them up elsewhere."""


def shipped() -> list[Asset]:
    """The demo, label schemas, prices, error models and pages of nerdistill's home.

    Raises:
        AssetError: a folder of them is missing.
    """
    home = assets.home()
    found = [
        _asset(place, role, licence, _below(home, place))
        for place, (role, licence) in SHIPPED.items()
    ]
    found.append(_asset(DEMO, "study", OWN, [DEMO] if (home / DEMO).is_file() else []))
    pages = [page for page in PAGES if (home / page).is_file()]
    if pages:
        found.append(_asset("pages", "document", OWN, pages))
    return found


def demo_student(progress: Progress) -> Asset | None:
    """The demo's student, where it lies here; None, and a word about it, where it does not."""
    folder = assets.home() / DEMO_STUDENT
    try:
        if folder.exists():
            return local_model(folder, DEMO_STUDENT, role="student", progress=progress)
        reason = f"there is no {DEMO_STUDENT}"
    except AssetError as error:
        reason = error.message
    progress.say(f"the demo's student does not come along: {reason}")
    return None


def _below(home: Path, place: str) -> list[str]:
    files = sorted(path for path in (home / place).rglob("*") if path.is_file())
    return [path.relative_to(home).as_posix() for path in files]


def _asset(place: str, role: Role, licence: str, paths: list[str]) -> Asset:
    home = assets.home()
    if not paths:
        raise AssetError(
            f"{home / place} is missing, which comes with nerdistill",
            "Set NERDISTILL_HOME to a whole checkout or install root.",
        )
    files = tuple(AssetFile((home / path).resolve(), path) for path in paths)
    name = place.removeprefix("offline_assets/")
    return Asset(name, role, "nerdistill", __version__, licence, files)

"""Where nerdistill is installed, and how it is installed anew."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from nerdistill import assets
from nerdistill.bundle.inventory import is_installed, reinstall
from nerdistill.errors import AssetError


@dataclass(frozen=True, slots=True)
class Site:
    """An installation.

    Attributes:
        prefix: the virtual environment.
        home: the folder with `offline_assets/` and `models/`; None where there is none.
    """

    prefix: Path
    home: Path | None

    @property
    def is_installed(self) -> bool:
        """Whether a bundle was installed there; else it is a checkout."""
        return self.home is not None and is_installed(self.home)

    @property
    def remedy(self) -> str:
        """The command that makes the environment anew."""
        if self.home is not None and self.is_installed:
            return reinstall(self.home)
        place = self.home or "the checkout"
        return f"Make the environment anew: cd {place} && rm -rf .venv && scripts/setup"


def this_site() -> Site:
    """The installation that this process runs in."""
    try:
        home = assets.home()
    except AssetError:
        home = None
    return Site(Path(sys.prefix), home)

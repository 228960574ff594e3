"""Where the files that come with nerdistill lie: label schemas, studies, the demo corpus."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nerdistill.errors import AssetError


def home() -> Path:
    """The folder that holds `offline_assets/` and `models/`.

    `NERDISTILL_HOME` where it is set, else the install root (the folder that holds the virtual
    environment), else the checkout.

    Raises:
        AssetError: none of them holds `offline_assets/`.
    """
    named = os.environ.get("NERDISTILL_HOME")
    places = (
        [Path(named)] if named else [Path(sys.prefix).parent, Path(__file__).resolve().parents[1]]
    )
    for place in places:
        if (place / "offline_assets").is_dir():
            return place
    looked = ", ".join(str(place) for place in places)
    raise AssetError(
        f"no folder offline_assets/ in {looked}",
        "Set NERDISTILL_HOME to the folder that holds offline_assets/ and models/.",
    )


def find(path: str | Path, *, kind: str) -> Path:
    """A file or folder named by a user: as given, else below `home()`.

    Args:
        path: absolute, or relative to the current folder or to `home()`.
        kind: what it is, for the message: "student", "label schema", …

    Raises:
        AssetError: it lies in neither place. A hub is never asked.
    """
    given = Path(path).expanduser()
    if given.exists():
        return given
    if not given.is_absolute():
        bundled = home() / given
        if bundled.exists():
            return bundled
    raise AssetError(
        f"{kind} {str(path)!r} does not exist",
        "Name an existing file or folder; nothing is downloaded. "
        f"Looked in the current folder and in {home()}.",
    )

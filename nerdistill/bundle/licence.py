"""The licence of a model or dataset, as its card or its LICENSE file tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SPDX = {
    "afl-3.0": "AFL-3.0",
    "agpl-3.0": "AGPL-3.0-only",
    "apache-2.0": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "cc0-1.0": "CC0-1.0",
    "cc-by-3.0": "CC-BY-3.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "mit": "MIT",
    "mpl-2.0": "MPL-2.0",
}
"""A hub's names, where SPDX has another."""
FILES = ("LICENSE*", "LICENCE*", "COPYING*")
LONGEST = 80
"""Characters of a licence's first line."""


def licence_of(folder: Path) -> str | None:
    """What the card in README.md says, else the first line of a licence file, else None."""
    return _of_card(folder / "README.md") or _of_file(folder)


def _of_card(path: Path) -> str | None:
    from huggingface_hub import RepoCard

    try:
        data = RepoCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True).data
    except Exception:  # noqa: BLE001 - people write cards, and a missing licence is no failure
        return None
    told = data.get("license")
    names = told if isinstance(told, list) else [told]
    if told == "other":
        names = [data.get("license_name") or data.get("license_link") or told]
    return " OR ".join(SPDX.get(str(name).lower(), str(name)) for name in names if name) or None


def _of_file(folder: Path) -> str | None:
    for pattern in FILES:
        for path in sorted(folder.glob(pattern)):
            text = path.read_text(encoding="utf-8", errors="replace")
            if "Apache License" in text and "Version 2.0" in text:
                return SPDX["apache-2.0"]
            lines = (line.strip() for line in text.splitlines())
            first = next((line for line in lines if line), "")
            return SPDX["mit"] if first == "MIT License" else first[:LONGEST] or None
    return None

"""What a bundle carries: assets, each some files with one role, source and licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal[
    "corpus",
    "demo",
    "document",
    "labels",
    "prices",
    "prompt",
    "python",
    "replies",
    "requirements",
    "simulated",
    "student",
    "study",
    "teacher",
    "wheel",
]

OWN = "Apache-2.0"
SHIPPED: dict[str, tuple[Role, str]] = {
    "offline_assets/demo": ("demo", "CC0-1.0"),
    "offline_assets/labels": ("labels", OWN),
    "offline_assets/prices": ("prices", OWN),
    "offline_assets/simulated": ("simulated", OWN),
}
"""Folders that come with nerdistill: what lies in each, and its licence."""


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One regular file.

    Attributes:
        origin: where it lies on the connected machine.
        path: where it lies below the install root: relative, with `/`.
        executable: keep its executable bit.
    """

    origin: Path
    path: str
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """Files that belong together.

    Attributes:
        name: unique in a bundle, such as `bert-base-cased` or `torch 2.13.0`.
        source: where it comes from, for an auditor: a hub repository, a registry's project, a
            local folder's name. Never a whole path of the connected machine.
        revision: the commit, version or content digest that pins it; None where nothing does.
        licence: an SPDX expression or a licence's name; None where its files do not tell.
        files: at least one.
    """

    name: str
    role: Role
    source: str
    revision: str | None
    licence: str | None
    files: tuple[AssetFile, ...]

"""Paths inside a bundle: only such as every file system takes, and that stay below the root."""

import unicodedata
from typing import Dict, Iterable, Optional, Set

from nerdistill.bundle.bare.refusal import Refused

RESERVED = frozenset(["installed.json", "manifest.json", "manifest.json.sig"])
"""What the installer itself writes at the top of an install root."""

LONGEST = 240
"""Bytes of a path: the header of a plain tar has room for 255."""

REBUILD = "Do not use this bundle: make it again with `nerdistill bundle create`."


def trouble_with(path: str) -> Optional[str]:  # noqa: PLR0911 - one line a rule
    """What is wrong with a path below an install root; None where nothing is."""
    parts = path.split("/")
    if not path or path.startswith("/"):
        return "is absolute or empty"
    if any(part in ("", ".", "..") for part in parts):
        return "leaves its folder or is not in its plain form"
    if "\\" in path or ":" in path or not path.isprintable():
        return "has characters that are not allowed"
    if unicodedata.normalize("NFC", path) != path:
        return "is not in Unicode's composed form"
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST:
        return "is longer than {} bytes".format(LONGEST)
    if any(part != part.rstrip(". ") for part in parts):
        return "has a part that ends in a dot or a space"
    if parts[0].startswith(".") or path.casefold() in RESERVED:
        return "is kept for the installer"
    return None


def folders_above(paths: Iterable[str]) -> Set[str]:
    """Every folder that such files lie in, at any depth."""
    return {path[:place] for path in paths for place, c in enumerate(path) if c == "/"}


def check_paths(paths: Iterable[str]) -> None:
    """Refuse paths that are unsafe, come twice, or differ in their case only.

    Raises:
        Refused: naming the path.
    """
    folders: Dict[str, str] = {}
    files: Dict[str, str] = {}
    for path in paths:
        trouble = trouble_with(path)
        if trouble:
            raise Refused("the bundle's file {!r} {}".format(path, trouble), REBUILD)
        if path.casefold() in files:
            raise Refused(
                "the bundle's files {!r} and {!r} are one where case does not count".format(
                    files[path.casefold()], path
                ),
                REBUILD,
            )
        files[path.casefold()] = path
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folders.setdefault(folder.casefold(), folder) != folder:
                raise Refused(
                    "the bundle's folders {!r} and {!r} differ in case only".format(
                        folders[folder.casefold()], folder
                    ),
                    REBUILD,
                )
    for folded, path in files.items():
        if folded in folders:
            raise Refused("the bundle's {!r} is a file and a folder".format(path), REBUILD)

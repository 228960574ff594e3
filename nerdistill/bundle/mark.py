"""A mark in a fetched folder, written last: what it holds, so that nothing is fetched twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MARK = Path(".cache", "nerdistill.json")


def marked(folder: Path, source: Mapping[str, str | None]) -> list[str] | None:
    """The files that an earlier call completed from this source, if all are there still."""
    try:
        told = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if told["source"] != source:
        return None
    sizes: dict[str, int] = told["files"]
    return list(sizes) if there(folder, sizes) else None


def mark(folder: Path, source: Mapping[str, str | None], names: Iterable[str]) -> None:
    """Tell that a folder is complete."""
    sizes = {name: (folder / name).stat().st_size for name in names}
    (folder / MARK).parent.mkdir(exist_ok=True)
    write_whole(folder / MARK, json.dumps({"source": source, "files": sizes}))


def there(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Whether every file is there with its size."""
    paths = ((folder / name, size) for name, size in sizes.items())
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)

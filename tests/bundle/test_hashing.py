"""Hashing in threads: what is counted, and that one error ends all of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.hashing import BLOCK, Crew, sha256_all, sha256_file

if TYPE_CHECKING:
    from pathlib import Path


def test_digests_and_bytes(tmp_path: Path) -> None:
    """Empty files, whole blocks and more: each digest is right, and every byte is counted."""
    sizes, counted = (0, 1, BLOCK, BLOCK + 1), list[int]()
    wanted = {}
    for size in sizes:
        path = tmp_path / str(size)
        path.write_bytes(b"x" * size)
        wanted[str(path)] = hashlib.sha256(b"x" * size).hexdigest()
    assert sha256_all(list(wanted), 3, counted.append) == wanted
    assert sum(counted) == sum(sizes)
    assert {path: sha256_file(path) for path in wanted} == wanted


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_one_error_ends_all_work(error: type[BaseException]) -> None:
    """Who fails, or is interrupted, does not wait for work that would never end."""
    crew = Crew(None)

    def work(item: str) -> None:
        while item != "fails":
            crew.tick(1)
        raise error

    with pytest.raises(error):
        crew.run(work, ["endless", "fails"], 2)


def test_results_come_in_order() -> None:
    """Whichever thread ends first."""
    assert Crew(None).run(str, [3, 1, 2], 3) == ["3", "1", "2"]

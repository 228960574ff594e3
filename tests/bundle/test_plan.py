"""Which bytes lie in which volume: no volume is too long, and no byte is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.bundle.asset import AssetFile
from nerdistill.bundle.plan import HEADERS, LEAST, TRAILER, Sized, plan_volumes
from nerdistill.errors import ConfigError


def sized(*sizes: int) -> list[Sized]:
    """Files of such lengths."""
    return [
        Sized(AssetFile(Path("x"), f"f{number}"), size, "0" * 64)
        for number, size in enumerate(sizes)
    ]


def length(members: int, content: list[int]) -> int:
    """Bytes of a volume, if each member took as many headers as one can."""
    return members * HEADERS + sum(-(-size // 512) * 512 for size in content) + TRAILER


@given(
    st.lists(st.one_of(st.integers(0, 4096), st.integers(LEAST - 20000, 5 * LEAST)), max_size=20),
    st.integers(LEAST, 2 * LEAST),
)
def test_no_volume_is_longer_than_said_and_nothing_is_lost(sizes: list[int], most: int) -> None:
    """Whatever the files: their bytes come once, in order, within the limit."""
    volumes = plan_volumes(sized(*sizes), most)
    for members in volumes:
        assert members
        assert length(len(members), [one.size for one in members]) <= most
    flat = [member for members in volumes for member in members]
    for number, size in enumerate(sizes):
        own = [one for one in flat if one.sized.file.path == f"f{number}"]
        assert [one.index for one in own] == list(range(own[0].count))
        assert [one.offset for one in own] == [
            sum(x.size for x in own[:i]) for i in range(len(own))
        ]
        assert sum(one.size for one in own) == size


def test_a_file_that_fits_is_not_split() -> None:
    """It goes to the next volume instead."""
    volumes = plan_volumes(sized(LEAST // 2, LEAST - 20000, 10), LEAST)
    assert [[(one.sized.file.path, one.count) for one in members] for members in volumes] == [
        [("f0", 1)],
        [("f1", 1), ("f2", 1)],
    ]


def test_nothing_needs_no_volume() -> None:
    """A bundle on a base may carry nothing new."""
    assert plan_volumes([], LEAST) == []


def test_tiny_volumes_are_refused() -> None:
    """The error says what to write."""
    with pytest.raises(ConfigError, match=r"1,048,575 bytes are too small") as caught:
        plan_volumes([], LEAST - 1)
    assert "--max-volume" in caught.value.hint

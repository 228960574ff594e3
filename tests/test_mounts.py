"""Which file system a path lies on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.mounts import network_type

if TYPE_CHECKING:
    from pathlib import Path

LINES = """\
21 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
22 21 0:5 / {root}/home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2
23 22 0:6 / {root}/home/fast rw,relatime - xfs /dev/nvme0n1 rw
24 21 0:7 / {root}/my\\040data rw,relatime shared:9 master:3 - lustre 10.0.0.1@tcp:/scratch rw
25 21 0:8 / {root}/over rw - nfs server:/old rw
26 21 0:9 / {root}/over rw - ext4 /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("store.sqlite", None),
        ("home/store.sqlite", "nfs4"),
        ("home/fast/store.sqlite", None),
        ("homely/store.sqlite", None),
        ("my data/deep/store.sqlite", "lustre"),
        ("over/store.sqlite", None),
    ],
)
def test_the_nearest_mount_decides(tmp_path: Path, path: str, expected: str | None) -> None:
    """Of all mounts above a path the innermost counts, and of two on one point the later."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(LINES.format(root=tmp_path))
    assert network_type(tmp_path / path, mounts) == expected


def test_an_unknown_kernel_is_taken_for_local(tmp_path: Path) -> None:
    """Without the kernel's list nothing is refused."""
    assert network_type(tmp_path, tmp_path / "none") is None

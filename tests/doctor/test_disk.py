"""Room, execution and sockets, on made-up disks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nerdistill.doctor.disk import (
    GIB,
    check_disk,
    check_execution,
    check_sockets,
    mount_of,
    uses,
)

if TYPE_CHECKING:
    from nerdistill.doctor.finding import Status

HOME, WORK, TEMPORARY = Path("/home/ada"), Path("/nfs/study"), Path("/tmp/ada")  # noqa: S108 - not written
USES = {use.name: use for use in uses(HOME, WORK, TEMPORARY, scratch=False)}


def mount(free: float, *, readonly: bool = False) -> dict[str, Any]:
    """A disk with so many GiB free."""
    return {"path": "/x", "type": "ext4", "free_bytes": int(free * GIB), "readonly": readonly}


@pytest.mark.parametrize(
    ("name", "told", "writable", "status", "remedy"),
    [
        ("workspace", mount(100), True, "ok", ""),
        ("workspace", mount(2), True, "warning", "--workspace"),
        ("workspace", mount(0.1), True, "failure", "--workspace"),
        ("workspace", mount(100, readonly=True), True, "failure", "--workspace"),
        ("workspace", mount(100), False, "failure", "--workspace"),
        ("temporary files", mount(0.1), True, "failure", "--scratch"),
        ("temporary files", None, True, "warning", "--scratch"),
        ("home folder", mount(0.01), True, "warning", "--scratch"),
        ("home folder", mount(100, readonly=True), False, "warning", "--scratch"),
        ("shared memory", mount(0.06), True, "warning", "--shm-size"),
    ],
)
def test_room(
    name: str, told: dict[str, Any] | None, writable: bool, status: Status, remedy: str
) -> None:
    """Little is a warning, too little a failure; a small home can be gone round by --scratch."""
    (found,) = check_disk(USES[name], told, writable=writable)
    assert (found.name, found.status) == (name, status)
    assert remedy in found.remedy
    assert bool(found.remedy) == (status != "ok")


def test_with_a_scratch_folder_the_home_does_not_matter() -> None:
    """Nothing is written there then."""
    assert "home folder" not in {use.name for use in uses(HOME, WORK, TEMPORARY, scratch=True)}


@pytest.mark.parametrize(("runs", "status"), [(True, "ok"), (False, "warning")])
def test_execution(runs: bool, status: Status) -> None:
    """What noexec means, and the way round."""
    (found,) = check_execution(USES["temporary files"], runs=runs)
    assert (found.status, "--scratch" in found.remedy) == (status, not runs)


@pytest.mark.parametrize(("length", "status"), [(70, "ok"), (71, "warning")])
def test_sockets(length: int, status: Status) -> None:
    """A Unix socket's path has 107 bytes at most, and vLLM's take 37 of them."""
    (found,) = check_sockets(Path("/" + "x" * (length - 1)))
    assert found.status == status


def test_a_mount_is_found_through_links(tmp_path: Path) -> None:
    """The probe tells of real paths."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    told = {"path": str((tmp_path / "real").resolve())}
    assert mount_of(tmp_path / "link", [told]) is told
    assert mount_of(tmp_path / "nowhere", [told]) is None

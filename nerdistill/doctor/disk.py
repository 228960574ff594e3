"""Room on the disks, and whether programs and sockets can lie where they will."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerdistill.doctor.finding import Finding
from nerdistill.places import SOCKET_BYTES, TEMPORARY_SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.doctor.finding import Status

GIB = 1 << 30
SCRATCH = (
    "Name a short path on this node's own disk where programs may run: nerdistill --scratch DIR ..."
)
SHM = (
    "Let an administrator enlarge it (mount -o remount,size=8G /dev/shm; a container: --shm-size)."
)


@dataclass(frozen=True, slots=True)
class Use:
    """A folder that is written to.

    Attributes:
        name: what it is called in the report.
        path: the folder, which need not exist.
        wanted: bytes, below which a person is warned.
        least: bytes, below which work will fail.
        remedy: where it lacks room or can't be written.
        compiles: programs that are compiled at run time lie there.
    """

    name: str
    path: Path
    wanted: int
    least: int
    remedy: str
    compiles: bool = False


def uses(home: Path, workspace: Path, temporary: Path, *, scratch: bool) -> list[Use]:
    """The folders that nerdistill and its libraries write to.

    Args:
        home: the user's.
        workspace: where results are kept.
        temporary: where temporary files lie.
        scratch: the user named a folder with `--scratch`, so that the home is not written to.
    """
    other = "Free space, or keep results elsewhere: nerdistill study run ... --workspace DIR"
    found = [
        Use("workspace", workspace, 5 * GIB, GIB // 2, other),
        Use("temporary files", temporary, 2 * GIB, GIB // 4, SCRATCH, compiles=True),
        Use("shared memory", Path("/dev/shm"), GIB, 0, SHM),  # noqa: S108 - looked at
    ]
    if not scratch:
        found.append(Use("home folder", home, 2 * GIB, 0, SCRATCH))
    return found


def check_disk(
    use: Use, mount: dict[str, Any] | None, *, writable: bool = True
) -> Iterator[Finding]:
    """Whether a folder has room and can be written.

    Args:
        use: the folder.
        mount: what the probe tells of it; None where it does not exist.
        writable: this user may write there.
    """
    if mount is None:
        yield Finding(use.name, "warning", f"there is no {use.path}", use.remedy)
        return
    free = mount["free_bytes"]
    told = f"{free / GIB:,.1f} GiB free in {use.path} ({mount['type']})"
    if mount["readonly"] or not writable:
        status: Status = "failure" if use.least else "warning"
        yield Finding(use.name, status, f"{use.path} cannot be written", use.remedy)
    elif free < use.least:
        yield Finding(use.name, "failure", told, use.remedy)
    elif free < use.wanted:
        yield Finding(use.name, "warning", told, use.remedy)
    else:
        yield Finding(use.name, "ok", told)


def check_execution(use: Use, *, runs: bool) -> Iterator[Finding]:
    """Whether programs may run in a folder: compiled kernels lie there."""
    if runs:
        yield Finding("programs", "ok", f"can be started in {use.path}")
    else:
        found = f"none can be started in {use.path}: it is mounted noexec"
        yield Finding("programs", "warning", found, use.remedy)


def check_sockets(temporary: Path) -> Iterator[Finding]:
    """Whether the path of a socket in the temporary folder is short enough."""
    longest = len(os.fsencode(temporary)) + TEMPORARY_SOCKET
    if longest > SOCKET_BYTES:
        found = f"their paths in {temporary} would be {longest - SOCKET_BYTES} bytes too long"
        yield Finding("sockets", "warning", found, SCRATCH)
    else:
        yield Finding("sockets", "ok", f"{longest} of {SOCKET_BYTES} bytes of path are used")


def mount_of(path: Path, mounts: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What the probe tells of a folder."""
    whole = os.path.realpath(path)
    return next((one for one in mounts if one["path"] == whole), None)

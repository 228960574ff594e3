"""Which file system a path lies on: locks and shared memory do not work on all of them."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

NETWORK = frozenset(
    {
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "wekafs",
    }
)
"""Types of file systems that several machines may share."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def network_type(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the network file system that holds a path; None where it is a local one.

    Where the kernel does not tell (not on Linux), it is taken for local.

    Args:
        path: need not exist.
        mounts: the kernel's list, as `man 5 proc_pid_mountinfo` describes it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    whole = path.absolute().resolve()
    found, longest = "", -1
    for line in lines:
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        point = Path(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[4])) if dash else None
        # Of two mounts on one point, the later one is seen.
        if point and whole.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = right.split(" ")[0], len(point.parts)
    return found if found in NETWORK else None

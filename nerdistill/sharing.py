"""Who may read what nerdistill writes: its user alone, or with `--group` a group too.

Files are 0600 in folders of 0700, whatever the umask; for a group 0640 in 02750, so that what is
made inside belongs to the group as well. Files that can be executed stay so.
"""

from __future__ import annotations

import errno
import grp
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

_group: int | None = None
"""As the umask: one for the process, set where it starts."""

UNSUPPORTED = frozenset({errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOTSUP})
"""What is said where the file is another user's, or its file system keeps no bits."""


def keep_private() -> None:
    """From now on, what is written is its user's alone."""
    global _group  # noqa: PLW0603 - see there
    _group = None
    os.umask(0o077)


def share_with(group: str) -> None:
    """From now on, a group may read what is written.

    Args:
        group: its name or number.

    Raises:
        ConfigError: there is no such group, or its user is not in it.
    """
    global _group  # noqa: PLW0603 - see there
    number = _number(group)
    mine = {os.getegid(), *os.getgroups()}
    if number not in mine and os.geteuid() != 0:
        raise ConfigError(
            f"--group {group}: you are not in this group",
            f"Choose among yours ({_names(mine)}), or have yourself added and log in again.",
        )
    _group = number
    os.umask(0o027)


def shared_with() -> int | None:
    """The number of the group that may read what is written; None: its user alone."""
    return _group


def _number(group: str) -> int:
    if group.isdecimal() and len(group) < len(str(2**32)) and int(group) < 2**32 - 1:
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise ConfigError(
            f"--group {group}: there is no such group on this machine",
            f"Choose among yours: {_names({os.getegid(), *os.getgroups()})}.",
        ) from error


def _names(numbers: Iterable[int]) -> str:
    known = {one.gr_gid: one.gr_name for one in grp.getgrall()}
    return ", ".join(known.get(number, str(number)) for number in sorted(numbers))


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing. Others stay as they are.

    Raises:
        FileExistsError: a file stands in its place.
        OSError: it cannot be made, or not be given to the group.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)  # another process may be first
        settle(folder)


def settle(place: Path | int) -> None:
    """Give a file or folder of ours its bits and its group. A link is left alone.

    By a path, nothing is opened: to close a file would end the locks that SQLite holds on it.

    Args:
        place: a path, which need not exist, or an open file.

    Raises:
        ConfigError: it cannot be given to the group.
    """
    try:
        state = os.fstat(place) if isinstance(place, int) else place.lstat()
    except FileNotFoundError:
        return
    if not (stat.S_ISDIR(state.st_mode) or stat.S_ISREG(state.st_mode)) or _is_settled(state):
        return
    try:
        if _group is not None and state.st_gid != _group:
            os.chown(place, -1, _group)
        os.chmod(place, _mode(state))  # noqa: PTH101 - of an open file too
    except OSError as error:
        if state.st_uid == os.geteuid() and _group is not None:
            raise ConfigError(
                f"--group: {place} cannot be given to group {_names([_group])}: {error.strerror}",
                "Choose another group or another place, or leave --group out.",
            ) from error
        if error.errno not in UNSUPPORTED:
            raise


def settle_below(folder: Path) -> None:
    """Settle all that lies in a folder, then the folder. Links are left alone.

    Raises:
        ConfigError: as for `settle`.
    """
    if folder.is_symlink():
        return
    for root, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            settle(Path(root, name))
    settle(folder)


def unsettled(path: Path) -> bool:
    """Whether a file or folder has other bits or another group than what is made now."""
    return not path.is_symlink() and path.exists() and not _is_settled(path.lstat())


def remedy(folder: Path) -> str:
    """The command that settles a folder."""
    where = shlex.quote(str(folder))
    if _group is None:
        return f"chmod 700 {where}"
    return f"chgrp {_names([_group])} {where} && chmod 2750 {where}"


def _is_settled(state: os.stat_result) -> bool:
    return stat.S_IMODE(state.st_mode) == _mode(state) and _group in {None, state.st_gid}


def _mode(state: os.stat_result) -> int:
    """The bits that a file or folder should have."""
    if stat.S_ISDIR(state.st_mode):
        return 0o700 if _group is None else 0o2750
    runs = bool(state.st_mode & stat.S_IXUSR)
    return (0o600 if _group is None else 0o640) | (runs * (0o100 if _group is None else 0o110))

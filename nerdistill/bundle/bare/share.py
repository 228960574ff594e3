"""Who may use an installation: everybody on the machine, or one group; people's text is private."""

import contextlib
import os
import stat
from typing import AbstractSet, Iterator, NamedTuple, Optional, Set

from nerdistill.bundle.bare.manifest import Manifest, files_of
from nerdistill.bundle.bare.paths import folders_above
from nerdistill.bundle.bare.refusal import Refused

PRIVATE = frozenset(["corpus", "replies"])
"""Roles of files that hold people's text and labels."""

_Sharing = NamedTuple("_Sharing", [("group", Optional[int]), ("folders", int), ("files", int)])


class Sharing(_Sharing):
    """The bits of folders and files, and the group that they belong to."""

    @staticmethod
    def of(group: Optional[str]) -> "Sharing":
        """What a user's --group means; None: readable as installed programs are.

        Raises:
            Refused: there is no such group, or this user is not in it.
        """
        if group is None:
            return Sharing(None, 0o755, 0o644)
        import grp

        try:
            number = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
        except KeyError as error:
            raise Refused(
                "there is no group {!r}".format(group), "`getent group` lists those there are."
            ) from error
        if os.geteuid() != 0 and number not in os.getgroups() + [os.getegid()]:
            raise Refused(
                "you are not in the group {!r}".format(group),
                "Name a group that `id` shows for you, or have it done by a user who is in it.",
            )
        # New files below inherit the group.
        return Sharing(number, 0o2750, 0o640)

    @contextlib.contextmanager
    def umask(self) -> Iterator[None]:
        """Let what other programs write come out right, whatever the user's umask."""
        before = os.umask(0o027 if self.group is not None else 0o022)
        try:
            yield
        finally:
            os.umask(before)

    def at(self, path: str, private: AbstractSet[str]) -> "Sharing":
        """How one path is shared: one that is private with the group, or with nobody."""
        if self.group is not None or path not in private:
            return self
        return Sharing(None, 0o700, 0o600)

    def bits(self, *, executable: bool) -> int:
        """The bits of a file."""
        return self.files | (0o111 & self.folders if executable else 0)

    def make_folder(self, path: str) -> None:
        """Make a folder where there is none; one that exists stays as it is."""
        if os.path.isdir(path):
            return
        self.make_folder(os.path.dirname(path))
        os.mkdir(path)
        self._give(path, self.folders)

    def hand_over(self, folder: str, private: AbstractSet[str]) -> None:
        """Set bits and group of everything below a folder; a file's executable bit stays.

        Args:
            folder: an install root.
            private: paths below it, as `private_paths` tells them.
        """
        for place, names, files in os.walk(folder):
            self.at(os.path.relpath(place, folder), private).hand_over_folder(place)
            for name in files + [one for one in names if os.path.islink(os.path.join(place, one))]:
                path = os.path.join(place, name)
                self.at(os.path.relpath(path, folder), private).hand_over_file(path)

    def hand_over_folder(self, path: str) -> None:
        """Set bits and group of a folder alone."""
        self._give(path, self.folders)

    def hand_over_file(self, path: str) -> None:
        """Set bits and group of a file; a link only gets the group."""
        if os.path.islink(path):
            if self.group is not None:
                os.lchown(path, -1, self.group)
            return
        executable = bool(os.stat(path).st_mode & 0o100)
        self._give(path, self.bits(executable=executable))

    def fits(self, path: str, *, executable: bool) -> bool:
        """Whether a file has its bits and group already, so that another version may share it."""
        try:
            told = os.lstat(path)
        except OSError:
            return False
        return (
            stat.S_IMODE(told.st_mode) == self.bits(executable=executable)
            and self.group in (None, told.st_gid)
            and os.geteuid() in (0, told.st_uid)
        )

    def _give(self, path: str, mode: int) -> None:
        if self.group is not None:
            os.chown(path, -1, self.group)
        os.chmod(path, mode)


def private_paths(manifest: Manifest) -> Set[str]:
    """The files with people's text and labels, and the folders that hold nothing else."""
    private = {
        file.path for asset in manifest.assets if asset.role in PRIVATE for file in asset.files
    }
    others = {file.path for file in files_of(manifest)} - private
    return private | (folders_above(private) - folders_above(others))

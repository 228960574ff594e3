"""Who may use an installation: everybody on the machine, or one group."""

import contextlib
import os
import stat
from typing import Iterator, NamedTuple, Optional

from nerdistill.bundle.bare.refusal import Refused

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

    def make_folder(self, path: str) -> None:
        """Make a folder where there is none; one that exists stays as it is."""
        if os.path.isdir(path):
            return
        self.make_folder(os.path.dirname(path))
        os.mkdir(path)
        self._give(path, self.folders)

    def hand_over(self, folder: str) -> None:
        """Set bits and group of everything below a folder; a file's executable bit stays."""
        for place, names, files in os.walk(folder):
            self._give(place, self.folders)
            for name in files + [one for one in names if os.path.islink(os.path.join(place, one))]:
                self.hand_over_file(os.path.join(place, name))

    def hand_over_file(self, path: str) -> None:
        """Set bits and group of a file; a link only gets the group."""
        if os.path.islink(path):
            if self.group is not None:
                os.lchown(path, -1, self.group)
            return
        executable = os.stat(path).st_mode & 0o100
        self._give(path, self.files | (0o111 & self.folders if executable else 0))

    def fits(self, path: str, *, executable: bool) -> bool:
        """Whether a file has its bits and group already, so that another version may share it."""
        try:
            told = os.lstat(path)
        except OSError:
            return False
        wanted = self.files | (0o111 & self.folders if executable else 0)
        return (
            stat.S_IMODE(told.st_mode) == wanted
            and self.group in (None, told.st_gid)
            and os.geteuid() in (0, told.st_uid)
        )

    def _give(self, path: str, mode: int) -> None:
        if self.group is not None:
            os.chown(path, -1, self.group)
        os.chmod(path, mode)

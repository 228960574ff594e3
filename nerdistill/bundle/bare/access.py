"""Files that are only read: what is missing is told apart from what may not be read."""

import contextlib
import os
import shlex
import stat
from typing import Iterator, Optional

from nerdistill.bundle.bare.refusal import Refused


def regular_size(path: str) -> Optional[int]:
    """The length of a regular file; None where there is none, or where it is a link.

    Raises:
        OSError: it cannot be told, as where a folder may not be entered.
    """
    try:
        told = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return told.st_size if stat.S_ISREG(told.st_mode) else None


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Refuse, with the remedy, where the system denies a bundle to this user.

    Raises:
        Refused: a file or folder may not be read.
    """
    try:
        yield
    except PermissionError as error:
        if error.filename is None:
            raise
        path = os.path.abspath(error.filename)
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        remedy = (
            "Run `sudo chmod -R a+rX {}`, here or on the machine that made it: who holds the "
            "medium can read it anyway.".format(shlex.quote(folder))
        )
        if not os.path.isdir(folder):
            remedy = (
                "Run this as the user who may enter the folders above it, or have the bundle "
                "copied to where you may read it."
            )
        raise Refused("{} may not be read by this user".format(path), remedy) from error

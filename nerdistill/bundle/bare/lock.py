"""One installer at a time below a root, which is left as it was unless a version was installed."""

import contextlib
import fcntl
import os
from typing import Iterator

from nerdistill.bundle.bare.manifest import VERSIONS
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing

BUSY = ".install.lock"


def existing(path: str) -> str:
    """The path, or the nearest folder above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


@contextlib.contextmanager
def alone(root: str, sharing: Sharing) -> Iterator[None]:
    """Keep a second installer out, and leave no empty folder of this one."""
    versions = os.path.join(root, VERSIONS)
    before = existing(versions)
    lock = os.path.join(root, BUSY)
    try:
        sharing.make_folder(root)
        handle = _locked(lock)
    except OSError as error:
        _remove_empty(versions, before)
        raise Refused(
            "{} cannot be written: {}".format(root, error.strerror),
            "Free space or mend the permissions there, or name another folder with --into.",
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(lock)
        os.close(handle)
        _remove_empty(versions, before)


def _locked(path: str) -> int:
    """A locked file; the kernel lets go of it when this process dies."""
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise Refused(
                "another installation into {} is running".format(os.path.dirname(path)),
                "Wait until it has ended.",
            ) from error
        except OSError:
            # No locks here, as on some NFS: two installers at once are then the user's care.
            return handle
        if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
            return handle
        # The one who had it has just removed it.
        os.close(handle)


def _remove_empty(path: str, end: str) -> None:
    """Remove a folder and those above it, up to one, as long as they are empty."""
    while path != end:
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:
            return
        path = os.path.dirname(path)

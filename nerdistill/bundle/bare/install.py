"""Install a bundle: verify, preflight, unpack, make the environment, mark it, switch to it."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

from nerdistill.bundle.bare.environment import TEMPORARY, interpreter, make_environment
from nerdistill.bundle.bare.hashing import Tick
from nerdistill.bundle.bare.manifest import (
    MANIFEST,
    SIGNATURE,
    Base,
    Manifest,
    files_of,
    version_folder,
)
from nerdistill.bundle.bare.preflight import check_machine, check_space, choose_python
from nerdistill.bundle.bare.probe import facts
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing
from nerdistill.bundle.bare.unpack import unpack
from nerdistill.bundle.bare.verify import Verified, verify
from nerdistill.bundle.bare.weights import ROLES, check_names, check_settings

INSTALLED = "installed.json"
CURRENT = "current"
BUSY = ".install.lock"

Say = Callable[[str], None]

Wishes = NamedTuple(
    "Wishes",
    [
        ("bundle", str),
        ("key", bytes),
        ("root", str),
        ("folders", List[str]),
        ("python", Optional[str]),
        ("group", Optional[str]),
        ("allow_rollback", bool),
        ("jobs", Optional[int]),
    ],
)
"""What the user asks for.

Attributes:
    bundle: its folder, which is only read.
    root: the folder to install below.
    folders: where else volumes lie.
    python: an interpreter to build on; None to find one.
    group: who else may use the installation; None: everybody may read it.
    jobs: threads; None: one a core.
"""


def install(wishes: Wishes, say: Say, tick: Optional[Tick] = None) -> str:
    """Install a bundle, or finish what an interrupted run began; done already is fine, too.

    Returns:
        The folder of the installed version.

    Raises:
        Refused: the bundle or this machine does not pass; then nothing is left behind.
        OSError: the disk is full or not writable; then too.
    """
    bundle = verify(wishes.bundle, wishes.key, wishes.folders, wishes.jobs, tick)
    manifest = bundle.manifest
    say(
        "verified: {} {}, {} volumes".format(manifest.name, manifest.version, len(manifest.volumes))
    )
    for asset in manifest.assets:
        if asset.role in ROLES:
            check_names(file.path for file in asset.files)
    root = os.path.abspath(wishes.root)
    found = facts([_existing(root)])
    for note in check_machine(manifest, found):
        say("note: " + note)
    python = choose_python(manifest, found, wishes.python)
    sharing = Sharing.of(wishes.group)
    with sharing.umask(), _alone(root, sharing):
        check_history(manifest, root, allow_rollback=wishes.allow_rollback)
        folder = os.path.join(root, version_folder(manifest.digest))
        if read_installed(folder) is None:
            _build(bundle, wishes, folder, python, sharing, say, tick)
        else:
            say("already installed: " + folder)
        _switch(root, folder)
    return folder


def _build(
    bundle: Verified,
    wishes: Wishes,
    folder: str,
    python: Optional[str],
    sharing: Sharing,
    say: Say,
    tick: Optional[Tick],
) -> None:
    manifest = bundle.manifest
    root = os.path.dirname(os.path.dirname(folder))
    base = _base_folder(manifest.base, root)
    try:
        check_space(manifest, _existing(folder), _present(folder))
        sharing.make_folder(os.path.dirname(folder))
        sharing.make_folder(folder)
        say("unpacking {} files".format(len(files_of(manifest))))
        unpack(bundle, folder, base, wishes.jobs, tick)
        for asset in manifest.assets:
            if asset.role in ROLES:
                check_settings(folder, [file.path for file in asset.files])
        say("making the environment (some minutes)")
        make_environment(manifest, folder, python or interpreter(manifest, folder))
        for name in (MANIFEST, SIGNATURE):
            shutil.copyfile(os.path.join(wishes.bundle, name), os.path.join(folder, name))
        shutil.rmtree(os.path.join(folder, TEMPORARY), ignore_errors=True)
        sharing.hand_over(folder)
        os.sync()
        _mark(manifest, folder, sharing)
    except BaseException:
        # What is refused leaves nothing; what is killed is finished by the next run.
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _existing(path: str) -> str:
    """The path, or the nearest folder above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _present(folder: str) -> int:
    """Bytes that an interrupted run left and that need no more room."""
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(folder)
        for name in names
    )


@contextlib.contextmanager
def _alone(root: str, sharing: Sharing) -> Iterator[None]:
    """Keep a second installer out; the kernel lets go of the lock when this one dies."""
    try:
        sharing.make_folder(root)
        handle = os.open(os.path.join(root, BUSY), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(
            "{} cannot be written: {}".format(root, error.strerror),
            "Name a folder with --into that you may write to.",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Refused(
            "another installation into {} is running".format(root), "Wait until it has ended."
        ) from error
    except OSError:
        # No locks here, as on some NFS: two installers at once are then the user's care.
        pass
    try:
        yield
    finally:
        os.close(handle)


def read_installed(folder: str) -> Optional[Dict[str, Any]]:
    """What `installed.json` of a version tells; None where it is not complete."""
    try:
        with open(os.path.join(folder, INSTALLED), encoding="utf-8") as stream:
            told = json.loads(stream.read())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def installed_versions(root: str) -> List[Dict[str, Any]]:
    """What is installed below a root, whole versions only."""
    versions = os.path.join(root, "versions")
    names = sorted(os.listdir(versions)) if os.path.isdir(versions) else []
    told = [read_installed(os.path.join(versions, name)) for name in names]
    return [one for one in told if one is not None]


def check_history(manifest: Manifest, root: str, *, allow_rollback: bool) -> None:
    """Refuse an older bundle than one that is installed: an old one may have known faults.

    Raises:
        Refused: there is a newer one of the same name.
    """
    newer = [
        one
        for one in installed_versions(root)
        if one["name"] == manifest.name and one["version"] > manifest.version
    ]
    if newer and not allow_rollback:
        raise Refused(
            "{} {} is older than {}, which is installed".format(
                manifest.name, manifest.version, max(one["version"] for one in newer)
            ),
            "Install the newer bundle, or say --allow-rollback if the older one is meant.",
        )


def _base_folder(base: Optional[Base], root: str) -> Optional[str]:
    if base is None:
        return None
    folder = os.path.join(root, version_folder(base.manifest))
    told = read_installed(folder)
    if told is None or told.get("manifest") != base.manifest:
        raise Refused(
            "this bundle holds only what changed since {} {}, which is not installed in {}".format(
                base.name, base.version, root
            ),
            "Install that bundle first, or make this one again without --base.",
        )
    return folder


def _mark(manifest: Manifest, folder: str, sharing: Sharing) -> None:
    """Say that a version is complete, as the last thing."""
    told = {
        "manifest": manifest.digest,
        "name": manifest.name,
        "version": manifest.version,
        "python": sys.version.split()[0],
    }
    aside = os.path.join(folder, INSTALLED + ".part")
    with open(aside, "w", encoding="utf-8") as stream:
        json.dump(told, stream, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    sharing.hand_over_file(aside)
    os.replace(aside, os.path.join(folder, INSTALLED))


def _switch(root: str, folder: str) -> None:
    """Let `current` name the version, in one step."""
    aside = os.path.join(root, "." + CURRENT)
    if os.path.lexists(aside):
        os.unlink(aside)
    os.symlink(os.path.relpath(folder, root), aside)
    os.replace(aside, os.path.join(root, CURRENT))

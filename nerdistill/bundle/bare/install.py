"""Install a bundle: verify, preflight, unpack, make the environment, mark it, switch to it."""

import errno
import os
import shutil
from typing import Callable, List, NamedTuple, Optional

from nerdistill.bundle.bare.bomb import check_wheels
from nerdistill.bundle.bare.environment import TEMPORARY, interpreter, make_environment
from nerdistill.bundle.bare.hashing import Tick
from nerdistill.bundle.bare.installed import (
    base_folder,
    check_current,
    check_history,
    mark,
    read_installed,
    switch,
)
from nerdistill.bundle.bare.lock import alone, existing
from nerdistill.bundle.bare.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    files_of,
    version_folder,
)
from nerdistill.bundle.bare.preflight import (
    check_locale,
    check_machine,
    check_space,
    choose_python,
)
from nerdistill.bundle.bare.probe import facts
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing, private_paths
from nerdistill.bundle.bare.unpack import clear, unpack
from nerdistill.bundle.bare.verify import Verified, read_manifest, verify
from nerdistill.bundle.bare.weights import check_settings, model_files

Say = Callable[[str], None]

PRIVATE_NOTE = (
    "note: corpora and replies can be read by you alone; --group NAME lets a group read them"
)

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
    group: who else may use the installation; None: everybody may read it, but for corpora and
        replies.
    jobs: threads; None: one a core.
"""


def install(wishes: Wishes, say: Say, tick: Optional[Tick] = None) -> str:
    """Install a bundle, or finish what an interrupted run began; done already is fine, too.

    Returns:
        The folder of the installed version.

    Raises:
        Refused: the bundle or this machine does not pass, or the disk is full; then nothing is
            left behind.
        OSError: something cannot be read or written; then too.
    """
    bundle = verify(wishes.bundle, wishes.key, wishes.folders, wishes.jobs, tick)
    manifest = bundle.manifest
    say(
        "verified: {} {}, {} volumes".format(manifest.name, manifest.version, len(manifest.volumes))
    )
    root = os.path.abspath(wishes.root)
    check_locale(manifest, root)
    _check_apart(root, [wishes.bundle] + wishes.folders)
    found = facts([existing(root)], wishes.python)
    for note in check_machine(manifest, found):
        say("note: " + note)
    python = choose_python(manifest, found, wishes.python)
    sharing = Sharing.of(wishes.group)
    folder = os.path.join(root, version_folder(manifest.digest))
    try:
        with sharing.umask(), alone(root, sharing):
            check_history(manifest, root, allow_rollback=wishes.allow_rollback)
            check_current(root)
            if read_installed(folder) is None:
                _build(bundle, wishes, folder, python, sharing, say, tick)
            else:
                say("already installed: " + folder)
            switch(root, folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused(
            "the disk of {} is full".format(root),
            "Free space there, then run the same command again.",
        ) from error
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
    """Make a version, complete with its mark.

    What fails leaves nothing. What is interrupted, by a key or by a kill, stays for the next run.
    """
    manifest = bundle.manifest
    models, private = model_files(manifest), private_paths(manifest)
    if private and sharing.group is None:
        say(PRIVATE_NOTE)
    base = base_folder(manifest.base, os.path.dirname(os.path.dirname(folder)))
    _claim(folder, sharing)
    try:
        more = _copied(manifest, base, sharing) - clear(manifest, folder)
        check_space(manifest, folder, more)
        say("unpacking {} files".format(len(files_of(manifest))))
        unpack(bundle, folder, base, sharing, wishes.jobs, tick)
        check_settings(folder, models)
        check_wheels(manifest, folder)
        say("making the environment (some minutes)")
        make_environment(manifest, folder, python or interpreter(manifest, folder))
        _keep_manifest(wishes, manifest, folder)
        shutil.rmtree(os.path.join(folder, TEMPORARY))
        sharing.hand_over(folder, private)
        os.sync()
        mark(manifest, folder, sharing)
    except (Refused, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_apart(root: str, places: List[str]) -> None:
    """Refuse to install into the medium, which is only read."""
    whole = os.path.realpath(root)
    for place in map(os.path.realpath, places):
        if os.path.commonpath([whole, place]) == place:
            raise Refused(
                "{} lies inside {}, which is only read".format(root, place),
                "Name another folder with --into.",
            )


def _claim(folder: str, sharing: Sharing) -> None:
    """Make a version's folder, or take the one that an interrupted run of this user left.

    In another user's folder there may be links that lead elsewhere.
    """
    for path in (os.path.dirname(folder), folder):
        link = os.path.islink(path) and path == folder
        if link or (os.path.lexists(path) and not os.path.isdir(path)):
            raise Refused("{} is no folder".format(path), "Move it away, then install again.")
    if not os.path.lexists(folder):
        sharing.make_folder(folder)
    elif os.stat(folder).st_uid != os.geteuid():
        raise Refused(
            "{} belongs to another user, who has begun to install there".format(folder),
            "Let that user run the command again, or remove it.",
        )


def _copied(manifest: Manifest, base: Optional[str], sharing: Sharing) -> int:
    """Bytes of the base's files that cannot be shared with it."""
    private = private_paths(manifest)
    return sum(
        file.size
        for file in files_of(manifest)
        if file.base is not None
        and not sharing.at(file.path, private).fits(
            os.path.join(base or "", file.base), executable=file.executable
        )
    )


def _keep_manifest(wishes: Wishes, manifest: Manifest, folder: str) -> None:
    for name in (MANIFEST, SIGNATURE):
        shutil.copyfile(os.path.join(wishes.bundle, name), os.path.join(folder, name))
    if read_manifest(folder, wishes.key).digest != manifest.digest:
        raise Refused(
            "{} changed while it was read".format(MANIFEST),
            "See that the medium is sound, verify the bundle, then install again.",
        )

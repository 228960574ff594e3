"""What is installed below a root: complete versions, and `current`, which names one of them."""

import json
import os
import sys
from typing import Any, Dict, List, Optional

from nerdistill.bundle.bare.access import regular_size
from nerdistill.bundle.bare.manifest import VERSIONS, Base, Manifest, version_folder
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.share import Sharing

INSTALLED = "installed.json"
CURRENT = "current"


def read_installed(folder: str) -> Optional[Dict[str, Any]]:
    """What `installed.json` of a version tells; None where it is not complete.

    Raises:
        Refused: it cannot be read; a version that only seems incomplete would be built anew, and
            what users put there would be lost.
    """
    path = os.path.join(folder, INSTALLED)
    try:
        if regular_size(path) is None:
            return None
        with open(path, encoding="utf-8") as stream:
            told = json.loads(stream.read())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    except OSError as error:
        raise Refused(
            "{} cannot be read: {}".format(path, error.strerror),
            "Mend its permissions or the disk, then run the same command again.",
        ) from error
    if isinstance(told, dict) and {"manifest", "name", "version"} <= set(told):
        return told
    return None


def installed_versions(root: str) -> List[Dict[str, Any]]:
    """What is installed below a root, whole versions only."""
    versions = os.path.join(root, VERSIONS)
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


def check_current(root: str) -> None:
    """Refuse to put a link in the place of something else.

    Raises:
        Refused: `current` is a file or a folder.
    """
    path = os.path.join(root, CURRENT)
    if os.path.lexists(path) and not os.path.islink(path):
        raise Refused(
            "{} is not the link that an installation makes".format(path),
            "Move it away, or name another folder with --into.",
        )


def base_folder(base: Optional[Base], root: str) -> Optional[str]:
    """The installed version of a base.

    Raises:
        Refused: it is not installed.
    """
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


def mark(manifest: Manifest, folder: str, sharing: Sharing) -> None:
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


def switch(root: str, folder: str) -> None:
    """Let `current` name the version, in one step."""
    aside = os.path.join(root, "." + CURRENT)
    if os.path.lexists(aside):
        os.unlink(aside)
    os.symlink(os.path.relpath(folder, root), aside)
    os.replace(aside, os.path.join(root, CURRENT))

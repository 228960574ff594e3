"""Verify a bundle: its signature first, then its own files, then every volume."""

import os
from typing import Dict, List, NamedTuple, Optional

from nerdistill.bundle.bare.access import readable, regular_size
from nerdistill.bundle.bare.ed25519 import parse_key, verifies
from nerdistill.bundle.bare.hashing import Tick, sha256_file
from nerdistill.bundle.bare.manifest import LARGEST, MANIFEST, SIGNATURE, Manifest, parse
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.volumes import check_volumes
from nerdistill.bundle.bare.weights import check_names, model_files

Verified = NamedTuple("Verified", [("manifest", Manifest), ("volumes", Dict[str, str])])
"""A bundle that is whole and signed, and the path of each of its volumes."""


def read_key(text: str) -> bytes:
    """The public key in a file, or written out as 64 hexadecimal digits.

    Raises:
        Refused: there is no such file, or it holds no public key.
    """
    if not os.path.exists(text) and len(text) == 64:  # noqa: PLR2004 - digits of 32 bytes
        return parse_key(text)
    try:
        with open(text, encoding="ascii", errors="replace") as stream:
            return parse_key(stream.read(4096))
    except OSError as error:
        raise Refused(
            "the public key {} cannot be read: {}".format(text, error.strerror),
            "Name the file NAME.pub that the bundle's maker carried to you apart from the bundle.",
        ) from error


@readable()
def read_manifest(bundle: str, key: Optional[bytes]) -> Manifest:
    """The manifest of a bundle.

    Args:
        bundle: its folder.
        key: the public key; None to believe an unsigned manifest, only to look at it.

    Raises:
        Refused: it is missing, may not be read, is unsigned, signed by another key, or no
            manifest.
    """
    data = _read(bundle, MANIFEST, LARGEST)
    if key is not None:
        signature = _read(bundle, SIGNATURE, 1 << 10)
        if not verifies(key, data, signature):
            raise Refused(
                "the signature of {} is not by this key".format(MANIFEST),
                "Compare the key with its maker (fingerprints over the phone). If the key is "
                "right, the manifest was changed: carry {} and {} again.".format(
                    MANIFEST, SIGNATURE
                ),
            )
    return parse(data)


def _read(bundle: str, name: str, most: int) -> bytes:
    path = os.path.join(bundle, name)
    missing = {
        MANIFEST: "Name the folder of a bundle; one without it was not finished, or not carried.",
        SIGNATURE: "An unsigned bundle is never installed: carry {} too.".format(SIGNATURE),
    }
    # A pipe or a device would be read without an end.
    if regular_size(os.path.realpath(path)) is None:
        raise Refused("{} is missing in {}".format(name, bundle), missing[name])
    with open(path, "rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise Refused("{} is longer than {} bytes".format(name, most), missing[name])
    return data


@readable()
def verify(
    bundle: str,
    key: bytes,
    folders: Optional[List[str]] = None,
    jobs: Optional[int] = None,
    tick: Optional[Tick] = None,
) -> Verified:
    """Check a whole bundle; nothing is written.

    Args:
        bundle: the folder with the manifest.
        key: the public key.
        folders: where else volumes lie, when they came on several media.
        jobs: threads; default: one a core.
        tick: told of bytes as they are read.

    Raises:
        Refused: naming what is damaged, missing, added, not signed or may not be read, and what
            to carry again.
    """
    manifest = read_manifest(bundle, key)
    check_names(model_files(manifest))
    places = [bundle] + list(folders or [])
    for place in places:
        _check_listing(place, manifest)
    for one in manifest.attached:
        path = os.path.join(bundle, one.name)
        size = regular_size(path)
        if size is None:
            raise Refused("{} is missing in {}".format(one.name, bundle), "Carry it again.")
        if size != one.size or sha256_file(path) != one.sha256:
            raise Refused("{} is damaged".format(one.name), "Carry it again.")
    return Verified(manifest, check_volumes(manifest, places, jobs, tick))


def _check_listing(folder: str, manifest: Manifest) -> None:
    """Refuse what the manifest does not name: a bundle has a folder of its own."""
    known = {MANIFEST, SIGNATURE}
    known.update(one.name for one in manifest.volumes + manifest.attached)
    try:
        extra = sorted(set(os.listdir(folder)) - known)
    except PermissionError:
        raise
    except OSError as error:
        raise Refused(
            "{} cannot be listed: {}".format(folder, error.strerror), "Name an existing folder."
        ) from error
    if extra:
        raise Refused(
            "{} holds {!r}, which the manifest does not name".format(folder, extra[0]),
            "Remove it, or copy the bundle's own files into a folder of their own.",
        )

"""The manifest of a bundle: what it carries, read and checked as text from outside."""

import hashlib
import json
import re
from typing import AbstractSet, Any, Dict, List, NamedTuple, Optional, Pattern, Tuple

from nerdistill.bundle.bare.paths import REBUILD, check_paths
from nerdistill.bundle.bare.refusal import Refused

FORMAT = "nerdistill bundle"
SCHEMA = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"
VERSIONS = "versions"
LARGEST = 1 << 28
"""Bytes of a manifest: millions of files."""

_VOLUME = re.compile(r"vol-[0-9]{4,}\.tar\Z")
_ATTACHED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")

Piece = NamedTuple("Piece", [("volume", str), ("size", int), ("sha256", str)])
"""A run of a file's bytes, one member of a volume."""

File = NamedTuple(
    "File",
    [
        ("path", str),
        ("size", int),
        ("sha256", str),
        ("executable", bool),
        ("pieces", Tuple[Piece, ...]),
        ("base", Optional[str]),
    ],
)
"""A file below the install root: in pieces, or at the path `base` of the base's installation."""

Asset = NamedTuple(
    "Asset",
    [
        ("name", str),
        ("role", str),
        ("source", str),
        ("revision", Optional[str]),
        ("licence", Optional[str]),
        ("files", Tuple[File, ...]),
    ],
)
"""Files that belong together."""

Whole = NamedTuple("Whole", [("name", str), ("size", int), ("sha256", str)])
"""A file of the bundle itself: a volume, or one that is attached."""

Base = NamedTuple("Base", [("name", str), ("version", int), ("manifest", str)])
"""The bundle that must be installed already; `manifest` is the digest of its manifest."""

Manifest = NamedTuple(
    "Manifest",
    [
        ("digest", str),
        ("name", str),
        ("version", int),
        ("target", Dict[str, Any]),
        ("rehearsal", Dict[str, Any]),
        ("base", Optional[Base]),
        ("assets", Tuple[Asset, ...]),
        ("volumes", Tuple[Whole, ...]),
        ("attached", Tuple[Whole, ...]),
        ("unpacked", int),
        ("told", Dict[str, Any]),
    ],
)
"""A checked manifest.

Attributes:
    digest: sha256 of its bytes, the bundle's identity.
    attached: the bootstrap, the SBOM and a page to read.
    unpacked: bytes that the wheels take once installed.
    told: all that it says, for people.
"""


def files_of(manifest: Manifest) -> List[File]:
    """Every file, in the manifest's order."""
    return [file for asset in manifest.assets for file in asset.files]


def members_of(manifest: Manifest) -> Dict[str, List[Tuple[str, File, int]]]:
    """What each volume holds, in order: the member's name, its file, and which piece it is."""
    members: Dict[str, List[Tuple[str, File, int]]] = {
        volume.name: [] for volume in manifest.volumes
    }
    for file in files_of(manifest):
        for index, piece in enumerate(file.pieces):
            members[piece.volume].append(
                (member_name(file.path, index, len(file.pieces)), file, index)
            )
    return members


def member_name(path: str, index: int, count: int) -> str:
    """The name of a file's piece inside its volume."""
    return path if count == 1 else "{}.{:03d}-of-{:03d}".format(path, index + 1, count)


def version_folder(digest: str) -> str:
    """Where a bundle is installed, below the root."""
    return VERSIONS + "/" + digest[:16]


def canonical(value: object) -> bytes:
    """The one JSON text of a value."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def parse(data: bytes) -> Manifest:
    """Read a manifest whose signature has been checked; even so it is not believed.

    Raises:
        Refused: it is not canonical JSON of this schema, or its parts contradict each other.
    """
    try:
        told = json.loads(data.decode("utf-8"))
        plain = canonical(told) == data
    except (ValueError, RecursionError) as error:
        raise Refused("{} is no manifest: {}".format(MANIFEST, error), REBUILD) from error
    if not plain or not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Refused("{} is no manifest of a nerdistill bundle".format(MANIFEST), REBUILD)
    if told.get("schema") != SCHEMA:
        raise Refused(
            "{} has schema {!r}, this program knows {}".format(
                MANIFEST, told.get("schema"), SCHEMA
            ),
            "Use the bootstrap.py that came with this bundle.",
        )
    try:
        manifest = _manifest(told, hashlib.sha256(data).hexdigest())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused("{}: {} {}".format(MANIFEST, type(error).__name__, error), REBUILD) from error
    _check(manifest)
    return manifest


def _manifest(told: Dict[str, Any], digest: str) -> Manifest:
    base = told["base"]
    # Shown to people only.
    for text in (told["created"], told["nerdistill"], told["rehearsal"]["status"]):
        _text(text)
    return Manifest(
        digest=digest,
        name=_matching(_NAME, told["name"]),
        version=_count(told["version"]),
        target=_target(told["target"]),
        rehearsal=dict(told["rehearsal"]),
        base=None
        if base is None
        else Base(
            _matching(_NAME, base["name"]),
            _count(base["version"]),
            _matching(_SHA256, base["manifest"]),
        ),
        assets=tuple(_asset(one) for one in told["assets"]),
        volumes=tuple(_whole(one, _VOLUME) for one in told["volumes"]),
        attached=tuple(_whole(one, _ATTACHED) for one in told["attached"]),
        unpacked=_count(told["unpacked"]),
        told=told,
    )


def _target(told: Dict[str, Any]) -> Dict[str, Any]:
    """The platform that a bundle is for."""
    cuda = told["cuda"]
    versions = [told["python"], told["glibc"]]
    if cuda is not None:
        least, most = cuda["capabilities"]
        versions += [cuda["version"], cuda["driver"], least, most]
    for version in versions:
        _matching(_VERSION, version)
    _text(told["machine"])
    if not isinstance(told["compiler"], bool):
        raise TypeError("compiler is neither true nor false")
    return dict(told)


def _asset(told: Dict[str, Any]) -> Asset:
    return Asset(
        name=_text(told["name"]),
        role=_text(told["role"]),
        source=_text(told["source"]),
        revision=None if told["revision"] is None else _text(told["revision"]),
        licence=None if told["licence"] is None else _text(told["licence"]),
        files=tuple(_file(one) for one in told["files"]),
    )


def _file(told: Dict[str, Any]) -> File:
    return File(
        path=_text(told["path"]),
        size=_count(told["size"]),
        sha256=_matching(_SHA256, told["sha256"]),
        executable=bool(told["executable"]),
        pieces=tuple(
            Piece(
                _matching(_VOLUME, one["volume"]),
                _count(one["size"]),
                _matching(_SHA256, one["sha256"]),
            )
            for one in told["pieces"]
        ),
        base=None if told["base"] is None else _text(told["base"]),
    )


def _whole(told: Dict[str, Any], names: Pattern[str]) -> Whole:
    return Whole(
        _matching(names, told["name"]), _count(told["size"]), _matching(_SHA256, told["sha256"])
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("{!r:.80} is no text".format(value))
    value.encode("utf-8")
    return value


def _matching(pattern: Pattern[str], value: object) -> str:
    if not pattern.match(_text(value)):
        raise ValueError("{!r:.80} is not allowed there".format(value))
    return str(value)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError("{!r:.80} is no count".format(value))
    return value


def _check(manifest: Manifest) -> None:
    """What each value alone cannot show."""
    files = files_of(manifest)
    check_paths(file.path for file in files)
    own = [MANIFEST, SIGNATURE] + [one.name for one in manifest.volumes + manifest.attached]
    if len({name.casefold() for name in own}) != len(own):
        raise Refused("{} names a volume twice".format(MANIFEST), REBUILD)
    known = {volume.name for volume in manifest.volumes}
    for file in files:
        _check_file(file, known, manifest.base)
    for volume, members in members_of(manifest).items():
        names = {name.casefold() for name, _, _ in members}
        if len(names) != len(members):
            raise Refused("{} would hold a name twice".format(volume), REBUILD)


def _check_file(file: File, known: AbstractSet[str], base: Optional[Base]) -> None:
    """See that a file is carried whole, or lies in the base."""
    if (file.base is None) == (not file.pieces):
        raise Refused("{!r} is neither carried nor in a base".format(file.path), REBUILD)
    if file.base is not None and base is None:
        raise Refused("{!r} names a base that there is not".format(file.path), REBUILD)
    if file.base is not None:
        check_paths([file.base])
    if file.pieces and sum(piece.size for piece in file.pieces) != file.size:
        raise Refused("the pieces of {!r} are not as long as it".format(file.path), REBUILD)
    if len(file.pieces) == 1 and file.pieces[0].sha256 != file.sha256:
        raise Refused("{!r} has two digests in the manifest".format(file.path), REBUILD)
    if any(piece.volume not in known for piece in file.pieces):
        raise Refused("{!r} lies in a volume that there is not".format(file.path), REBUILD)

"""What lies in nerdistill's home: what a bundle brought, and what users put beside it."""

from __future__ import annotations

import json
import posixpath
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.bundle.asset import SHIPPED
from nerdistill.bundle.bare.installed import INSTALLED, read_installed
from nerdistill.bundle.bare.manifest import MANIFEST
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.verify import read_manifest
from nerdistill.bundle.licence import licence_of
from nerdistill.digest import Digest, digest_of
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nerdistill.bundle.bare.manifest import Asset, Manifest

ORDER = ("teacher", "student", "tagger", "study", "corpus", "demo", "replies", "labels", "wheel")
"""Kinds that are listed first, and wheels last."""
SEVERAL = {"offline_assets/studies": "study", "offline_assets/datasets": "corpus"}
"""Folders whose every entry is a thing of its own."""
WHEELS = "offline_assets/wheels"


@dataclass(frozen=True, slots=True)
class Held:
    """A file: its path below the home, its bytes, and its sha256 where a manifest tells it."""

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """Files that belong together.

    Attributes:
        name: unique among those of its kind.
        kind: a bundle's role, or what the folder looks like.
        place: the folder or file, below the home.
        licence: None where nothing tells it.
        revision: what pins it; None where nothing does.
        bundled: it came with a bundle, whose manifest tells of each file.
    """

    name: str
    kind: str
    place: str
    licence: str | None
    revision: str | None
    files: tuple[Held, ...]
    bundled: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies in a home; `manifest` is None in a checkout."""

    home: Path
    manifest: Manifest | None
    items: tuple[Item, ...]


def take_inventory(home: Path, key: bytes | None = None) -> Inventory:
    """Look at what lies in a home; nothing is hashed.

    Args:
        home: an install root, or a checkout.
        key: the public key with which the manifest must be signed; None: it is not asked.

    Raises:
        BundleError: the manifest of an install root is missing, is not the one that was installed,
            or is not signed by the key.
    """
    manifest = _manifest(home, key)
    bundled = [_of_bundle(asset) for asset in manifest.assets] if manifest else []
    known = {file.path for item in bundled for file in item.files}
    added = [item for item in _found(home) if not any(file.path in known for file in item.files)]
    return Inventory(home, manifest, tuple(sorted([*bundled, *added], key=_rank)))


def digest(item: Item, digests: Mapping[str, str]) -> Digest | None:
    """The digest of an item, as `digest_folder` has it; of a single file its sha256.

    Args:
        item: of the inventory.
        digests: sha256 by path, of files for which the manifest tells none.

    Returns:
        None where a file's is not known.
    """
    told = {file.path: file.sha256 or digests.get(file.path) for file in item.files}
    if not told or not all(told.values()):
        return None
    if list(told) == [item.place]:
        return Digest(str(told[item.place]))
    return digest_of({path.removeprefix(f"{item.place}/"): told[path] for path in told})


def reinstall(home: Path) -> str:
    """How the bundle of an install root is installed again.

    The old one is moved aside: the installer takes away what is not the bundle's, and users' own
    models and data may lie there.
    """
    folder = home.resolve()
    old, root = shlex.quote(str(folder)), shlex.quote(str(folder.parents[1]))
    return (
        f"Install the bundle again (what you put there yourself stays in {folder.name}.old): "
        f"mv -T {old} {old}.old && python3 -I BUNDLE/bootstrap.py install BUNDLE --key bundle.pub "
        f"--into {root}"
    )


def is_installed(home: Path) -> bool:
    """Whether a home is an install root, and no checkout."""
    return (home / INSTALLED).exists() or (home / MANIFEST).exists()


def _manifest(home: Path, key: bytes | None) -> Manifest | None:
    if not is_installed(home):
        if key is not None:
            raise BundleError(
                f"{home} is a checkout, which nobody signed", "Leave --key out, or ask git."
            )
        return None
    again = reinstall(home)
    try:
        manifest, told = read_manifest(str(home), key), read_installed(str(home))
    except Refused as error:
        raise BundleError(f"{home}: {error.message}", again) from error
    if told is None:
        raise BundleError(f"{home}: {INSTALLED} is missing or damaged", again)
    if told.get("manifest") != manifest.digest:
        raise BundleError(f"{home}: {MANIFEST} is not the one that was installed", again)
    return manifest


def _rank(item: Item) -> tuple[int, bool, str, str]:
    first = ORDER.index(item.kind) if item.kind in ORDER[:-1] else len(ORDER)
    return first + (item.kind == ORDER[-1]), not item.bundled, item.kind, item.name


def _of_bundle(asset: Asset) -> Item:
    files = tuple(Held(file.path, file.size, file.sha256) for file in asset.files)
    paths = [file.path for file in files]
    place = paths[0] if len(paths) == 1 else posixpath.commonpath(paths)
    return Item(asset.name, asset.role, place, asset.licence, asset.revision, files, bundled=True)


def _found(home: Path) -> Iterator[Item]:
    """What lies in the folders for models and data, whoever put it there."""
    for place in _listed(home / "models"):
        if place.is_dir():
            yield _item(home, place, _model_kind(place), licence_of(place))
    for place in _listed(home / "offline_assets"):
        path = place.relative_to(home).as_posix()
        if path in SEVERAL:
            for one in _listed(place):
                yield _item(home, one, SEVERAL[path], licence_of(one) if one.is_dir() else None)
        elif path in SHIPPED:
            yield _item(home, place, *SHIPPED[path])
        elif place.is_dir() and path != WHEELS:
            yield _item(home, place, "other", licence_of(place))


def _item(home: Path, place: Path, kind: str, licence: str | None) -> Item:
    paths = [place] if place.is_file() else sorted(one for one in place.rglob("*") if one.is_file())
    files = tuple(
        Held(one.relative_to(home).as_posix(), one.stat().st_size)
        for one in paths
        if not any(part.startswith(".") for part in one.relative_to(place).parts)
    )
    return Item(place.name, kind, place.relative_to(home).as_posix(), licence, None, files)


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder, without what is hidden; nothing where this user can see nothing."""
    try:
        return sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _model_kind(folder: Path) -> str:
    """What a model's settings look like."""
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        names = [str(name) for name in told.get("architectures") or []]
    except (OSError, ValueError, AttributeError, TypeError):
        return "other"
    if any(name.endswith(("ForCausalLM", "ForConditionalGeneration")) for name in names):
        return "teacher"
    if any(name.endswith("ForTokenClassification") for name in names):
        return "tagger"
    return "student"

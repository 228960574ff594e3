"""Build a bundle: measure what it carries, write its volumes, rehearse it, sign it last."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.bundle.assemble import bootstrap
from nerdistill.bundle.bare.manifest import (
    FORMAT,
    MANIFEST,
    SCHEMA,
    SIGNATURE,
    canonical,
    files_of,
    parse,
)
from nerdistill.bundle.plan import plan_volumes
from nerdistill.bundle.write import Journal, measure, write_volumes
from nerdistill.digest import digest_of
from nerdistill.errors import BundleError
from nerdistill.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from nerdistill.bundle.asset import Asset
    from nerdistill.bundle.bare.manifest import Manifest
    from nerdistill.bundle.plan import Member, Sized
    from nerdistill.bundle.sign import SigningKey
    from nerdistill.bundle.write import Volume
    from nerdistill.progress import Progress

BOOTSTRAP = "bootstrap.py"
SBOM = "sbom.cdx.json"
PAGE = "INSTALL_AIRGAP.md"
"""Read on the isolated side before anything is installed."""
REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Content:
    """What a bundle is to be, before a byte of it is written.

    Attributes:
        version: grows from bundle to bundle of one name.
        created: UTC, such as `2026-11-23T21:43:44Z`.
        study: the path of the study's file in the bundle.
        target: the manifest's `target`.
        unpacked: bytes that the wheels take once installed.
        sbom: the text of `sbom.cdx.json`.
    """

    name: str
    version: int
    created: str
    study: str
    target: dict[str, object]
    assets: tuple[Asset, ...]
    unpacked: int
    sbom: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle whose volumes are written and whose manifest is not.

    Attributes:
        attached: names of the files beside the volumes.
    """

    folder: Path
    told: dict[str, object]
    attached: tuple[str, ...]

    def data(self, rehearsal: dict[str, object]) -> bytes:
        """The manifest's bytes, with what the rehearsal found."""
        return canonical({**self.told, "rehearsal": rehearsal})


def check_folder(folder: Path) -> None:
    """See that a bundle can be written into a folder: a new one, or of an interrupted run.

    Raises:
        BundleError: it holds a finished bundle or something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BundleError(f"{folder} is no folder", "Name an empty folder, or a new one, as --out.")
    ours = (
        ".vol-",
        "vol-",
        BOOTSTRAP,
        SBOM,
        PAGE,
        SIGNATURE,
        f".{BOOTSTRAP}",
        f".{SBOM}",
        f".{PAGE}",
        f".{MANIFEST}",
    )
    for path in sorted(folder.iterdir()):
        if path.name == MANIFEST:
            raise BundleError(f"{folder} holds a finished bundle", "Name another folder as --out.")
        if not path.name.startswith(ours):
            raise BundleError(
                f"{folder} holds {path.name}", "Name an empty folder, or a new one, as --out."
            )


def hashed(assets: Sequence[Asset], progress: Progress) -> dict[str, Sized]:
    """The length and digest of every file, by its path in the bundle.

    Raises:
        BundleError: two files have one path, or one is not a regular file.
    """
    total = sum(file.origin.stat().st_size for one in assets for file in one.files)
    with progress.task("hash what is carried", total=total, unit="bytes") as task:
        return measure(assets, task.advance)


def draft(
    folder: Path,
    content: Content,
    *,
    most: int,
    base: Manifest | None,
    cache: Path,
    progress: Progress,
    sized: Mapping[str, Sized] | None = None,
) -> Draft:
    """Write all of a bundle but its manifest; a second run goes on where the first stopped.

    Args:
        folder: of the bundle; made where it is missing.
        content: what it carries.
        sized: what `hashed` told of it, if that has been asked already.
        most: bytes of a volume.
        base: the bundle that is installed there already; what it holds is not carried again.
        cache: where it is remembered which volumes are finished.
        progress: told of bytes.

    Raises:
        BundleError: a file changed meanwhile, or two have one path.
        OSError: the disk is full; what is finished stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sized is None:
        sized = hashed(content.assets, progress)
    there = {one.sha256: one.path for one in files_of(base)} if base else {}
    carried = [one for one in sized.values() if one.sha256 not in there]
    planned = plan_volumes(carried, most)
    journal = Journal(cache / f"volumes-{digest_of(str(folder.resolve()))[:16]}.json")
    size = sum(one.size for one in carried)
    with progress.task("write the volumes", total=size, unit="bytes") as task:
        volumes = write_volumes(folder, planned, journal, task.advance)
    _remove_others(folder, {volume.name for volume in volumes})
    attached = [
        _attach(folder, BOOTSTRAP, bootstrap().encode()),
        _attach(folder, SBOM, content.sbom.encode()),
        *(
            _attach(folder, PAGE, file.origin.read_bytes())
            for asset in content.assets
            for file in asset.files
            if file.path == PAGE
        ),
    ]
    pieces = _pieces(planned, volumes)
    told: dict[str, object] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "name": content.name,
        "version": content.version,
        "created": content.created,
        "nerdistill": _own_version(),
        "study": {"path": content.study, "digest": sized[content.study].sha256},
        "target": content.target,
        "base": base and {"name": base.name, "version": base.version, "manifest": base.digest},
        "assets": [_asset(one, sized, pieces, there) for one in content.assets],
        "volumes": [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in volumes],
        "attached": attached,
        "unpacked": content.unpacked,
    }
    made = Draft(folder, told, tuple(str(one["name"]) for one in attached))
    # What the isolated side would refuse is refused here.
    parse(made.data({"status": REHEARSAL}))
    return made


def publish(made: Draft, rehearsal: dict[str, object], key: SigningKey) -> Manifest:
    """Sign a bundle and make it complete: the manifest is written last."""
    data = made.data(rehearsal)
    write_whole(made.folder / SIGNATURE, key.sign(data))
    write_whole(made.folder / MANIFEST, data)
    return parse(data)


def _remove_others(folder: Path, volumes: Collection[str]) -> None:
    """What earlier runs left there: other volumes, and files that they did not finish."""
    for path in folder.iterdir():
        if path.name not in volumes and path.name.startswith((".", "vol-")):
            path.unlink()


def _own_version() -> str:
    from nerdistill import __version__

    return __version__


def _attach(folder: Path, name: str, data: bytes) -> dict[str, object]:
    write_whole(folder / name, data)
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _pieces(
    planned: Sequence[Sequence[Member]], volumes: Sequence[Volume]
) -> dict[str, list[dict[str, object]]]:
    """The manifest's pieces of each file that is carried, by its path."""
    found: dict[str, list[dict[str, object]]] = {}
    for members, volume in zip(planned, volumes, strict=True):
        for member, digest in zip(members, volume.pieces, strict=True):
            piece = {"volume": volume.name, "size": member.size, "sha256": digest}
            found.setdefault(member.sized.file.path, []).append(piece)
    return found


def _asset(
    asset: Asset,
    sized: Mapping[str, Sized],
    pieces: dict[str, list[dict[str, object]]],
    there: dict[str, str],
) -> dict[str, object]:
    return {
        "name": asset.name,
        "role": asset.role,
        "source": asset.source,
        "revision": asset.revision,
        "licence": asset.licence,
        "files": [
            {
                "path": file.path,
                "size": sized[file.path].size,
                "sha256": sized[file.path].sha256,
                "executable": file.executable,
                "pieces": pieces.get(file.path, []),
                "base": None if file.path in pieces else there.get(sized[file.path].sha256),
            }
            for file in asset.files
        ],
    }

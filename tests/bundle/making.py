"""Small bundles for tests: real volumes, a real signature, made-up files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.bare.manifest import MANIFEST, SIGNATURE, canonical, parse
from nerdistill.bundle.bare.verify import read_manifest
from nerdistill.bundle.build import Content, draft, publish
from nerdistill.bundle.sign import SigningKey, open_key
from nerdistill.progress import open_progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nerdistill.bundle.asset import Role

TARGET: dict[str, object] = {
    "machine": "x86_64",
    "python": "3.11",
    "glibc": "2.17",
    "cuda": None,
    "compiler": False,
}
FILES = {
    "models/small/config.json": b'{"model_type":"bert"}',
    "models/small/model.safetensors": bytes(range(256)) * 9000,
    "offline_assets/studies/demo.toml": b'name = "demo"\n',
    "scripts/run": b"#!/bin/sh\n",
}


@dataclass(frozen=True, slots=True)
class Made:
    """A finished bundle and the key that signed it."""

    folder: Path
    key: SigningKey

    @property
    def told(self) -> dict[str, Any]:
        """The manifest as plain values."""
        told: dict[str, Any] = json.loads((self.folder / MANIFEST).read_bytes())
        return told

    def sign(self, told: dict[str, Any]) -> None:
        """Put another manifest in, rightly signed."""
        data = canonical(told)
        (self.folder / MANIFEST).write_bytes(data)
        (self.folder / SIGNATURE).write_bytes(self.key.sign(data))

    def replace_volume(self, number: int, data: bytes) -> None:
        """Put other bytes in a volume's place and sign for them, as a careless maker would."""
        told = self.told
        volume = told["volumes"][number]
        (self.folder / volume["name"]).write_bytes(data)
        volume.update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        self.sign(told)

    def members(self, number: int = 0) -> list[tuple[tarfile.TarInfo, bytes]]:
        """What a volume holds."""
        with tarfile.open(self.folder / self.told["volumes"][number]["name"]) as tar:
            found = []
            for entry in tar:
                stream = tar.extractfile(entry)
                found.append((entry, stream.read() if stream else b""))
            return found


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    """A tar of such members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for entry, data in members:
            tar.addfile(entry, io.BytesIO(data) if data else None)
    return buffer.getvalue()


def role_of(path: str) -> Role:
    """The role that a made-up file plays."""
    roles: dict[str, Role] = {
        "models/": "student",
        "offline_assets/datasets/": "corpus",
        "offline_assets/replies": "replies",
    }
    return next((roles[place] for place in roles if path.startswith(place)), "document")


def make_bundle(
    place: Path,
    files: Mapping[str, bytes] = FILES,
    *,
    name: str = "bundle",
    version: int = 1,
    most: int = 1 << 20,
    base: Made | None = None,
    target: dict[str, object] | None = None,
    assets: tuple[Asset, ...] = (),
    study: str = "offline_assets/studies/demo.toml",
) -> Made:
    """A finished bundle of some files, in volumes of a mebibyte."""
    sources = place / f"{name}-sources"
    made = []
    for path, data in files.items():
        origin = sources / path
        origin.parent.mkdir(parents=True, exist_ok=True)
        origin.write_bytes(data)
        file = AssetFile(origin, path, executable=path.startswith("scripts/"))
        made.append(Asset(path, role_of(path), "test", None, "CC0-1.0", (file,)))
    content = Content(
        name="demo",
        version=version,
        created="2026-01-02T03:04:05Z",
        study=study,
        target=target or TARGET,
        assets=(*made, *assets),
        unpacked=0,
        sbom="{}\n",
    )
    folder = place / name
    with open_progress("none") as progress:
        written = draft(
            folder,
            content,
            most=most,
            base=read_manifest(str(base.folder), None) if base else None,
            cache=place / "cache",
            progress=progress,
        )
    key = open_key(place / "key.pem")
    publish(written, {"status": "resolved, not rehearsed"}, key)
    parse((folder / MANIFEST).read_bytes())
    return Made(folder, key)

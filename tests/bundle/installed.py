"""An install root as the bootstrap leaves it, but for the environment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.bare.installed import mark
from nerdistill.bundle.bare.manifest import MANIFEST, SIGNATURE, version_folder
from nerdistill.bundle.bare.share import Sharing
from nerdistill.bundle.bare.unpack import unpack
from nerdistill.bundle.bare.verify import verify
from tests.bundle.making import make_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.bundle.making import Made

HEADER = b'{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + b"1234"
MODEL = {
    "config.json": b'{"model_type":"bert","architectures":["BertModel"]}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
}
DATA = {
    "offline_assets/demo/test.jsonl": b"{}\n",
    "offline_assets/studies/demo.toml": b'name = "demo"\n',
}


def installed(place: Path, files: Mapping[str, bytes] = DATA) -> tuple[Path, Made]:
    """The install root of a small bundle with a model and some files, and the bundle."""
    origin = put(place / "small", MODEL)
    paths = tuple(AssetFile(origin / name, f"models/small/{name}") for name in MODEL)
    model = Asset("small", "student", "test", "1a2b3c", "Apache-2.0", paths)
    made = make_bundle(place, files, assets=(model,))
    verified = verify(str(made.folder), made.key.public)
    home = place / "root" / version_folder(verified.manifest.digest)
    home.mkdir(parents=True)
    unpack(verified, str(home), None, Sharing.of(None))
    for name in (MANIFEST, SIGNATURE):
        shutil.copyfile(made.folder / name, home / name)
    mark(verified.manifest, str(home), Sharing.of(None))
    return home, made


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder; the folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder

"""A bundle tells all that it carries, nothing of who made it, and is complete only at its end."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.asset import Asset
from nerdistill.bundle.bare.manifest import MANIFEST, SIGNATURE, canonical
from nerdistill.bundle.bare.verify import read_manifest, verify
from nerdistill.bundle.build import BOOTSTRAP, SBOM, Content, check_folder, draft, publish
from nerdistill.bundle.sign import open_key
from nerdistill.errors import BundleError
from nerdistill.progress import Silent
from tests.bundle.making import FILES, TARGET, make_bundle
from tests.bundle.test_write import planned

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.bundle.build import Draft

BIG = {**FILES, "models/small/model.safetensors": bytes(range(256)) * 9000}


def written(place: Path, most: int = 1 << 20) -> Draft:
    """A draft of some files."""
    members = [one for volume in planned(place / "in") for one in volume]
    files = {one.sized.file.path: one.sized.file for one in members}
    content = Content(
        name="demo",
        version=1,
        created="2026-01-02T03:04:05Z",
        study="scripts/run",
        target=TARGET,
        assets=(Asset("all", "document", "test", None, None, tuple(files.values())),),
        unpacked=0,
        sbom="{}\n",
    )
    return draft(
        place / "out", content, most=most, base=None, cache=place / "cache", progress=Silent()
    )


def test_the_manifest_tells_every_file(tmp_path: Path) -> None:
    """Its path, length, digest and bit, and the volumes that hold it."""
    made = make_bundle(tmp_path)
    files = {file["path"]: file for one in made.told["assets"] for file in one["files"]}
    assert {path: file["size"] for path, file in files.items()} == {
        path: len(data) for path, data in FILES.items()
    }
    assert [path for path, file in files.items() if file["executable"]] == ["scripts/run"]
    assert len(files["models/small/model.safetensors"]["pieces"]) == 3
    assert made.told["study"] == {
        "path": "offline_assets/studies/demo.toml",
        "digest": files["offline_assets/studies/demo.toml"]["sha256"],
    }
    assert {one["name"] for one in made.told["attached"]} == {BOOTSTRAP, SBOM}


def test_the_manifest_is_canonical(tmp_path: Path) -> None:
    """Its bytes are those of its values, whoever writes them."""
    data = (make_bundle(tmp_path).folder / MANIFEST).read_bytes()
    assert canonical(json.loads(data)) == data


def test_the_same_content_is_the_same_bundle(tmp_path: Path) -> None:
    """At another place: every byte, and so its digest."""
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(make_bundle(tmp_path / name))
    one, two = ({path.name: path.read_bytes() for path in each.folder.iterdir()} for each in made)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == [SIGNATURE]


def test_nothing_of_this_machine_is_told(tmp_path: Path) -> None:
    """No path of it, and not its name."""
    made = make_bundle(tmp_path)
    for path in made.folder.iterdir():
        data = path.read_bytes()
        assert str(tmp_path).encode() not in data
        assert len(platform.node()) < 4 or platform.node().encode() not in data


def test_a_base_is_not_carried_again(tmp_path: Path) -> None:
    """What its installation holds is named there, even under another path."""
    base = make_bundle(tmp_path, name="base")
    changed = {**FILES, "scripts/run": b"#!/bin/bash\n"}
    changed["models/renamed.json"] = changed.pop("models/small/config.json")
    made = make_bundle(tmp_path, changed, version=2, base=base)
    files = {file["path"]: file for one in made.told["assets"] for file in one["files"]}
    assert {path: file["base"] for path, file in files.items()} == {
        "models/renamed.json": "models/small/config.json",
        "models/small/model.safetensors": "models/small/model.safetensors",
        "offline_assets/studies/demo.toml": "offline_assets/studies/demo.toml",
        "scripts/run": None,
    }
    assert [one.name for one, _ in made.members()] == ["scripts/run"]
    digest = read_manifest(str(base.folder), base.key.public).digest
    assert made.told["base"] == {"name": "demo", "version": 1, "manifest": digest}


def test_a_bundle_may_carry_nothing_new(tmp_path: Path) -> None:
    """Then it has no volume, and is one all the same."""
    base = make_bundle(tmp_path, name="base")
    made = make_bundle(tmp_path, version=2, base=base)
    assert made.told["volumes"] == []
    assert verify(str(made.folder), made.key.public).manifest.version == 2


def test_no_volume_is_longer_than_said(tmp_path: Path) -> None:
    """To the byte, where the limit is odd, too."""
    for most in (1 << 20, 1_100_001):
        made = make_bundle(tmp_path, BIG, name=f"bundle-{most}", most=most)
        sizes = {path.name: path.stat().st_size for path in made.folder.glob("vol-*.tar")}
        assert max(sizes.values()) <= most
        assert {one["name"]: one["size"] for one in made.told["volumes"]} == sizes


def test_a_draft_is_not_complete(tmp_path: Path) -> None:
    """It has no manifest and no signature, and nobody can verify it."""
    made = written(tmp_path)
    assert {MANIFEST, SIGNATURE}.isdisjoint(path.name for path in made.folder.iterdir())
    key = open_key(tmp_path / "key.pem")
    told = publish(made, {"status": "passed"}, key)
    assert told.rehearsal == {"status": "passed"}
    assert verify(str(made.folder), key.public).manifest.digest == told.digest


def test_what_interrupted_runs_left_is_no_part_of_it(tmp_path: Path) -> None:
    """Other volumes and half-written files are gone when the bundle is complete."""
    out = tmp_path / "out"
    out.mkdir()
    left = [".vol-0009.tar.part", "vol-0008.tar", ".bootstrap.py.1a2b3c4d.part"]
    left += [".sbom.cdx.json.1a2b3c4d.part", ".manifest.json.1a2b3c4d.part", SIGNATURE]
    for name in left:
        (out / name).touch()
    check_folder(out)
    made = written(tmp_path)
    publish(made, {"status": "passed"}, open_key(tmp_path / "key.pem"))
    volumes = {one["name"] for one in made.told["volumes"]}  # type: ignore[attr-defined]
    assert {path.name for path in out.iterdir()} == {
        *volumes,
        *(BOOTSTRAP, SBOM, MANIFEST, SIGNATURE),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [(MANIFEST, "holds a finished bundle"), ("holiday.jpg", r"holds holiday\.jpg")],
)
def test_a_folder_that_holds_something_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    """Nothing of the user's is written over."""
    (tmp_path / name).touch()
    with pytest.raises(BundleError, match=expected) as caught:
        check_folder(tmp_path)
    assert "--out" in caught.value.hint


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It is told so, in one line."""
    (tmp_path / "out").touch()
    with pytest.raises(BundleError, match="out is no folder"):
        check_folder(tmp_path / "out")


def test_a_new_or_empty_folder_will_do(tmp_path: Path) -> None:
    """Nothing is made yet."""
    check_folder(tmp_path / "new")
    check_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []

"""What lies in an install root or a checkout is listed, and what is damaged is named."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.installed import INSTALLED
from nerdistill.bundle.bare.manifest import MANIFEST
from nerdistill.bundle.bare.share import Sharing, private_paths
from nerdistill.bundle.bare.unpack import unpack
from nerdistill.bundle.bare.verify import verify
from nerdistill.bundle.intact import content_faults, shape_faults
from nerdistill.bundle.inventory import digest, reinstall, take_inventory
from nerdistill.bundle.sign import open_key
from nerdistill.digest import digest_folder
from nerdistill.errors import BundleError
from tests.bundle.installed import DATA, MODEL, WEIGHTS, installed, put
from tests.test_sharing import as_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bundle.making import Made

LLM = {**MODEL, "config.json": b'{"architectures":["Qwen3ForCausalLM"]}'}
CARD = b"---\nlicense: apache-2.0\n---\n"


def test_a_checkout_is_listed_by_what_its_folders_look_like(tmp_path: Path) -> None:
    """Kind and licence are guessed, hidden files left out, digests those of the folder."""
    home = put(
        tmp_path,
        {
            **{f"models/small/{name}": data for name, data in MODEL.items()},
            **{f"models/llm/{name}": data for name, data in LLM.items()},
            "models/llm/README.md": CARD,
            "models/README.md": b"Models",
            "models/tag/config.json": b'{"architectures":["BertForTokenClassification"]}',
            "models/notes/todo.txt": b"more",
            "offline_assets/demo/test.jsonl": b"{}\n",
            "offline_assets/studies/demo.toml": b"name = 'demo'",
            "offline_assets/datasets/bbc/one.txt": b"text",
            "offline_assets/mine/one.txt": b"text",
        },
    )
    found = take_inventory(home)
    told = {item.name: (item.kind, item.licence, item.place) for item in found.items}
    assert told == {
        "llm": ("teacher", "Apache-2.0", "models/llm"),
        "small": ("student", None, "models/small"),
        "tag": ("tagger", None, "models/tag"),
        "demo.toml": ("study", None, "offline_assets/studies/demo.toml"),
        "bbc": ("corpus", None, "offline_assets/datasets/bbc"),
        "demo": ("demo", "CC0-1.0", "offline_assets/demo"),
        "mine": ("other", None, "offline_assets/mine"),
        "notes": ("other", None, "models/notes"),
    }
    digests = content_faults(found)[1]
    by_name = {item.name: digest(item, digests) for item in found.items}
    assert by_name["llm"] == digest_folder(home / "models" / "llm")
    assert by_name["demo.toml"] == hashlib.sha256(b"name = 'demo'").hexdigest()


@as_root
def test_a_second_user_sees_what_is_everybodys() -> None:
    """Another user's private corpora are named from the manifest, and cannot be read."""
    corpus = "offline_assets/datasets/own/train.conll"
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        home, made = installed(Path(name), {**DATA, corpus: b"text"})
        # Python loads what it needs before it is somebody else.
        manifest = take_inventory(home).manifest
        assert manifest is not None
        Sharing.of(None).hand_over(str(home), private_paths(manifest))
        os.seteuid(41002)
        try:
            found = take_inventory(home, made.key.public)
            faults = [str(fault) for fault in content_faults(found)[0]]
        finally:
            os.seteuid(0)
    assert {item.kind for item in found.items} >= {"corpus", "student", "document"}
    assert faults == [f"{corpus} cannot be read: Permission denied"]


def test_an_install_root_is_listed_from_its_manifest(tmp_path: Path) -> None:
    """The bundle's assets have their digests at once; a user's own stand beside them."""
    home, made = installed(tmp_path)
    put(home / "models" / "own", MODEL)
    found = take_inventory(home, made.key.public)
    assert found.manifest is not None
    told = {(item.place, item.bundled) for item in found.items}
    assert ("models/own", False) in told
    assert ("models/small", True) in told
    assert ("models/small", False) not in told
    assert all(digest(item, {}) for item in found.items if item.bundled)
    assert content_faults(found)[0] == []


def flip(path: Path) -> None:
    """Change one byte, not the length."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def swap(path: Path) -> None:
    """Put a link in a file's place."""
    path.rename(path.with_name("elsewhere.txt"))
    path.symlink_to("elsewhere.txt")


@pytest.mark.parametrize(
    ("harm", "found", "at_once"),
    [
        (flip, "is damaged", False),
        (lambda path: path.unlink(), "is missing", True),
        (lambda path: path.write_bytes(b"x"), "has 1 bytes, not 3", True),
        (swap, "is no regular file", True),
    ],
)
def test_harm_is_named_with_the_remedy(
    harm: Callable[[Path], object], found: str, at_once: bool, tmp_path: Path
) -> None:
    """A file's name, what is wrong with it, and the command that installs the bundle again."""
    home, _ = installed(tmp_path)
    harm(home / "offline_assets" / "demo" / "test.jsonl")
    inventory = take_inventory(home)
    (fault,) = content_faults(inventory)[0]
    assert str(fault).startswith(f"offline_assets/demo/test.jsonl {found}")
    assert f"--into {tmp_path / 'root'}" in fault.remedy
    assert bool(shape_faults(inventory)) == at_once


def test_the_remedy_mends(tmp_path: Path) -> None:
    """The first half of the named command makes room and keeps what is the user's own."""
    home, made = installed(tmp_path)
    flip(home / "models" / "small" / "model.safetensors")
    put(home / "models" / "own", MODEL)
    (fault,) = content_faults(take_inventory(home))[0]
    command = fault.remedy.partition("): ")[2].partition(" && ")[0]
    subprocess.run(["/bin/sh", "-c", command], check=True)
    kept = home.with_name(f"{home.name}.old")
    assert (kept / "models" / "own" / "config.json").is_file()
    home.mkdir()
    unpack(verify(str(made.folder), made.key.public), str(home), None, Sharing.of(None))
    for name in (MANIFEST, INSTALLED):
        shutil.copyfile(kept / name, home / name)
    assert content_faults(take_inventory(home))[0] == []


def test_the_remedy_keeps_a_closed_installation_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group of a folder that others may not enter is named, by number where it has no name."""
    home, _ = installed(tmp_path)
    assert "--group" not in reinstall(home)
    home.chmod(0o2750)
    name = grp.getgrgid(home.stat().st_gid).gr_name
    assert reinstall(home).endswith(f"--into {tmp_path / 'root'} --group {name}")

    def nameless(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(grp, "getgrgid", nameless)
    assert reinstall(home).endswith(f" --group {home.stat().st_gid}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """One file without permission does not hide the others."""
    home, _ = installed(tmp_path)
    (home / "offline_assets" / "demo" / "test.jsonl").chmod(0)
    flip(home / "models" / "small" / "model.safetensors")
    told = sorted(str(fault) for fault in content_faults(take_inventory(home))[0])
    assert [line.partition(" ")[2][:12] for line in told] == ["is damaged: ", "cannot be re"]


def test_files_added_to_a_bundled_model_are_named(tmp_path: Path) -> None:
    """Transformers would load an adapter that lies beside the weights; hidden files it does not."""
    home, _ = installed(tmp_path)
    put(home / "models" / "small", {"adapter_config.json": b"{}", ".cache/x": b""})
    told = {str(fault) for fault in shape_faults(take_inventory(home))}
    assert told == {"models/small/adapter_config.json does not belong to the bundle's model"}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({**MODEL, "model.safetensors": WEIGHTS[:-1]}, "model.safetensors has 64 bytes"),
        ({**MODEL, "modeling_own.PY": b""}, "own/modeling_own.PY is a program"),
        ({**MODEL, "config.json": b'{"auto_map":{}}'}, "asks for Python code"),
        ({"model.safetensors": WEIGHTS}, "config.json is missing"),
        ({"todo.txt": b"more"}, ""),
        (MODEL, ""),
    ],
)
def test_a_model_of_ones_own_is_seen_to_be_cut_off(
    files: dict[str, bytes], told: str, tmp_path: Path
) -> None:
    """Its header tells its length; what is no model is nobody's business."""
    put(tmp_path / "models" / "own", files)
    faults = shape_faults(take_inventory(tmp_path))
    assert [told in str(fault) for fault in faults] == ([True] if told else [])


def manifest_gone(home: Path, _: Made) -> None:
    """Take the manifest away."""
    (home / MANIFEST).unlink()


def mark_gone(home: Path, _: Made) -> None:
    """Take the mark away that the installation is whole."""
    (home / INSTALLED).unlink()


def other_manifest(home: Path, made: Made) -> None:
    """Put another manifest in, signed by the same key."""
    told = made.told
    told["version"] += 1
    made.sign(told)
    (home / MANIFEST).write_bytes((made.folder / MANIFEST).read_bytes())


def mark_damaged(home: Path, _: Made) -> None:
    """Leave half of the mark."""
    (home / INSTALLED).write_text(json.dumps({"name": "x"})[:-1])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (manifest_gone, "manifest.json is missing"),
        (mark_gone, "installed.json is missing or damaged"),
        (mark_damaged, "installed.json is missing or damaged"),
        (other_manifest, "manifest.json is not the one that was installed"),
    ],
)
def test_a_manifest_is_not_believed_by_its_looks(
    harm: Callable[[Path, Made], None], told: str, tmp_path: Path
) -> None:
    """It must be the one that the installer verified."""
    home, made = installed(tmp_path)
    harm(home, made)
    with pytest.raises(BundleError, match=told):
        take_inventory(home)


def test_a_key_is_held_against_the_signature(tmp_path: Path) -> None:
    """Another key is refused, and a checkout has no signature."""
    home, _ = installed(tmp_path)
    other = open_key(tmp_path / "other.pem").public
    with pytest.raises(BundleError, match="not by this key"):
        take_inventory(home, other)
    with pytest.raises(BundleError, match="a checkout"):
        take_inventory(tmp_path / "nowhere", other)

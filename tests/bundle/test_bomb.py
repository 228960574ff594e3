"""Wheels that grow beyond what the manifest allows are refused before pip unpacks them."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare import bomb
from nerdistill.bundle.bare.bomb import check_wheels
from nerdistill.bundle.bare.manifest import Manifest, parse
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.wheel_file import read_wheel
from tests.bundle.installing import HERE, put
from tests.bundle.making import make_bundle
from tests.bundle.tiny_index import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.installing import Files

NAME = "bomb-1.0-py3-none-any.whl"


def packed(path: Path, size: int, count: int = 1) -> bytes:
    """A wheel of zeros, packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"zeros-{number}", bytes(size))
    return path.read_bytes()


@pytest.mark.usefixtures("looked_at")
def test_a_bomb_is_named_before_it_is_unpacked(files: Files, tmp_path: Path) -> None:
    """A few kilobytes that would be many megabytes; nothing of it is left."""
    data = packed(tmp_path / NAME, bomb.INSTALLER)
    assert len(data) < 1 << 16
    made = make_bundle(tmp_path, {**files, f"wheels/{NAME}": data}, target=HERE)
    with pytest.raises(Refused, match=rf"would take 32 MiB, .* allows 32; most of it is .*{NAME}'"):
        put(made, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def unpacked(place: Path, wheel: bytes, told: int) -> Manifest:
    """A bundle's manifest with what it says of its wheels, and its one wheel where it belongs."""
    made = make_bundle(place, {f"wheels/{NAME}": wheel, "offline_assets/studies/demo.toml": b""})
    (place / "wheels").mkdir()
    (place / "wheels" / NAME).write_bytes(wheel)
    return parse((made.folder / "manifest.json").read_bytes())._replace(unpacked=told)


def test_files_take_whole_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tiny files are a bomb, too."""
    monkeypatch.setattr(bomb, "INSTALLER", 0)
    manifest = unpacked(tmp_path, packed(tmp_path / NAME, 1, 100), 100 * 4096)
    check_wheels(manifest, str(tmp_path))
    with pytest.raises(Refused, match=NAME):
        check_wheels(manifest._replace(unpacked=100 * 4096 - 1), str(tmp_path))


def test_what_creating_counts_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel is never refused by the size that it was bundled with."""
    monkeypatch.setattr(bomb, "INSTALLER", 0)
    wheel = make_wheel(tmp_path, "honest", files={"honest/a.py": b"x = 1\n" * 999, "b.txt": b""})
    told = read_wheel(wheel).unpacked
    check_wheels(unpacked(tmp_path, wheel.read_bytes(), told), str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(9), b"no zip at all" * 99])
def test_what_is_no_wheel(tmp_path: Path, data: bytes) -> None:
    """It is refused by name, not raised."""
    with pytest.raises(Refused, match=f"{NAME}' is no wheel that can be read"):
        check_wheels(unpacked(tmp_path, data, 0), str(tmp_path))


def test_a_directory_that_lies_gains_nothing(tmp_path: Path) -> None:
    """Of a member that is longer than its entry says no more is read, and its checksum fails."""
    wheel = tmp_path / NAME
    data = bytearray(packed(wheel, 1 << 24))
    entry = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 100)
    wheel.write_bytes(data)
    with zipfile.ZipFile(wheel) as archive, archive.open("zeros-0") as stream:
        assert archive.infolist()[0].file_size == 100
        with pytest.raises(zipfile.BadZipFile, match="CRC"):
            stream.read()
        assert stream.read() == b""

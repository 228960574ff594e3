"""Volumes that a malicious or careless maker has rightly signed: nothing in a tar is believed."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerdistill.bundle.bare.manifest import members_of, parse
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.verify import verify
from nerdistill.bundle.bare.volumes import TRAILER, Pieces, Place, layout
from tests.bundle.making import Made, make_bundle, tar_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Members = list[tuple[tarfile.TarInfo, bytes]]
    Change = Callable[[Members], object]

VOLUME = "vol-0001.tar"
LONG = "models/" + "x" * 120 + "/" + "é" * 40


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A bundle of one volume."""
    files = {"models/a.json": b"{}", "models/b.txt": b"bb" * 400, LONG: b"long"}
    study = {"offline_assets/studies/demo.toml": b""}
    return make_bundle(tmp_path_factory.mktemp("original"), {**files, **study})


@pytest.fixture
def made(original: Made, tmp_path: Path) -> Made:
    """A copy to change."""
    shutil.copytree(original.folder, tmp_path / "bundle")
    return Made(tmp_path / "bundle", original.key)


def refused(made: Made) -> str:
    """Why a bundle is refused."""
    with pytest.raises(Refused) as told:
        verify(str(made.folder), made.key.public)
    assert told.value.hint.startswith("Do not use this bundle")
    return told.value.message


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    """A header."""
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, size
    return made


def first(members: Members, kind: bytes, target: str = "") -> None:
    """Make the first member something else than a file."""
    made = entry(members[0][0].name, kind)
    made.linkname = target
    members[0] = (made, b"")


def rename(members: Members, name: str) -> None:
    """Call the first member otherwise."""
    members[0][0].name = name


CHANGES: dict[str, tuple[Change, str]] = {
    "up": (lambda all_: rename(all_, "../up"), "holds '../up' where"),
    "up by a pax record": (lambda all_: rename(all_, "../" + "u" * 300), "where 'models/a.json'"),
    "absolute": (lambda all_: rename(all_, "/etc/cron.d/x"), "holds '/etc/cron.d/x' where"),
    "another case": (lambda all_: rename(all_, "models/A.json"), "holds 'models/A.json' where"),
    "a folder": (lambda all_: first(all_, tarfile.DIRTYPE), "is no regular file"),
    "a link": (lambda all_: first(all_, tarfile.SYMTYPE, "/etc/passwd"), "is no regular file"),
    "a hard link": (lambda all_: first(all_, tarfile.LNKTYPE, "x"), "is no regular file"),
    "a device": (lambda all_: first(all_, tarfile.CHRTYPE), "is no regular file"),
    "a disk": (lambda all_: first(all_, tarfile.BLKTYPE), "is no regular file"),
    "a pipe": (lambda all_: first(all_, tarfile.FIFOTYPE), "is no regular file"),
    "contiguous": (lambda all_: first(all_, tarfile.CONTTYPE), "is no regular file"),
    "unknown": (lambda all_: first(all_, b"Z"), "is no regular file"),
    "one twice": (lambda all_: all_.insert(0, all_[0]), "holds 'models/a.json' where"),
    "one twice at the end": (lambda all_: all_.append(all_[0]), "does not end"),
    "one more": (lambda all_: all_.append((entry("models/evil.py"), b"")), "does not end"),
    "one less": (lambda all_: all_.pop(), "lacks 'offline_assets/studies/demo.toml'"),
    "another order": (lambda all_: all_.reverse(), "where 'models/a.json' belongs"),
    "another size": (
        lambda all_: all_.insert(1, (entry("models/b.txt", size=3), b"abc")),
        "'models/b.txt' has 3 bytes, not 800",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_members_are_refused(made: Made, name: str) -> None:
    """Only regular files, under the manifest's names, in its order, with its sizes."""
    change, why = CHANGES[name]
    members = made.members()
    change(members)
    made.replace_volume(0, tar_of(members))
    message = refused(made)
    assert message.startswith(VOLUME)
    assert why in message


def test_what_is_only_padded_is_taken(made: Made) -> None:
    """The tar that another program writes of the same members is as good."""
    made.replace_volume(0, tar_of(made.members()))
    assert verify(str(made.folder), made.key.public).manifest.name == "demo"


def test_other_bytes_in_a_signed_volume(made: Made) -> None:
    """A volume that is signed and right in form, with other bytes in members: they are named."""
    members = made.members()
    changed = [(entry, bytes(entry.size)) for entry, _ in members[:2]]
    made.replace_volume(0, tar_of([*changed, *members[2:]]))
    assert refused(made) == (
        f"{VOLUME} holds other bytes than the manifest tells of models/a.json, models/b.txt"
    )


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=6), st.integers(1, 3000))
def test_members_are_hashed_whatever_the_blocks(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], block: int
) -> None:
    """However the bytes come, each member has its own digest; empty ones, too."""
    members = [(entry(str(i), size=n), bytes([i]) * n) for i, n in enumerate(sizes)]
    path = tmp_path_factory.getbasetemp() / VOLUME
    path.write_bytes(tar_of(members))
    with tarfile.open(path) as tar:
        places = [Place(str(path), one.offset_data, one.size) for one in tar]
    pieces = Pieces(places)
    with path.open("rb", buffering=0) as stream, ThreadPoolExecutor(1) as other:
        read, view = pieces.beside(stream, other), memoryview(bytearray(block))
        while read(view):
            pass
    assert pieces.digests == [hashlib.sha256(data).hexdigest() for _, data in members]


def header(name: str = "models/a.json", **more: object) -> tarfile.TarInfo:
    """The header of the first member, with another field."""
    made = entry(name, size=2)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def record(data: bytes, kind: bytes = tarfile.XHDTYPE, size: int | None = None) -> bytes:
    """A pax record."""
    front = entry("././@PaxHeader", kind, len(data) if size is None else size)
    return front.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


def pax(data: bytes, kind: bytes = tarfile.XHDTYPE, size: int | None = None) -> bytes:
    """A pax record and the member behind it."""
    member = header("other").tobuf(tarfile.USTAR_FORMAT) + b"{}" + bytes(510)
    return record(data, kind, size) + member


def huge(size: int) -> bytes:
    """A member that claims to be that long."""
    return header(size=size).tobuf(tarfile.GNU_FORMAT) + b"{}" + bytes(510)


SPARSE = header(type=b"S").tobuf(tarfile.GNU_FORMAT) + b"{}" + bytes(510)
RAW = {
    "a record with another key": pax(b"26 GNU.sparse.size=999999\n"),
    "a record that renames": pax(b"18 path=/etc/evil\n"),
    "a record that renames twice": pax(b"22 path=models/a.json\n" * 2),
    "a record for all": pax(b"22 path=models/a.json\n", tarfile.XGLTYPE),
    "a record of another length": pax(b"99 path=models/a.json\n"),
    "a record without a length": pax(b"path=models/a.json\n"),
    "a record of no length": pax(b"0 path=models/a.json\n"),
    "an empty record": pax(b""),
    "an endless record": pax(b"22 path=models/a.json\n", size=1 << 32),
    "a record before a record": record(b"10 size=2\n") + pax(b"22 path=models/a.json\n"),
    "a sparse file": SPARSE,
    "a size without end": huge(1 << 60),
    "a size below zero": huge(-1),
    "a long name of GNU": header("models/a.json" + "/" * 200).tobuf(tarfile.GNU_FORMAT) + b"{}",
    "no tar": b"x" * 4096,
    "nothing": b"",
    "half a header": header().tobuf(tarfile.USTAR_FORMAT)[:300],
    "a wrong checksum": header().tobuf(tarfile.USTAR_FORMAT).replace(b"models", b"m0dels"),
}


@pytest.mark.parametrize("name", RAW)
def test_other_headers_are_refused(made: Made, name: str) -> None:
    """Records that rename, sparse files, false sizes and what is no tar: refused, soon."""
    data = RAW[name]
    rest = tar_of(made.members()[1:])
    made.replace_volume(0, data + rest if data else data)
    assert refused(made).startswith(VOLUME)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_nothing_is_decompressed(made: Made, pack: Callable[[bytes], bytes]) -> None:
    """A packed tar in a volume's place is no tar, however little it would grow to."""
    made.replace_volume(0, pack(tar_of(made.members())))
    assert "is no plain tar" in refused(made)


@pytest.mark.parametrize(
    "behind", [b"x", tar_of([(entry("models/evil.py"), b"")]), bytes(TRAILER)], ids=len
)
def test_nothing_lies_behind_the_end(made: Made, behind: bytes) -> None:
    """Neither a byte, nor a second tar, nor zeros without end."""
    made.replace_volume(0, tar_of(made.members()) + behind)
    assert "does not end behind its last file" in refused(made)


def test_a_volume_that_ends_too_soon(made: Made) -> None:
    """A tar that is cut, and signed as it is, is refused at the place of the cut."""
    whole = tar_of(made.members())
    for size in (0, 100, 512, 513, 1500, 2048, 2560):
        made.replace_volume(0, whole[:size])
        assert refused(made).startswith(VOLUME)


@settings(max_examples=150)
@given(st.data())
def test_any_flip_in_a_header_is_no_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever stands in the headers is refused, or means the same places."""
    place = tmp_path_factory.getbasetemp() / "flips"
    if not place.exists():
        place.mkdir()
        make_bundle(place, {LONG: b"long", "offline_assets/studies/demo.toml": b"x" * 600})
    manifest = parse((place / "bundle" / "manifest.json").read_bytes())
    members = members_of(manifest)[VOLUME]
    path = place / "bundle" / VOLUME
    whole = path.read_bytes()
    expected = layout(str(path), members)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    other = place / VOLUME
    other.write_bytes(changed)
    try:
        found = layout(str(other), members)
    except Refused:
        return
    assert [one[1:] for one in found] == [one[1:] for one in expected]

"""Manifests: what a rightly signed one may not say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nerdistill.bundle.bare.manifest import MANIFEST, canonical, member_name, parse
from nerdistill.bundle.bare.refusal import Refused
from tests.bundle.making import Made, make_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A bundle whose manifest is changed in memory only."""
    return make_bundle(tmp_path_factory.mktemp("made"))


def file(told: dict[str, Any], number: int = 0) -> dict[str, Any]:
    """The file of an asset."""
    found: dict[str, Any] = told["assets"][number]["files"][0]
    return found


CHANGES: dict[str, tuple[Change, str]] = {
    "another format": (lambda told: told.update(format="other"), "no manifest of a nerdistill"),
    "a later schema": (lambda told: told.update(schema=2), "schema 2"),
    "no assets": (lambda told: told.pop("assets"), "KeyError"),
    "a list for a file": (lambda told: told["assets"][0].update(files=[[]]), "TypeError"),
    "a text for a size": (lambda told: file(told).update(size="1"), "no count"),
    "true for a size": (lambda told: file(told).update(size=True), "no count"),
    "a size below zero": (lambda told: file(told).update(size=-1), "no count"),
    "a size without end": (lambda told: file(told).update(size=1 << 62), "no count"),
    "an empty name": (lambda told: told.update(name=""), "no text"),
    "a name that is a path": (lambda told: told.update(name="../x"), "not allowed"),
    "half a surrogate": (lambda told: told["assets"][0].update(name="\ud800"), "no manifest"),
    "a short digest": (lambda told: file(told).update(sha256="ab"), "not allowed"),
    "a path that leaves": (lambda told: file(told).update(path="../x"), "leaves its folder"),
    "an absolute path": (lambda told: file(told).update(path="/x"), "absolute"),
    "a path twice": (lambda told: file(told).update(path=file(told, 1)["path"]), "are one where"),
    "another case": (
        lambda told: file(told).update(path=file(told, 1)["path"].upper()),
        "are one where",
    ),
    "a volume elsewhere": (lambda told: told["volumes"][0].update(name="../vol"), "not allowed"),
    "a volume twice": (
        lambda told: told["volumes"].append(told["volumes"][0]),
        "names a volume twice",
    ),
    "an attached manifest": (
        lambda told: told["attached"][0].update(name=MANIFEST),
        "names a volume twice",
    ),
    "a piece in no volume": (
        lambda told: file(told)["pieces"][0].update(volume="vol-9999.tar"),
        "a volume that there is not",
    ),
    "a piece too long": (lambda told: file(told)["pieces"][0].update(size=1), "not as long as it"),
    "two digests of a file": (lambda told: file(told).update(sha256="0" * 64), "has two digests"),
    "neither carried nor in a base": (lambda told: file(told).update(pieces=[]), "neither carried"),
    "a base that there is not": (
        lambda told: file(told).update(pieces=[], base="x"),
        "names a base that there is not",
    ),
    "no platform": (lambda told: told.update(target={}), "KeyError"),
    "a version in words": (lambda told: told["target"].update(python="new"), "not allowed"),
    "one capability": (
        lambda told: told["target"].update(
            cuda={"version": "12.8", "driver": "525", "capabilities": ["7.5"]}
        ),
        "ValueError",
    ),
    "perhaps a compiler": (lambda told: told["target"].update(compiler="yes"), "TypeError"),
    "no date": (lambda told: told.pop("created"), "KeyError"),
    "no rehearsal": (lambda told: told.update(rehearsal={}), "KeyError"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_manifest_is_not_believed(made: Made, name: str) -> None:
    """Wrong types, missing parts and contradictions are refused in one line, with the remedy."""
    change, why = CHANGES[name]
    told = made.told
    change(told)
    data = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with pytest.raises(Refused, match=why) as refused:
        parse(data.encode("utf-8", "surrogatepass"))
    assert str(refused.value).startswith((MANIFEST, "the bundle", "the pieces", "'models"))
    assert "\n" not in str(refused.value)


def test_a_base_has_safe_paths_too(made: Made) -> None:
    """A file that is said to lie in the base cannot be one from elsewhere."""
    told = made.told
    told["base"] = {"name": "demo", "version": 1, "manifest": "0" * 64}
    file(told).update(pieces=[], base="../../../etc/shadow")
    with pytest.raises(Refused, match="leaves its folder"):
        parse(canonical(told))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"format":"nerdistill bundle","format":"nerdistill bundle"}',
        b'{"schema": 1}',
        b'{"schema":NaN}',
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_only_canonical_json_is_a_manifest(data: bytes) -> None:
    """Other text, doubled keys, spaces and endless nesting are refused, not raised."""
    with pytest.raises(Refused, match="is no manifest"):
        parse(data)


def test_pieces_of_two_files_have_two_names(made: Made) -> None:
    """A file that is called like another one's piece is refused where they would collide."""
    told = made.told
    big = next(one for one in (file(told, i) for i in range(4)) if len(one["pieces"]) > 1)
    piece = big["pieces"][0]
    name = member_name(big["path"], 0, len(big["pieces"]))
    small = file(told, 3)
    small.update(path=name, pieces=[{**small["pieces"][0], "volume": piece["volume"]}])
    with pytest.raises(Refused, match="would hold a name twice"):
        parse(canonical(told))

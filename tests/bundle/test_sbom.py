"""The list of what a bundle carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.sbom import sbom

WHEEL = Asset(
    "torch 2.13.0+cpu",
    "wheel",
    "pkg:pypi/torch",
    "2.13.0+cpu",
    "BSD-3-Clause AND MIT",
    (AssetFile(Path("a"), "wheels/torch.whl"),),
)
OWN = Asset(
    "nerdistill 0.1.0",
    "wheel",
    "nerdistill",
    "0.1.0",
    "Apache-2.0",
    (AssetFile(Path("b"), "wheels/nerdistill.whl"),),
)
MODEL = Asset(
    "bert",
    "student",
    "google-bert/bert",
    "a" * 40,
    "Some Model Licence",
    (
        AssetFile(Path("c"), "models/bert/config.json"),
        AssetFile(Path("d"), "models/bert/model.safetensors"),
    ),
)
CORPUS = Asset("conll", "corpus", "folder conll", None, None, (AssetFile(Path("e"), "conll.txt"),))
ASSETS = [WHEEL, OWN, MODEL, CORPUS]
DIGESTS = {
    file.path: f"{number:064x}"
    for number, file in enumerate(file for asset in ASSETS for file in asset.files)
}


def text(assets: list[Asset], **digests: str) -> str:
    """The list of a demo."""
    found = {**DIGESTS, **digests}
    return sbom(assets, found, name="demo", version="7", created="2026-11-23T21:43:44Z")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The list as plain values."""
    found: dict[str, Any] = json.loads(text(ASSETS))
    return found


def component(told: dict[str, Any], name: str) -> dict[str, Any]:
    """The one of that name."""
    (found,) = (one for one in told["components"] if one["name"] == name)
    return dict(found)


def test_it_says_what_it_is(told: dict[str, Any]) -> None:
    """The format, the bundle and its time; the bundle depends on all that it carries."""
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["timestamp"].startswith("2026-11-23T21:43:44")
    assert told["metadata"]["component"]["name"] == "demo"
    assert told["metadata"]["component"]["version"] == "7"
    references = {one["bom-ref"] for one in told["components"]}
    (root,) = (one for one in told["dependencies"] if one["ref"] == "bundle/demo")
    assert set(root["dependsOn"]) == references
    assert len(references) == len(ASSETS)


def test_a_wheel_is_a_library_of_its_registry(told: dict[str, Any]) -> None:
    """Tools that look for known faults find it by its purl."""
    found = component(told, "torch")
    assert found["type"] == "library"
    assert found["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"
    assert found["version"] == "2.13.0+cpu"
    assert found["hashes"] == [{"alg": "SHA-256", "content": DIGESTS["wheels/torch.whl"]}]
    assert found["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]
    own = component(told, "nerdistill 0.1.0")
    assert "purl" not in own
    assert own["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_a_model_is_listed_with_its_files(told: dict[str, Any]) -> None:
    """Each file has its digest; a licence that SPDX does not know stands by its name."""
    found = component(told, "bert")
    assert found["type"] == "machine-learning-model"
    assert found["version"] == "a" * 40
    assert found["licenses"] == [{"license": {"name": "Some Model Licence"}}]
    assert {one["name"]: one["hashes"][0]["content"] for one in found["components"]} == {
        file.path: DIGESTS[file.path] for file in MODEL.files
    }
    assert {"name": "nerdistill:source", "value": "google-bert/bert"} in found["properties"]


def test_data_without_a_licence_are_listed(told: dict[str, Any]) -> None:
    """What is not known is left out."""
    found = component(told, "conll")
    assert found["type"] == "data"
    assert "licenses" not in found
    assert "version" not in found


def test_the_same_content_gives_the_same_list() -> None:
    """Also where assets come in another order; other content has another serial number."""
    first = text(ASSETS)
    assert text(ASSETS[::-1]) == first
    other = text(ASSETS, **{"conll.txt": "f" * 64})
    assert json.loads(other)["serialNumber"] != json.loads(first)["serialNumber"]


def test_no_file_is_left_out_in_silence() -> None:
    """A file without a digest ends it."""
    with pytest.raises(KeyError, match=r"conll\.txt"):
        sbom([CORPUS], {}, name="demo", version="7", created="2026-11-23T21:43:44Z")

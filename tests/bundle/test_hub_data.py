"""Datasets of the hub, with the real client and the real `datasets` library."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.hub_data import fetch_dataset
from nerdistill.corpus.formats import read_corpus
from nerdistill.errors import AssetError
from nerdistill.progress import Silent
from tests.corpus.test_parquet import ROWS, write

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.bundle.asset import Asset
    from nerdistill.types import Corpus
    from tests.connected import Connected
    from tests.hub_server import Hub

TEAM = "some-team/tiny-news"
CARD = """\
---
license: cc-by-4.0
configs:
- config_name: en
  data_files: [{split: train, path: en/train.jsonl}, {split: test, path: en/test.jsonl}]
- config_name: de
  data_files: de.jsonl
dataset_info:
  config_name: en
  features:
  - {name: tokens, sequence: string}
  - {name: ner_tags, sequence: {class_label: {names: {'0': O, '1': B-PER, '2': I-PER, '3': B-LOC}}}}
---
"""


def _fetch(outside: Connected, commit: str, folder: Path, config: str | None = None) -> Asset:
    return outside(fetch_dataset, TEAM, commit, config, folder, Silent())


def _spans(corpus: Corpus) -> list[object]:
    return [(sentence.tokens, sentence.spans) for sentence in corpus.sentences]


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """A repository as the hub makes it of a script's dataset: parquet below configuration/split."""
    for split in ("train", "test"):
        (tmp_path / "repository/conll" / split).mkdir(parents=True)
        write(tmp_path / "repository/conll" / split / "0000.parquet", ROWS)
    return tmp_path / "repository"


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A repository of JSON lines with a card that tells configurations and classes."""
    folder = tmp_path / "described"
    (folder / "en").mkdir(parents=True)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    rows = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    for name in ("en/train.jsonl", "en/test.jsonl", "de.jsonl"):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_converted_dataset_is_fetched_once(
    hub: Hub, outside: Connected, converted: Path, tmp_path: Path
) -> None:
    """Each split is a file that reads as the CoNLL file does; a second call asks nothing."""
    commit = hub.add(TEAM, converted, kind="datasets")
    asset = _fetch(outside, commit, tmp_path / "conll", "conll")
    assert [file.path for file in asset.files] == [
        "offline_assets/datasets/conll/test.parquet",
        "offline_assets/datasets/conll/train.parquet",
    ]
    assert (asset.source, asset.revision, asset.licence) == (TEAM, commit, None)
    expected = _spans(read_corpus(converted / "conll/train/0000.parquet"))
    assert _spans(read_corpus(asset.files[1].origin)) == expected
    hub.log.clear()
    assert _fetch(outside, commit, tmp_path / "conll", "conll") == asset
    assert hub.log == []


def test_a_described_dataset(hub: Hub, outside: Connected, described: Path, tmp_path: Path) -> None:
    """Configurations, classes and the licence come from the card."""
    commit = hub.add(TEAM, described, kind="datasets")
    asset = _fetch(outside, commit, tmp_path / "news", "en")
    names = [file.path.rpartition("/")[2] for file in asset.files]
    assert names == ["README.md", "test.parquet", "train.parquet"]
    assert asset.licence == "CC-BY-4.0"
    spans = [sentence.spans for sentence in read_corpus(asset.files[2].origin).sentences]
    assert [[span.label for span in one or ()] for one in spans] == [["PER", "LOC"], []]
    with pytest.raises(AssetError, match=r"cannot be read as a dataset: .*'fr'.*'en'"):
        _fetch(outside, commit, tmp_path / "other", "fr")


def test_a_dataset_made_by_code(
    hub: Hub, outside: Connected, described: Path, tmp_path: Path
) -> None:
    """A loading script is not run, nor asked for; the remedy is what the hub converted."""
    (described / "tiny-news.py").write_text("raise SystemExit", encoding="utf-8")
    commit = hub.add(TEAM, described, kind="datasets")
    with pytest.raises(AssetError, match=r"code, tiny-news\.py.*refs/convert/parquet"):
        _fetch(outside, commit, tmp_path / "news", "en")
    assert not hub.asked_for(".py")


def test_several_converted_configurations(
    hub: Hub, outside: Connected, converted: Path, tmp_path: Path
) -> None:
    """Configurations are never mixed."""
    shutil.copytree(converted / "conll", converted / "wnut")
    commit = hub.add(TEAM, converted, kind="datasets")
    with pytest.raises(AssetError, match=r'several configurations: conll, wnut.*config = "conll"'):
        _fetch(outside, commit, tmp_path / "mixed")


def test_data_that_are_no_text(hub: Hub, outside: Connected, tmp_path: Path) -> None:
    """A reader that is not on the list is not let near the data."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "train.tar").write_bytes(b"\0" * 1024)
    commit = hub.add(TEAM, folder, kind="datasets")
    with pytest.raises(AssetError, match="holds webdataset files"):
        _fetch(outside, commit, tmp_path / "news")


def test_a_gated_dataset(hub: Hub, outside: Connected, described: Path, tmp_path: Path) -> None:
    """Without a token it is one line that says what to set."""
    commit = hub.add(TEAM, described, kind="datasets")
    hub.gated.add(TEAM)
    with pytest.raises(AssetError, match=r"does not open some-team/tiny-news.*HF_TOKEN"):
        _fetch(outside, commit, tmp_path / "news", "en")

"""Models of the hub and of folders, with the hub's real client."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.hub import fetch_model, local_model
from nerdistill.bundle.hub_client import told_error
from nerdistill.errors import AssetError, OfflineError
from nerdistill.progress import Silent
from tests.connected import Noted

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.bundle.asset import Asset
    from tests.connected import Connected
    from tests.hub_server import Hub

TEAM = "some-team/tiny-bert"
CARRIED = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]
SECRET = "hf_very_secret"  # noqa: S105 - of the fake hub


def _fetch(outside: Connected, commit: str, folder: Path, repo: str = TEAM) -> Asset:
    return outside(fetch_model, repo, commit, folder, role="student", progress=Silent())


def _names(asset: Asset) -> list[str]:
    return [file.path.removeprefix("models/tiny-bert/") for file in asset.files]


@pytest.fixture
def repository(tiny_repository: Path, tmp_path: Path) -> Path:
    """A copy of the repository to change."""
    return shutil.copytree(tiny_repository, tmp_path / "repository")


def _set(path: Path, **values: object) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, **values}), encoding="utf-8")


def test_a_model_is_fetched_once(
    hub: Hub, outside: Connected, tiny_repository: Path, tmp_path: Path
) -> None:
    """Weights, settings, tokenizer and card come, nothing else, and a second call asks nothing."""
    commit = hub.add(TEAM, tiny_repository)
    folder = tmp_path / "tiny-bert"
    asset = _fetch(outside, commit, folder)
    assert (asset.name, asset.role, asset.source) == ("tiny-bert", "student", TEAM)
    assert (asset.revision, asset.licence) == (commit, "Apache-2.0")
    assert set(CARRIED) <= set(_names(asset))
    assert not [
        name for name in _names(asset) if name.endswith((".bin", ".onnx")) or "onnx" in name
    ]
    for file in asset.files:
        original = tiny_repository / file.path.removeprefix("models/tiny-bert/")
        assert file.origin.read_bytes() == original.read_bytes()
    assert not hub.asked_for(".bin")
    hub.log.clear()
    assert _fetch(outside, commit, folder) == asset
    assert hub.log == []


def _small_chunks() -> None:
    """Let the client write each 10 kB, as it writes each 10 MB of real weights."""
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = 10_000


def test_a_dropped_connection_is_taken_up_where_it_broke(
    hub: Hub, outside: Connected, tiny_repository: Path, tmp_path: Path
) -> None:
    """Bytes that have arrived are not asked for again."""
    commit = hub.add(TEAM, tiny_repository)
    hub.drops["model.safetensors"] = [60_000]
    outside(_small_chunks)
    _fetch(outside, commit, tmp_path / "tiny-bert")
    gets = [line for line in hub.asked_for("model.safetensors") if line.startswith("GET")]
    assert len(gets) == 2
    assert gets[1].endswith("bytes=60000-")


def test_what_arrived_before_a_failure_is_kept(
    hub: Hub, outside: Connected, tiny_repository: Path, tmp_path: Path
) -> None:
    """The hub fails in the middle: one line says so, and the next call fetches the rest alone."""
    commit = hub.add(TEAM, tiny_repository)
    hub.failing.add("model.safetensors")
    with pytest.raises(AssetError, match=r"the hub answered 500.*Run the same command again"):
        _fetch(outside, commit, tmp_path / "tiny-bert")
    leftover = tmp_path / "tiny-bert/.cache/huggingface/download/abc.incomplete"
    leftover.write_bytes(b"of a killed run")
    hub.failing.clear()
    hub.log.clear()
    _fetch(outside, commit, tmp_path / "tiny-bert")
    fetched = {line.rpartition("/")[2] for line in hub.log if line.startswith("GET /some-team")}
    assert fetched == {"model.safetensors"}
    assert not leftover.exists()


def test_bytes_that_changed_on_the_way_are_told(
    hub: Hub, outside: Connected, repository: Path, tmp_path: Path
) -> None:
    """What arrived is held against the hub's own checksum, and fetched anew where it differs."""
    commit = hub.add(TEAM, repository)
    folder = tmp_path / "tiny-bert"
    hub.failing.add("model.safetensors")
    with pytest.raises(AssetError):
        _fetch(outside, commit, folder)
    hub.failing.clear()
    config = folder / "config.json"
    changed = config.read_bytes().replace(b'"hidden_size": 32', b'"hidden_size": 33')
    with config.open("r+b") as stream:
        stream.write(changed)
    with pytest.raises(AssetError, match=r"config\.json did not arrive as the hub has it"):
        _fetch(outside, commit, folder)
    asset = _fetch(outside, commit, folder)
    assert "config.json" in _names(asset)
    assert config.read_bytes() == (repository / "config.json").read_bytes()


def test_weights_that_exist_only_as_pickle_are_refused(
    hub: Hub, outside: Connected, repository: Path, tmp_path: Path
) -> None:
    """Such a repository is refused before anything of it is fetched, with what to do."""
    (repository / "model.safetensors").unlink()
    commit = hub.add(TEAM, repository)
    with pytest.raises(AssetError, match=r"only as pytorch_model\.bin.*save_pretrained"):
        _fetch(outside, commit, tmp_path / "tiny-bert")
    assert not [line for line in hub.log if "/resolve/" in line]


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_with_code_of_its_own_is_refused(
    hub: Hub, outside: Connected, repository: Path, tmp_path: Path, file: str
) -> None:
    """`auto_map` names Python to run: refused before the weights are fetched."""
    (repository / "modeling_own.py").write_text("raise SystemExit", encoding="utf-8")
    _set(repository / file, auto_map={"AutoModel": "modeling_own.Own"})
    commit = hub.add(TEAM, repository)
    with pytest.raises(AssetError, match=rf"'{file}' asks for Python code .*\(auto_map\)"):
        _fetch(outside, commit, tmp_path / "tiny-bert")
    assert not hub.asked_for(".safetensors")


def test_code_that_nothing_names_stays_behind(
    hub: Hub, outside: Connected, repository: Path, tmp_path: Path
) -> None:
    """A training script beside the weights is not fetched."""
    (repository / "train.py").write_text("raise SystemExit", encoding="utf-8")
    asset = _fetch(outside, hub.add(TEAM, repository), tmp_path / "tiny-bert")
    assert not hub.asked_for(".py")
    assert not [name for name in _names(asset) if name.endswith(".py")]


def test_wrong_names_and_commits(
    hub: Hub, outside: Connected, tiny_repository: Path, tmp_path: Path
) -> None:
    """What the hub does not have is one line with the remedy."""
    commit = hub.add(TEAM, tiny_repository)
    with pytest.raises(AssetError, match=r"no commit f{40} of some-team/tiny-bert"):
        _fetch(outside, "f" * 40, tmp_path / "a")
    with pytest.raises(AssetError, match=r"no repository some-team/none.*HF_TOKEN"):
        _fetch(outside, commit, tmp_path / "b", repo="some-team/none")


@pytest.mark.parametrize("token", ["", "hf_wrong"])
def test_a_gated_model_without_the_right_token(
    hub: Hub, outside: Connected, tiny_repository: Path, tmp_path: Path, token: str
) -> None:
    """The error names the repository and what to set, and does not show a token."""
    commit = hub.add(TEAM, tiny_repository)
    hub.gated.add(TEAM)
    outside.environ({"HF_TOKEN": token})
    with pytest.raises(AssetError, match=r"does not open some-team/tiny-bert.*HF_TOKEN") as caught:
        _fetch(outside, commit, tmp_path / "tiny-bert")
    outside.environ({"HF_TOKEN": ""})
    assert not token or token not in str(caught.value)


def test_a_token_opens_a_gated_model_and_is_never_written(
    hub: Hub, outside: Connected, tiny_repository: Path, tmp_path: Path
) -> None:
    """HF_TOKEN is sent, and no file holds it afterwards."""
    commit = hub.add(TEAM, tiny_repository)
    hub.gated.add(TEAM)
    hub.token = SECRET
    outside.environ({"HF_TOKEN": SECRET})
    _fetch(outside, commit, tmp_path / "tiny-bert")
    outside.environ({"HF_TOKEN": ""})
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def _ask_nobody() -> None:
    from huggingface_hub import get_session

    with told_error(TEAM, "0" * 40):
        get_session().get("http://127.0.0.1:9")


def test_a_hub_that_is_not_there(outside: Connected) -> None:
    """Where nothing answers, the reason is told in one line."""
    with pytest.raises(AssetError, match=r"tiny-bert cannot be fetched from the hub: .*refused"):
        outside(_ask_nobody)


def test_a_closed_process_does_not_ask(tmp_path: Path) -> None:
    """Where nerdistill is offline, as everywhere but in `bundle create`, nothing is fetched."""
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE"):
        fetch_model(TEAM, "0" * 40, tmp_path / "m", role="student", progress=Silent())


def test_a_folder_of_this_machine(repository: Path, tmp_path: Path) -> None:
    """Links are followed, hidden files and pickles stay behind, and the pickles are told."""
    linked = tmp_path / "linked"
    linked.symlink_to(repository)
    (repository / "model.safetensors").rename(tmp_path / "blob")
    (repository / "model.safetensors").symlink_to(tmp_path / "blob")
    progress = Noted()
    asset = local_model(linked, "models/tiny-bert", role="student", progress=progress)
    assert set(CARRIED) <= set(_names(asset))
    assert {file.path: file.origin for file in asset.files}[
        "models/tiny-bert/model.safetensors"
    ] == tmp_path / "blob"
    assert not [file for file in asset.files if file.origin.is_symlink()]
    assert (asset.source, asset.revision, asset.licence) == ("folder linked", None, "Apache-2.0")
    (said,) = progress.said
    assert "pytorch_model.bin" in said
    assert not [name for name in _names(asset) if name.startswith(".")]


def test_a_folder_with_code(repository: Path) -> None:
    """A local folder with Python in it is refused: somebody meant it to run."""
    (repository / "modeling_own.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(AssetError, match=r"brings code: modeling_own\.py"):
        local_model(repository, role="student", progress=Silent())

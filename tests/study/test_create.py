"""A bundle of a study is made from indexes and a hub, and an interrupted run goes on."""

from __future__ import annotations

import json
import signal
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from nerdistill.bundle.bare.manifest import MANIFEST
from nerdistill.bundle.bare.verify import verify
from nerdistill.bundle.sign import open_key
from nerdistill.errors import BundleError, ConfigError
from nerdistill.progress import Silent
from nerdistill.study import create as creating
from nerdistill.study.create import Wishes, create
from tests.bundle.installing import this_machine
from tests.bundle.stand_in import stand_in_wheel
from tests.bundle.tiny_index import index
from tests.connected import Noted
from tests.study.creating import PARTS, Maker, fill, serving, write_target

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.tiny_index import TinyIndex
    from tests.hub_server import Hub

__all__ = ["index", "this_machine"]

DEMO = "offline_assets/studies/demo.toml"
FAR = '\n[sources."models/far"]\nhub = "some-team/far"\nrevision = "{revision}"\n'
DEATHS = [
    ("nerdistill.study.create:own_wheel", 1),
    ("nerdistill.bundle.hub_client:HubClient.fetch", 2),
    ("nerdistill.bundle.wheels:_download", 2),
    ("nerdistill.bundle.wheels:check_closure", 1),
    ("nerdistill.bundle.write:Journal.keep", 2),
    ("nerdistill.bundle.write:_check_split", 1),
    ("nerdistill.bundle.build:bootstrap", 1),
    ("nerdistill.study.create:publish", 1),
    ("nerdistill.bundle.build:write_whole", 4),
]
"""Calls at which a run is killed, one after the other; the last would write the manifest."""


@pytest.fixture
def wishes(
    home: Path,
    index: TinyIndex,
    tmp_path: Path,
    this_machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Wishes:
    """A bundle of the demo for this machine, with a stand-in for nerdistill."""
    fill(index)
    own = stand_in_wheel(tmp_path / "own", tmp_path / "log", {})
    monkeypatch.setattr(creating, "own_wheel", lambda _: own)
    return Wishes(
        study=home / DEMO,
        settings=(),
        target=write_target(tmp_path / "target.json", this_machine),
        out=tmp_path / "out",
        most=1 << 20,
        key=open_key(tmp_path / "key.pem"),
        base=None,
        cache=tmp_path / "cache",
        version=7,
        python=None,
    )


def test_a_bundle_is_complete_once_it_has_passed(
    wishes: Wishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails has no manifest; the next run mends it in place, signed and whole."""
    mended = creating.own_wheel  # type: ignore[attr-defined]
    broken = stand_in_wheel(tmp_path / "broken", tmp_path / "log", {"doctor": 1})
    monkeypatch.setattr(creating, "own_wheel", lambda _: broken)
    with pytest.raises(BundleError, match="fails its rehearsal at 'nerdistill doctor'"):
        create(wishes, Silent())
    assert not (wishes.out / MANIFEST).exists()
    monkeypatch.setattr(creating, "own_wheel", mended)
    noted = Noted()
    made = create(wishes, noted)
    assert (made.name, made.version, made.rehearsal["status"]) == ("demo", 7, "passed")
    assert (made.target["cuda"], made.target["compiler"]) == (None, False)
    assert verify(str(wishes.out), wishes.key.public).manifest.digest == made.digest
    assert {"wheel", "requirements", "study", "student"} <= {one.role for one in made.assets}
    ran = [line.split()[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert ran == ["doctor", "doctor", "study"]
    listed = json.loads((wishes.out / "sbom.cdx.json").read_text())
    names = {one["name"] for one in listed["components"]}
    assert names >= {one.name for one in made.assets if one.role != "wheel"}
    assert len([line for line in noted.said if line.startswith("hash")]) == 1
    with pytest.raises(BundleError, match="holds a finished bundle"):
        create(wishes, Silent())


def test_another_platform_s_is_not_rehearsed(
    wishes: Wishes, tmp_path: Path, this_machine: dict[str, Any]
) -> None:
    """It says so, and why; a base of it is not carried again."""
    other = "aarch64" if this_machine["machine"] == "x86_64" else "x86_64"
    write_target(wishes.target, this_machine, machine=other)
    noted = Noted()
    made = create(wishes, noted)
    assert made.rehearsal["status"] == "resolved, not rehearsed"
    assert f"the bundle is for {other}" in made.rehearsal["reason"]
    assert noted.said[-1].startswith("resolved, not rehearsed: the bundle is for")
    assert not (tmp_path / "log").exists()
    later = replace(wishes, out=tmp_path / "later", base=wishes.out)
    with pytest.raises(ConfigError, match="bundle version 7 is not above 7"):
        create(later, Silent())
    changes = create(replace(later, version=8), Silent())
    assert changes.base is not None
    assert (changes.base.version, changes.volumes) == (7, ())
    again = replace(wishes, out=tmp_path / "again", base=later.out, version=9)
    with pytest.raises(ConfigError, match="is itself an update of demo 7"):
        create(again, Silent())


@pytest.mark.parametrize(
    "deaths", [DEATHS[2::2], pytest.param(DEATHS, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_a_killed_run_goes_on_without_a_second_download(
    home: Path,
    index: TinyIndex,
    hub: Hub,
    tiny_repository: Path,
    tmp_path: Path,
    this_machine: dict[str, Any],
    deaths: list[tuple[str, int]],
) -> None:
    """Killed at every step, in turn: the index and the hub send each file once."""
    fill(index)
    study = home / "offline_assets" / "studies" / "far.toml"
    revision = hub.add("some-team/far", tiny_repository)
    text = (home / DEMO).read_text().replace('name = "demo"', 'name = "far"')
    study.write_text(text.replace("models/minilm", "models/far") + FAR.format(revision=revision))
    log = tmp_path / "log"
    own = stand_in_wheel(tmp_path / "own", log, {}, requires=PARTS)
    other = "aarch64" if this_machine["machine"] == "x86_64" else "x86_64"
    target = write_target(tmp_path / "target.json", this_machine, machine=other)
    out, key = tmp_path / "out", tmp_path / "key.pem"
    with serving(index) as (url, asked):
        maker = Maker(
            own,
            [
                *(study, "--target", target, "--out", out, "--key", key),
                *("--cache", tmp_path / "cache", "--max-volume", "2M", "--bundle-version", "3"),
            ],
            {
                "HF_ENDPOINT": hub.url,
                "HF_HOME": str(tmp_path / "hf"),
                "PIP_INDEX_URL": f"{url}/simple/",
                "PIP_NO_CACHE_DIR": "1",
                "UV_OFFLINE": "",
                "no_proxy": "127.0.0.1",
            },
        )
        for place, count in deaths:
            done = maker.run(place, count)
            assert done.returncode == -signal.SIGKILL, (place, done.stdout, done.stderr)
            assert not (out / MANIFEST).exists()
        done = maker.run()
    assert done.returncode == 0, done.stderr
    assert "resolved, not rehearsed" in done.stdout
    names = Counter(path.rpartition("/")[2] for path in asked if path.endswith(".whl"))
    assert names.keys() == {path.name for path in index.files.iterdir()}
    assert set(names.values()) == {1}
    weights = [one for one in hub.log if one.startswith("GET") and "model.safetensors" in one]
    assert len(weights) == 1
    made = verify(str(out), open_key(key).public).manifest
    assert {path.name for path in out.iterdir()} == {
        *(one.name for one in (*made.volumes, *made.attached)),
        *(MANIFEST, f"{MANIFEST}.sig"),
    }

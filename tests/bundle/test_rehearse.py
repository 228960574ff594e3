"""A bundle is installed and used without a network before anybody may call it complete."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill import isolation
from nerdistill.bundle.bare.manifest import MANIFEST, SIGNATURE
from nerdistill.bundle.bare.verify import read_manifest
from nerdistill.bundle.build import publish
from nerdistill.bundle.rehearse import Base, Rehearsal, reason_not_to, rehearse
from nerdistill.bundle.sign import open_key
from nerdistill.errors import BundleError
from tests.bundle.installing import HERE
from tests.bundle.stand_in import STUDY, draft_of, installable
from tests.connected import Noted

if TYPE_CHECKING:
    from nerdistill.bundle.build import Draft

STEPS = ["install", "nerdistill doctor", "a small study"]


def wanted(tmp_path: Path, base: Base | None = None) -> Rehearsal:
    """A rehearsal of the small study, in two steps of training."""
    return Rehearsal(tmp_path / "scratch", STUDY, ("--set", "training.steps=2"), base)


def made_with(tmp_path: Path, **fails: int) -> Draft:
    """A bundle whose nerdistill ends these commands with these exit codes."""
    return draft_of(tmp_path, installable(tmp_path, tmp_path / "log", fails))


@pytest.mark.skipif(not isolation.can_unshare(), reason="this machine has no user namespaces")
def test_a_bundle_that_works_passes(tmp_path: Path) -> None:
    """Each step ran in it, where no network was; the verdict makes it complete, nothing sooner."""
    made, noted = made_with(tmp_path), Noted()
    found = rehearse(made, wanted(tmp_path), noted)
    assert found == {
        "status": "passed",
        "isolation": "network namespace",
        "study": STUDY,
        "steps": STEPS,
    }
    assert [one for one in noted.said if one.startswith("rehearsal: ")] == [
        f"rehearsal: {one}" for one in STEPS
    ]
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [words[0] for words in lines] == ["doctor", "study"]
    assert {words[2] for words in lines} == {"unreachable"}
    own = Path("/proc/self/ns/net").readlink()
    assert str(own) not in {words[1] for words in lines}
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not {path.name for path in made.folder.iterdir()} & {MANIFEST, SIGNATURE}
    key = open_key(tmp_path / "key.pem")
    publish(made, found, key)
    assert read_manifest(str(made.folder), key.public).rehearsal == found


def test_a_bundle_that_fails_is_not_complete(tmp_path: Path) -> None:
    """The error tells the step, its exit code and what it printed; no manifest is written."""
    made = made_with(tmp_path, study=3)
    expected = r"'a small study' \(exit code 3\): this is the answer of study run \S+/small\.toml"
    with pytest.raises(BundleError, match=expected) as caught:
        rehearse(made, wanted(tmp_path), Noted())
    assert "what is finished is kept" in caught.value.hint
    assert not (made.folder / MANIFEST).exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_damaged_volume_fails(tmp_path: Path) -> None:
    """What the installer will not take does not travel."""
    made = made_with(tmp_path)
    volume = made.folder / "vol-0001.tar"
    volume.write_bytes(volume.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"'install' .*vol-0001\.tar is damaged"):
        rehearse(made, wanted(tmp_path), Noted())


def test_a_base_is_installed_first(tmp_path: Path) -> None:
    """A bundle of what changed is rehearsed on what it builds on."""
    assets = installable(tmp_path, tmp_path / "log")
    base, key = draft_of(tmp_path, assets, name="base"), open_key(tmp_path / "key.pem")
    below = publish(base, {"status": "passed"}, key)
    made = draft_of(tmp_path, assets, base=below)
    assert list(made.folder.glob("vol-*")) == []
    found = rehearse(made, wanted(tmp_path, Base(base.folder, key.file)), Noted())
    assert found["steps"] == ["install the base", *STEPS]


def test_without_a_namespace_the_level_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit hook alone watches then; and what fails there fails, whatever this shell has."""
    monkeypatch.setattr(isolation, "can_unshare", lambda: False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "nerdistill.py").write_text("def main(): print('of this shell')\n")
    noted = Noted()
    with pytest.raises(BundleError, match=r"'nerdistill doctor' \(exit code 1\): .*of doctor"):
        rehearse(made_with(tmp_path, doctor=1), wanted(tmp_path), noted)
    assert isolation.REMEDY in noted.said[0]


@pytest.mark.skipif(not isolation.can_strace(), reason="this machine has no strace")
def test_strace_stands_in_for_a_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees the address that the stand-in's sockets name: what would ask it does not travel."""
    monkeypatch.setattr(isolation, "can_unshare", lambda: False)
    with pytest.raises(BundleError, match=r"asks another machine: .*192\.0\.2\.1"):
        rehearse(made_with(tmp_path), wanted(tmp_path), Noted())


def test_nothing_that_proves_it_is_no_plain_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict says so wherever it is read."""
    monkeypatch.setattr(isolation, "can_unshare", lambda: False)
    monkeypatch.setattr(isolation, "can_strace", lambda: False)
    found = rehearse(made_with(tmp_path), wanted(tmp_path), Noted())
    assert found["status"] == "passed, isolation not proven"
    assert found["isolation"] == "audit hook"


def test_a_study_that_cannot_run_here_is_loaded(tmp_path: Path) -> None:
    """All that it names is looked for where the bundle has put it; what fails there fails."""
    asked = replace(wanted(tmp_path), loaded="offline_assets/studies/own.toml")
    found = rehearse(made_with(tmp_path), asked, Noted())
    assert found["steps"] == [*STEPS[:2], "files of the study", STEPS[2]]
    expected = r"'files of the study' .* study status \S+/current/offline_assets/studies/own\.toml"
    broken = made_with(tmp_path / "broken", study=2)
    with pytest.raises(BundleError, match=expected):
        rehearse(broken, asked, Noted())


def test_this_machine_s_own_bundle_can_be_rehearsed(tmp_path: Path) -> None:
    """The target is what the tests run on."""
    assert reason_not_to(draft_of(tmp_path, ())) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"machine": "riscv64"}, "the bundle is for riscv64, this machine is"),
        ({"glibc": "2.99"}, r"the bundle needs glibc 2\.99, this machine has glibc"),
        ({"python": "3.99"}, r"the bundle is for Python 3\.99"),
    ],
)
def test_another_platform_s_bundle_can_not(
    tmp_path: Path, changed: dict[str, object], expected: str
) -> None:
    """The reason is what its installer would say here."""
    found = reason_not_to(draft_of(tmp_path, (), target={**HERE, **changed}))
    assert re.match(expected, found or "")

"""INSTALL_AIRGAP.md, followed to the letter: from a connected machine to a study without a network.

The bundle is made of real packages from pip's indexes and of the small pretrained student, carried
to another path, verified, installed and used where no network is and no checkout.
"""

from __future__ import annotations

import json
import shutil
import tarfile

import pytest

from nerdistill import isolation
from tests.airgap.machines import PAGE, Machines, allowed, steps

pytestmark = pytest.mark.airgap

ROOT = "/opt/nerdistill"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machines, dict[str, str]]:
    """Both machines after the last step, and what each side printed."""
    if not allowed():
        pytest.skip("this machine lets this user make no user and mount namespaces")
    machines = Machines(tmp_path_factory.mktemp("airgap"))
    machines.prepare()
    printed = {"connected": "", "isolated": ""}
    for side, script in steps(PAGE.read_text(encoding="utf-8")):
        carried = printed["isolated"] and side == "isolated"
        if carried:
            machines.change_medium()
        printed[side] += machines.run(side, script, sealed=bool(carried))
    return machines, printed


def test_the_bundle_was_rehearsed(followed: tuple[Machines, dict[str, str]]) -> None:
    """The connected side ends with a bundle that passed, and tells both digests."""
    _, printed = followed
    assert "rehearsal: passed (network namespace; ran offline" in printed["connected"]
    assert "bootstrap.py sha256" in printed["connected"]


def test_digests_can_be_compared(followed: tuple[Machines, dict[str, str]]) -> None:
    """What the connected side says is what `sha256sum` prints on the other."""
    _, printed = followed
    lines = printed["connected"].splitlines()
    told = [line.split()[-1] for line in lines if line.startswith("  ") and " sha256 " in line]
    assert len(told) == 2
    assert all(f"{digest}  /media/" in printed["isolated"] for digest in told)


def test_the_study_ran(followed: tuple[Machines, dict[str, str]]) -> None:
    """All three phases of the demo, with scores that only a trained student reaches."""
    machines, printed = followed
    assert all(f"Phase {number}" in printed["isolated"] for number in (1, 2, 3))
    results = machines.place / "isolated" / "work" / "workspaces" / "demo" / "results.json"
    text = results.read_text(encoding="utf-8")
    assert json.loads(text)
    assert str(machines.place) not in text


def test_the_proof_is_strong(followed: tuple[Machines, dict[str, str]]) -> None:
    """`doctor --airgap` proves it by a namespace, and doctor finds nothing that fails."""
    _, printed = followed
    assert "proven: a small study ran where no network exists" in printed["isolated"]
    assert not [line for line in printed["isolated"].splitlines() if line.startswith("  failure")]


def test_results_leave_without_text(followed: tuple[Machines, dict[str, str]]) -> None:
    """What is packed to be carried out is the page and its figures, and names no place."""
    machines, printed = followed
    assert printed["isolated"].splitlines()[-3:] == ["report.md", "f1.svg", "curves.svg"]
    work = machines.place / "isolated" / "work"
    with tarfile.open(work / "results.tar.gz") as packed:
        texts = [packed.extractfile(entry) for entry in packed]
        assert all(stream and str(machines.place) not in stream.read().decode() for stream in texts)


def test_strace_sees_no_address(followed: tuple[Machines, dict[str, str]]) -> None:
    """The whole demo under strace, by all its processes: no address but of this machine."""
    if shutil.which("strace") is None:
        pytest.skip("this machine has no strace")
    machines, _ = followed
    log = machines.place / "isolated" / "trace"
    study = ["study", "run", "offline_assets/studies/demo.toml", "--progress", "none"]
    program = [f"{ROOT}/current/.venv/bin/nerdistill", *study, "--workspace", "traced"]
    alive = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9 || true"]
    machines.run("isolated", " ".join(isolation.strace(program, log)))
    traced = log.read_text(encoding="utf-8", errors="replace").splitlines()
    assert isolation.outside(traced) == []
    # The same trace does see what asks for an address: here one of this machine.
    machines.run("isolated", " ".join([*isolation.strace(alive[:2], log), f"'{alive[2]}'"]))
    assert "127.0.0.1" in log.read_text(encoding="utf-8")

"""The proof of the air gap: real namespaces, real traces, and a study that tries to get out."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill import egress, isolation
from nerdistill.bundle.inventory import Inventory, take_inventory
from nerdistill.doctor.airgap import PRELUDE, Seen, Watch, check_airgap, judged, watched
from nerdistill.doctor.child import Answer
from nerdistill.doctor.finding import NAMESPACE, NOT_PROVEN, TRACE
from nerdistill.study.relocate import DEMO
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from nerdistill.doctor.finding import Finding

CHECKOUT = Path(__file__).parents[2]
SENDS = (
    "import socket\n"
    "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:\n"
    "    one.connect(('192.0.2.1', 9))"
)
"""Names an address outside; to connect a datagram socket sends nothing."""
NATIVE = f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', {SENDS!r}])"
"""The same by a program that knows no guard, as native code does."""
BOTH, ONLY_STRACE, ONLY_NAMESPACE = Watch(True, True), Watch(False, True), Watch(True, False)
NONE = Watch(False, False)
ADDRESS = 'sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("{}")'


def needs(watch: Watch) -> None:
    """Leave out what this machine forbids."""
    if watch.namespace and not isolation.can_unshare():
        pytest.skip("this machine has no user namespaces")
    if watch.strace and not isolation.can_strace():
        pytest.skip("this machine has no strace")


def run(code: str, watch: Watch, place: Path) -> list[Finding]:
    """What a small program proves."""
    needs(watch)
    command = [sys.executable, "-c", PRELUDE + code]
    seen = watched(command, watch, os.environ, place / "trace", 60)
    return list(judged(watch, seen, "nerdistill study run"))


@pytest.mark.parametrize(
    ("watch", "levels"),
    [(BOTH, [NAMESPACE, TRACE]), (ONLY_STRACE, [TRACE]), (ONLY_NAMESPACE, [NAMESPACE])],
)
def test_what_stays_inside_is_proven_by_each_level(
    watch: Watch, levels: list[str], tmp_path: Path
) -> None:
    """A line for each level that was had."""
    found = run("", watch, tmp_path)
    assert [(one.name, one.status) for one in found] == [(level, "ok") for level in levels]
    assert all(one.found.startswith("proven: ") for one in found)
    if watch.strace:
        assert "addresses seen: 1, none of them outside 127.0.0.0/8" in found[-1].found


def test_interfaces_that_are_down_do_not_count(tmp_path: Path) -> None:
    """Where tunnels are set up, each new namespace has some; here loopback itself is one."""
    needs(ONLY_NAMESPACE)
    code = (
        f"{PRELUDE.partition('with socket')[0]}\n"
        "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "told(interfaces=[bool(is_up(name)) for _, name in socket.if_nameindex()])"
    )
    bare = ["unshare", "-rn", sys.executable, "-c", code]
    seen = watched(bare, NONE, os.environ, tmp_path / "trace", 60)
    told = seen.answer.told[0]["interfaces"]
    assert told
    assert not any(told)
    assert [one.name for one in run("", ONLY_NAMESPACE, tmp_path)] == [NAMESPACE]


def test_without_a_watch_nothing_is_proven(tmp_path: Path) -> None:
    """The study ran, and that says nothing; the remedy is what an administrator can allow."""
    (found,) = run("", NONE, tmp_path)
    assert (found.name, found.status) == (NOT_PROVEN, "failure")
    assert "nothing besides the audit hook" in found.found
    assert "max_user_namespaces" in found.remedy
    assert "strace" in found.remedy


@pytest.mark.parametrize("watch", [BOTH, ONLY_STRACE])
def test_what_the_guard_does_not_see_is_caught(watch: Watch, tmp_path: Path) -> None:
    """A program without the guard names an address: its call is shown, and nothing is proven."""
    (found,) = run(NATIVE, watch, tmp_path)
    assert (found.name, found.status) == (NOT_PROVEN, "failure")
    assert 'inet_addr("192.0.2.1")' in found.found


def test_a_study_that_fails_proves_nothing(tmp_path: Path) -> None:
    """Its last line is told, and how to see the rest."""
    (found,) = run("raise SystemExit('no room')", NONE, tmp_path)
    assert (found.name, found.status) == (NOT_PROVEN, "failure")
    assert "no room" in found.found
    assert "nerdistill study run" in found.remedy


FINE = Answer(({"interfaces": ["lo"]},), 0, "")
LOCAL = (f"connect(3, {{{ADDRESS.format('127.0.0.1')}}}, 16) = 0",)


@pytest.mark.parametrize(
    ("watch", "seen", "told"),
    [
        # A trace that does not even show what it must, and a namespace that has a network.
        (ONLY_STRACE, Seen(FINE, ()), [(TRACE, "warning"), (NOT_PROVEN, "failure")]),
        (
            ONLY_NAMESPACE,
            Seen(Answer(({"interfaces": ["lo", "eth0"]},), 0, ""), ()),
            [(NAMESPACE, "warning"), (NOT_PROVEN, "failure")],
        ),
        (
            ONLY_NAMESPACE,
            Seen(Answer((), 0, ""), ()),
            [(NAMESPACE, "warning"), (NOT_PROVEN, "failure")],
        ),
        (BOTH, Seen(FINE, ()), [(NAMESPACE, "ok"), (TRACE, "warning")]),
        (BOTH, Seen(FINE, LOCAL), [(NAMESPACE, "ok"), (TRACE, "ok")]),
        (BOTH, Seen(Answer((), None, ""), LOCAL), [(NOT_PROVEN, "failure")]),
    ],
)
def test_a_watch_must_pass_a_test_of_its_own(
    watch: Watch, seen: Seen, told: list[tuple[str, str]]
) -> None:
    """One that is blind is not taken for one that saw nothing."""
    assert [(one.name, one.status) for one in judged(watch, seen, "")] == told


def test_many_calls_are_shown_in_part() -> None:
    """Three, and how many more."""
    lines = tuple(f"connect(3, {{{ADDRESS.format(f'10.0.0.{i}')}}}, 16) = 0" for i in range(5))
    (found,) = judged(BOTH, Seen(FINE, lines), "")
    assert "10.0.0.2" in found.found
    assert found.found.endswith("and 2 more")


def test_no_student(tmp_path: Path) -> None:
    """Without one no study runs, and where one comes from is told."""
    (found,) = check_airgap(take_inventory(tmp_path), NONE)
    assert (found.name, found.status, "models/" in found.remedy) == (NOT_PROVEN, "failure", True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """A home with the demo and a tiny student, under another name than the demo's own."""
    place = tmp_path_factory.mktemp("home")
    for name in ("offline_assets/demo", "offline_assets/labels"):
        shutil.copytree(CHECKOUT / name, place / name)
    (place / DEMO).parent.mkdir()
    shutil.copyfile(CHECKOUT / DEMO, place / DEMO)
    save_tiny_student(place / "models" / "tiny", ["ada", "left"])
    return take_inventory(place)


@pytest.mark.slow
@pytest.mark.parametrize("watch", [BOTH, ONLY_STRACE, ONLY_NAMESPACE, NONE])
def test_the_real_study(watch: Watch, home: Inventory) -> None:
    """The demo study, cut short, runs to its end under each watch."""
    needs(watch)
    levels = [NAMESPACE] * watch.namespace + [TRACE] * watch.strace
    found = list(check_airgap(home, watch))
    assert [one.name for one in found if one.status == "ok"] == levels, found
    assert len(found) == max(1, len(levels))


@pytest.mark.slow
def test_a_study_that_tries_to_get_out(
    home: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the path of its Python starts a program that knows no guard."""
    needs(BOTH)
    (tmp_path / "sitecustomize.py").write_text(NATIVE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (found,) = check_airgap(home, BOTH)
    assert (found.name, found.status) == (NOT_PROVEN, "failure")
    assert 'inet_addr("192.0.2.1")' in found.found


@pytest.mark.slow
def test_a_study_that_asks_in_python_is_stopped_by_the_guard(
    home: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even unwatched: the line that asked is in the study's own error."""
    package = tmp_path / "seqeval"
    package.mkdir()
    (package / "__init__.py").write_text(SENDS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert egress.installed()
    (found,) = check_airgap(home, NONE)
    assert (found.name, found.status) == (NOT_PROVEN, "failure")
    assert "192.0.2.1" in found.found

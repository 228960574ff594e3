"""The proof: a small study runs where no network is, under an eye that sees each address."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import isolation
from nerdistill.doctor.child import TOLD, ask
from nerdistill.doctor.finding import NAMESPACE, NOT_PROVEN, TRACE, Finding
from nerdistill.doctor.holdings import NO_STUDENT, smallest
from nerdistill.doctor.machine import STRACE, UBUNTU, USER_NAMESPACES
from nerdistill.errors import printable
from nerdistill.study.relocate import DEMO, DEMO_STUDENT, SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.bundle.inventory import Inventory
    from nerdistill.doctor.child import Answer

SECONDS = 900.0
CONTROL = "127.0.0.1"
START = f"""{TOLD}
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(({CONTROL!r}, 9))
told(interfaces=[name for _, name in socket.if_nameindex()])
from nerdistill.cli.main import main
main()
"""
"""Names an address that a working trace must show, and what network there is; then the study."""
SHOWN = 3
"""Lines of a trace that are shown."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches the study: the kernel, by a namespace without a network; strace; or neither."""

    namespace: bool
    strace: bool


def watch_here() -> Watch:
    """What this machine lets this user do."""
    return Watch(isolation.can_unshare(), isolation.can_strace())


def check_airgap(inventory: Inventory, watch: Watch, seconds: float = SECONDS) -> Iterator[Finding]:
    """Run a small study and tell what is proven.

    Args:
        inventory: has the demo study and a student.
        watch: what can be had. Both watch the same run, so that nothing can leave even then.
        seconds: after which the study is given up.
    """
    student = smallest(inventory, "student")
    if student is None:
        found = "no study can be run: there is no student in models/"
        yield Finding(NOT_PROVEN, "failure", found, NO_STUDENT)
        return
    own = (inventory.home / DEMO_STUDENT / "config.json").is_file()
    with tempfile.TemporaryDirectory(prefix="nerdistill-airgap-") as name:
        place = Path(name)
        model = DEMO_STUDENT if own else str((inventory.home / student.place).absolute())
        words = study_words(inventory.home, model, place / "workspace")
        study = [sys.executable, "-P", "-c", START, *words]
        log = place / "trace"
        command = isolation.strace(study, log) if watch.strace else study
        command = isolation.namespace(command) if watch.namespace else command
        environment = {**os.environ, "NERDISTILL_HOME": str(inventory.home.absolute())}
        answer = ask(command, seconds, environment)
        traced = log.is_file() and watch.strace
        lines = log.read_text("utf-8", "replace").splitlines() if traced else []
    if lines and (left := isolation.outside(lines)):
        yield _left(left)
    elif answer.code != 0:
        yield _broken(answer, words)
    else:
        yield from _proof(watch, answer, lines)


def study_words(home: Path, student: str, workspace: Path) -> list[str]:
    """What `nerdistill` is told, to run the demo study cut short."""
    settings = (*SHORT, f'student.path="{student}"')
    return [
        *("study", "run", str(home.absolute() / DEMO), "--workspace", str(workspace)),
        *("--progress", "none"),
        *(word for setting in settings for word in ("--set", setting)),
    ]


def _proof(watch: Watch, answer: Answer, lines: Sequence[str]) -> Iterator[Finding]:
    """What a study that ran to its end proves."""
    watched = False
    if watch.namespace:
        there = answer.told[0]["interfaces"] if answer.told else []
        watched = there == ["lo"]
        found = "proven: a small study ran where no network exists"
        yield Finding(NAMESPACE, "ok", found) if watched else _blind(NAMESPACE, f"has {there}")
    if watch.strace:
        calls = (one for line in lines for one in isolation.INET.finditer(line))
        seen = {one["four"] or one["six"] for one in calls}
        found = f"proven: a small study ran, none of {len(seen)} addresses seen was outside"
        found = f"{found} 127.0.0.0/8 and ::1"
        saw = CONTROL in seen
        watched = watched or saw
        yield Finding(TRACE, "ok", found) if saw else _blind(TRACE, f"does not show {CONTROL}")
    if not watched:
        found = "a small study ran, but nothing besides the audit hook watched it"
        yield Finding(NOT_PROVEN, "failure", found, f"{USER_NAMESPACES}{UBUNTU}. {STRACE}")


def _blind(level: str, why: str) -> Finding:
    """A watch that fails its own test proves nothing."""
    return Finding(level, "warning", f"proves nothing here: it {why}", STRACE)


def _left(lines: Sequence[str]) -> Finding:
    told = " / ".join(printable(" ".join(line.split())) for line in lines[:SHOWN])
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    found = f"a small study wanted to reach addresses outside this machine: {told}{more}"
    remedy = "Find which package asks and take it out of the environment; report these lines."
    return Finding(NOT_PROVEN, "failure", found, remedy)


def _broken(answer: Answer, words: Sequence[str]) -> Finding:
    found = f"the small study failed: {answer.why}"
    by_hand = shlex.join(["nerdistill", *words])
    return Finding(NOT_PROVEN, "failure", found, f"See what it says by itself: {by_hand}")

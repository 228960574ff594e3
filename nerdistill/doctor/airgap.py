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
from nerdistill.doctor.machine import EITHER, STRACE
from nerdistill.errors import printable
from nerdistill.study.relocate import DEMO, DEMO_STUDENT, SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nerdistill.bundle.inventory import Inventory
    from nerdistill.doctor.child import Answer

SECONDS = 900.0
CONTROL = "127.0.0.1"
PRELUDE = f"""{TOLD}
import fcntl, socket, struct
def is_up(name):
    asked = struct.pack("16sH14x", name.encode(), 0)
    return struct.unpack("16sH14x", fcntl.ioctl(one, 0x8913, asked))[1] & 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(({CONTROL!r}, 9))
    told(interfaces=[name for _, name in socket.if_nameindex() if is_up(name)])
"""
"""Names an address that a working trace must show, and tells which interfaces are up (SIOCGIFFLAGS
with IFF_UP): where tunnels are set up, an empty namespace has some that are down."""
START = f"{PRELUDE}\nfrom nerdistill.cli.main import main\nmain()\n"
SHOWN = 3
"""Lines of a trace that are shown."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches the study: the kernel, by a namespace without a network; strace; or neither."""

    namespace: bool
    strace: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a program that was watched: its answer, and the lines of its trace."""

    answer: Answer
    lines: tuple[str, ...]


def watch_here() -> Watch:
    """What this machine lets this user do."""
    return Watch(isolation.can_unshare(), isolation.can_strace())


def check_airgap(inventory: Inventory, watch: Watch, seconds: float = SECONDS) -> Iterator[Finding]:
    """Run a small study and tell what is proven.

    Args:
        inventory: has the demo study and a student.
        watch: what can be had.
        seconds: after which the study is given up.
    """
    student = smallest(inventory, "student")
    if student is None:
        found = "no study can be run: there is no student in models/"
        yield Finding(NOT_PROVEN, "failure", found, NO_STUDENT)
        return
    own = (inventory.home / DEMO_STUDENT / "config.json").is_file()
    model = DEMO_STUDENT if own else str((inventory.home / student.place).absolute())
    environment = {**os.environ, "NERDISTILL_HOME": str(inventory.home.absolute())}
    with tempfile.TemporaryDirectory(prefix="nerdistill-airgap-") as name:
        words = study_words(inventory.home, model, Path(name) / "workspace")
        command = [sys.executable, "-P", "-c", START, *words]
        seen = watched(command, watch, environment, Path(name) / "trace", seconds)
    yield from judged(watch, seen, shlex.join(["nerdistill", *words]))


def watched(
    command: Sequence[str], watch: Watch, environment: Mapping[str, str], log: Path, seconds: float
) -> Seen:
    """Run a program under what can be had.

    Where there is a namespace, strace watches inside it, so that even then nothing can leave.
    """
    if watch.strace:
        command = isolation.strace(command, log)
    if watch.namespace:
        command = isolation.namespace(command)
    answer = ask(command, seconds, environment)
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    return Seen(answer, tuple(lines))


def judged(watch: Watch, seen: Seen, by_hand: str) -> Iterator[Finding]:
    """What a program that was watched proves.

    Args:
        watch: what it ran under.
        seen: what came of it; its code starts with `PRELUDE`.
        by_hand: the command that shows what a failed study says.
    """
    left = isolation.outside(seen.lines)
    if left:
        yield _left(left)
    elif seen.answer.code != 0:
        found = f"the small study failed: {seen.answer.why}"
        yield Finding(NOT_PROVEN, "failure", found, f"See what it says by itself: {by_hand}")
    else:
        yield from _proof(watch, seen)


def study_words(home: Path, student: str, workspace: Path) -> list[str]:
    """What `nerdistill` is told, to run the demo study cut short."""
    settings = (*SHORT, f'student.path="{student}"')
    return [
        *("study", "run", str(home.absolute() / DEMO), "--workspace", str(workspace)),
        *("--progress", "none"),
        *(word for setting in settings for word in ("--set", setting)),
    ]


def _proof(watch: Watch, seen: Seen) -> Iterator[Finding]:
    """What a study that ran to its end proves: a watch must pass a test of its own."""
    watched = False
    if watch.namespace:
        there = seen.answer.told[0]["interfaces"] if seen.answer.told else []
        watched = there == ["lo"]
        found = "proven: a small study ran where no network exists"
        yield Finding(NAMESPACE, "ok", found) if watched else _blind(NAMESPACE, f"has {there}")
    if watch.strace:
        calls = (one for line in seen.lines for one in isolation.INET.finditer(line))
        named = {one["four"] or one["six"] for one in calls}
        saw = CONTROL in named
        found = (
            f"proven: a small study ran; addresses seen: {len(named)}, none of them outside "
            "127.0.0.0/8 and ::1"
        )
        watched = watched or saw
        yield Finding(TRACE, "ok", found) if saw else _blind(TRACE, f"does not show {CONTROL}")
    if not watched:
        found = "a small study ran, but nothing besides the audit hook watched it"
        yield Finding(NOT_PROVEN, "failure", found, EITHER)


def _blind(level: str, why: str) -> Finding:
    """A watch that does not see what it must."""
    return Finding(level, "warning", f"proves nothing here: it {why}", STRACE)


def _left(lines: Sequence[str]) -> Finding:
    told = " / ".join(printable(" ".join(line.split())) for line in lines[:SHOWN])
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    found = f"a small study asked for what is outside this machine, or could unseen: {told}{more}"
    remedy = "Find which package asks and take it out of the environment; report these lines."
    return Finding(NOT_PROVEN, "failure", found, remedy)

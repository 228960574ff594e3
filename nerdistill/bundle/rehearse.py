"""The rehearsal: a bundle is installed and used in an empty network before it travels."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import isolation
from nerdistill.bundle.bare import probe
from nerdistill.bundle.bare.manifest import MANIFEST, SIGNATURE, parse
from nerdistill.bundle.bare.preflight import check_machine, choose_python
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.build import BOOTSTRAP
from nerdistill.bundle.sign import throwaway_key
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.bundle.build import Draft
    from nerdistill.progress import Progress

NOT_REHEARSED = "resolved, not rehearsed"
PASSED = "passed"
UNPROVEN = "passed, isolation not proven"
NAMESPACE, TRACE, HOOK = "network namespace", "strace", "audit hook"
"""What stands for it that nothing was asked of another machine."""
REHEARSING = "rehearsing"
SHOWN = 15
"""Lines of a failed step's output."""


@dataclass(frozen=True, slots=True)
class Base:
    """The bundle that this one builds on: its folder and the file of its public key."""

    folder: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How to rehearse.

    Attributes:
        scratch: a folder with room for the installation; emptied afterwards.
        file: the study that is run, by its path in the bundle.
        study: arguments of `nerdistill study run` behind it.
        base: installed first, where the bundle needs one.
        loaded: a study that is only loaded, with all that it names: its teacher cannot be asked.
    """

    scratch: Path
    file: str
    study: tuple[str, ...]
    base: Base | None
    loaded: str | None = None


def reason_not_to(made: Draft) -> str | None:
    """Why a bundle cannot be rehearsed on this machine, in its installer's words; None if it can.

    What the installer refuses here it need not refuse on the server: another processor, an older
    glibc, another Python, no compiler.
    """
    if platform.system() != "Linux":
        return f"this machine is {platform.system()} {platform.machine()}"
    manifest = parse(made.data({"status": REHEARSING}))
    with tempfile.TemporaryDirectory() as name:
        told = Path(name, "target.json")
        # In the rehearsal's own environment, so that it finds what this finds.
        _run("probe", [sys.executable, "-I", probe.__file__, "--out", str(told)], Path(name))
        here = json.loads(told.read_text(encoding="utf-8"))
    try:
        check_machine(manifest, here)
        choose_python(manifest, here, None)
    except Refused as error:
        return error.message
    return None


def rehearse(made: Draft, wanted: Rehearsal, progress: Progress) -> dict[str, object]:
    """Install a draft, let it look at itself and run a small study there, without a network.

    The draft is signed with a key that exists only for this, so that nobody can install what has
    not passed.

    Returns:
        The manifest's `rehearsal`.

    Raises:
        BundleError: a step failed; its output is in the message.
    """
    level = _level()
    if level != NAMESPACE:
        progress.say(
            "rehearsal without a network namespace, which this user may not make: "
            f"{level} watches in its place. {isolation.REMEDY}"
        )
    wanted.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=wanted.scratch) as name:
        place = Path(name)
        steps = _steps(made, wanted, place)
        with progress.task("rehearse the bundle", total=len(steps), unit="steps") as task:
            for title, command in steps:
                progress.say(f"rehearsal: {title}")
                _watched(title, command, place, level)
                task.advance()
    return {
        "status": UNPROVEN if level == HOOK else PASSED,
        "isolation": level,
        "study": wanted.file,
        "steps": [title for title, _ in steps],
    }


def _steps(made: Draft, wanted: Rehearsal, place: Path) -> list[tuple[str, list[str]]]:
    bundle, root = place / "bundle", place / "root"
    bundle.mkdir()
    key = throwaway_key(place)
    data = made.data({"status": REHEARSING})
    (bundle / MANIFEST).write_bytes(data)
    (bundle / SIGNATURE).write_bytes(key.sign(data))
    for name in made.attached:
        shutil.copyfile(made.folder / name, bundle / name)
    boot = [sys.executable, "-I", str(bundle / BOOTSTRAP), "install"]
    current = root / "current"
    program = str(current / ".venv" / "bin" / "nerdistill")
    steps = []
    if wanted.base:
        steps.append(
            (
                "install the base",
                [
                    *boot,
                    str(wanted.base.folder),
                    "--key",
                    str(wanted.base.key),
                    "--into",
                    str(root),
                ],
            )
        )
    return [
        *steps,
        (
            "install",
            [
                *boot,
                str(bundle),
                *("--volumes", str(made.folder)),
                *("--key", str(key.file)),
                *("--into", str(root)),
            ],
        ),
        # A GPU of this machine says nothing of the server's.
        ("nerdistill doctor", [program, "doctor", "--no-gpu"]),
        *(
            [("files of the study", [program, "study", "status", str(current / wanted.loaded)])]
            if wanted.loaded
            else []
        ),
        (
            "a small study",
            [
                program,
                *("study", "run", str(current / wanted.file)),
                *("--workspace", str(place / "workspace")),
                *wanted.study,
            ],
        ),
    ]


def _level() -> str:
    if isolation.can_unshare():
        return NAMESPACE
    return TRACE if isolation.can_strace() else HOOK


def _watched(title: str, command: Sequence[str], place: Path, level: str) -> None:
    """Run a step where no network is, or under an eye that sees each address."""
    if level == NAMESPACE:
        _run(title, isolation.namespace(command), place)
        return
    if level == HOOK:
        _run(title, command, place)
        return
    log = place / "trace"
    _run(title, isolation.strace(command, log), place)
    left = isolation.outside(log.read_text("utf-8", "replace").splitlines())
    if left:
        raise BundleError(
            f"the bundle fails its rehearsal at {title!r}: it asks another machine: {left[0]}",
            "The bundle is not complete. Report this line.",
        )


def _run(title: str, command: Sequence[str], place: Path) -> None:
    environment = {
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        ),
        "TMPDIR": str(place),
    }
    done = subprocess.run(  # noqa: S603 - no shell
        command,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines()]
        said = " / ".join([line for line in lines if line][-SHOWN:])
        raise BundleError(
            f"the bundle fails its rehearsal at {title!r} (exit code {done.returncode}): {said}",
            "The bundle is not complete. Mend what it names, then run the same command again: "
            "what is finished is kept.",
        )

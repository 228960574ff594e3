"""What the system allows: namespaces, tracing, limits, SELinux, Slurm."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from nerdistill import isolation
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MIB = 1 << 20
STRACE = (
    "Have strace installed from the system's own media; if it is there: sysctl -w "
    "kernel.yama.ptrace_scope=1 (a container: --cap-add SYS_PTRACE)"
)
EITHER = f"{isolation.REMEDY}. Or: {STRACE}"
LIMITS: dict[str, tuple[int, str, str]] = {
    "nofile": (4096, "open files", "ulimit -n 65536"),
    "nproc": (2048, "processes and threads", "ulimit -u 32768"),
}
"""Of each: what is enough, its name, the command that raises it."""
MEMLOCK = 64 * MIB
SBATCH = "scripts/slurm/study.sbatch"


def check_proofs(*, namespaces: bool, strace: bool) -> Iterator[Finding]:
    """Which level of proof of isolation can be had here."""
    name = "proof"
    if namespaces:
        also = " and by strace" if strace else ""
        found = f"can be had by a network namespace{also}: nerdistill doctor --airgap"
        yield Finding(name, "ok", found)
    elif strace:
        found = "can be had by strace alone: this user may make no network namespace"
        yield Finding(name, "note", found, isolation.REMEDY)
    else:
        found = "cannot be had: neither a network namespace nor strace is allowed"
        yield Finding(name, "warning", found, EITHER)


def check_limits(limits: Mapping[str, int | None], *, gpu: bool) -> Iterator[Finding]:
    """Whether this shell's limits are high enough.

    Args:
        limits: soft ones by name; None: none.
        gpu: a GPU is there, whose libraries lock memory.
    """
    low = False
    for name, (enough, told, command) in LIMITS.items():
        limit = limits.get(name)
        if limit is not None and limit < enough:
            low = True
            remedy = f"{command} (or have it raised in /etc/security/limits.conf)"
            yield Finding("limits", "warning", f"{told}: {limit:,}, better {enough:,}", remedy)
    locked = limits.get("memlock")
    if gpu and locked is not None and locked < MEMLOCK:
        low = True
        found = f"locked memory: {locked // MIB} MiB; transfers between GPUs may need more"
        yield Finding("limits", "note", found, "ulimit -l unlimited")
    if not low:
        yield Finding("limits", "ok", "open files, processes and locked memory suffice")


def check_selinux(mode: str | None, home: Path | None) -> Iterator[Finding]:
    """Tell where to look if SELinux stands in the way."""
    if mode == "enforcing":
        remedy = (
            "If something that is there and readable is refused, look at `ausearch -m avc -ts "
            f"recent`; labels after a copy are mended by: restorecon -R {home or 'FOLDER'}"
        )
        yield Finding("SELinux", "note", "enforcing", remedy)
    else:
        yield Finding("SELinux", "ok", mode or "not active")


def check_slurm(home: Path | None, *, there: bool) -> Iterator[Finding]:
    """Tell of the job script where there is Slurm."""
    if not there:
        yield Finding("Slurm", "skipped", "not on this machine")
        return
    script = home / SBATCH if home else None
    if script is None or not script.is_file():
        yield Finding("Slurm", "note", "is here: studies can run as jobs")
    else:
        remedy = f"Set its five lines, then: sbatch {shlex.quote(str(script.absolute()))}"
        yield Finding("Slurm", "note", f"is here: {script} runs a study as a job", remedy)

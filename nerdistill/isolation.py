"""Run a program where no network is, or under an eye that sees each address: proof, not promise."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Bring the loopback interface up (SIOCSIFFLAGS with IFF_UP and IFF_RUNNING; needs no `ip`), then
become the program."""

CALLS = "connect,sendto,sendmsg,sendmmsg,io_uring_setup"
"""What can name an address, or open a way to do so unseen. A bound or listening socket sends
nothing by itself."""

REMEDY = (
    "Have namespaces allowed: sysctl -w user.max_user_namespaces=15000; on Ubuntu also: sysctl -w "
    "kernel.apparmor_restrict_unprivileged_userns=0"
)
"""What an administrator does where `can_unshare` is False."""

FAMILY = re.compile(r"sa_family=(?P<family>\w+)")
INSIDE = frozenset({"AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX", "AF_UNSPEC"})
"""Families that stay on this machine, or whose addresses are read."""
RING = re.compile(r"\bio_uring_setup\b.*\) += +[0-9]")
"""A ring that was made: what is asked through it, connections too, no trace shows."""

INET = re.compile(
    r"sa_family=(?P<family>AF_INET6?)\b(?:[^}]*?(?:inet_addr\(\"(?P<four>[^\"]*)\"\)"
    r"|inet_pton\(AF_INET6, \"(?P<six>[^\"]*)\"))?"
)


def namespace(command: Sequence[str]) -> list[str]:
    """The command, in an empty network namespace whose loopback is up."""
    return ["unshare", "-rn", *with_loopback(command)]


def with_loopback(command: Sequence[str]) -> list[str]:
    """The command, in the network namespace of this process, whose loopback is first brought up."""
    return [sys.executable, "-I", "-c", LOOPBACK_UP, *command]


def can_unshare() -> bool:
    """Whether this machine lets this user make an empty network namespace."""
    return _succeeds(namespace(["true"]))


def strace(command: Sequence[str], log: Path) -> list[str]:
    """The command, with every address that it or its children name written to `log`."""
    return ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(log), *command]


def can_strace() -> bool:
    """Whether this machine lets this user trace a program."""
    return _succeeds(strace(["true"], Path(os.devnull)))


def outside(lines: Iterable[str]) -> list[str]:
    """The calls of a trace that name an address outside this machine, or could unseen.

    Whatever is neither loopback's nor of a family that stays inside counts as outside, and so does
    what can't be read.
    """
    return [line.rstrip("\n") for line in lines if _leaves(line)]


def _leaves(line: str) -> bool:
    if RING.search(line) or not INSIDE.issuperset(FAMILY.findall(line)):
        return True
    for found in INET.finditer(line):
        try:
            address = ipaddress.ip_address(found["four"] or found["six"] or "")
        except ValueError:
            return True
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        if not (mapped or address).is_loopback:
            return True
    return False


def _succeeds(command: Sequence[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(  # noqa: S603 - no shell, and a fixed command
        command, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode == 0

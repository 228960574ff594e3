"""Run a program where no network is, or under an eye that sees each address: proof, not promise."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Bring the loopback interface up (SIOCSIFFLAGS with IFF_UP and IFF_RUNNING; needs no `ip`), then
become the program."""

CALLS = "connect,sendto,sendmsg,sendmmsg"
"""What can name an address. A bound or listening socket sends nothing by itself."""

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
    return _succeeds(["strace", "-f", "-qq", "-e", "trace=connect", "-o", "/dev/null", "true"])


def outside(lines: Iterable[str]) -> list[str]:
    """The calls of a trace that name an internet address other than loopback's, as strace wrote.

    An address that can't be read counts as outside.
    """
    return [line.rstrip("\n") for line in lines if _leaves(line)]


def _leaves(line: str) -> bool:
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

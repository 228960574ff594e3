"""Proof of isolation: a namespace without a network, and traces that name what left."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill import egress, isolation

if TYPE_CHECKING:
    from pathlib import Path

LOOP = (
    "import socket; s = socket.create_server(('127.0.0.1', 0)); "
    "socket.create_connection(s.getsockname()); print('answered')"
)
SENDS = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{}', 9))"


@pytest.fixture
def namespaces() -> None:
    """Leave out what this machine forbids."""
    if not isolation.can_unshare():
        pytest.skip("this machine has no user namespaces")


@pytest.fixture
def tracing() -> None:
    """Leave out what this machine forbids."""
    if not isolation.can_strace():
        pytest.skip("this machine has no strace")


@pytest.fixture(autouse=True)
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that know no guard: the kernel is tested here."""
    monkeypatch.delenv(egress.SWITCH, raising=False)


@pytest.mark.usefixtures("namespaces")
def test_loopback_and_nothing_else() -> None:
    """Inside, this machine answers and no other can be reached."""
    inside = isolation.namespace([sys.executable, "-c", LOOP])
    outside = isolation.namespace([sys.executable, "-c", SENDS.format("192.0.2.1")])

    assert subprocess.run(inside, capture_output=True, check=True).stdout == b"answered\n"
    done = subprocess.run(outside, capture_output=True, check=False)
    assert b"Network is unreachable" in done.stderr


@pytest.mark.usefixtures("namespaces", "tracing")
@pytest.mark.parametrize(("host", "leaves"), [("127.0.0.1", 0), ("192.0.2.1", 1)])
def test_traced(host: str, leaves: int, tmp_path: Path) -> None:
    """A child's packet is seen, too; loopback is not counted. No network lets it go further."""
    child = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SENDS.format(host)!r}])"
    )
    log = tmp_path / "log"

    traced = isolation.strace([sys.executable, "-c", child], log)
    subprocess.run(isolation.namespace(traced), check=True)

    found = isolation.outside(log.read_text().splitlines())
    assert len(found) == leaves
    assert all(host in line for line in found)


RING = """
import ctypes, os, sys
ring = ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120))
sys.exit(ring < 0)
"""
"""io_uring_setup(2), by its number on every processor."""


@pytest.mark.usefixtures("tracing")
def test_a_ring_is_seen(tmp_path: Path) -> None:
    """What goes through one is traced by nobody: to have one is enough."""
    log = tmp_path / "log"

    done = subprocess.run(isolation.strace([sys.executable, "-c", RING], log), check=False)

    lines = log.read_text().splitlines()
    assert any("io_uring_setup" in line for line in lines)
    assert len(isolation.outside(lines)) == (done.returncode == 0)


V4 = '{{sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("{}")}}'
V6 = (
    "{{sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), "
    'inet_pton(AF_INET6, "{}", &sin6_addr), sin6_scope_id=0}}'
)


@pytest.mark.parametrize(
    ("line", "leaves"),
    [
        ('connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0', False),
        (f"connect(3, {V4.format('127.9.9.9')}, 16) = 0", False),
        (f"connect(3, {V4.format('10.0.0.1')}, 16) = 0", True),
        (f"connect(3, {V6.format('::1')}, 28) = 0", False),
        (f'sendto(3, "x", 1, 0, {V6.format("2001:db8::1")}, 28) = 1', True),
        ("connect(3, {sa_family=AF_INET, 0x1234}, 16) = ?", True),
        (f"sendmsg(3, {{msg_name={V4.format('127.0.0.53')}, msg_namelen=16}}, 0) = 1", False),
        ("connect(3, {sa_family=AF_VSOCK, svm_cid=0x2, svm_port=0x1}, 16) = 0", True),
        ('sendto(3, "x", 1, 0, {sa_family=AF_PACKET, sll_ifindex=0x2}, 20) = 1', True),
        ("connect(3, {sa_family=0x2b, sa_data=[0]}, 16) = -1 EINVAL (Invalid argument)", True),
        ("sendto(3, [{nlmsg_len=20}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0}, 12) = 20", False),
        ("connect(3, {sa_family=AF_UNSPEC, sa_data=[0]}, 16) = 0", False),
        ("7 io_uring_setup(8, {flags=0, sq_thread_cpu=0, sq_thread_idle=0}) = 5", True),
        ("7 <... io_uring_setup resumed>{flags=0}) = 5", True),
        ("7 io_uring_setup(8, {flags=0}) = -1 EPERM (Operation not permitted)", False),
        ("7 io_uring_setup(8,  <unfinished ...>", False),
        (f"sendmmsg(3, [{V4.format('127.0.0.1')}, {V4.format('10.0.0.1')}], 2, 0) = 2", True),
    ],
)
def test_lines(line: str, leaves: bool) -> None:
    """Each way in which strace writes an address; what can't be read counts as outside."""
    assert isolation.outside([line]) == ([line] if leaves else [])

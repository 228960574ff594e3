"""The guard in a process: what it lets pass, what it stops, and what it says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill import egress, isolation
from nerdistill.bundle.bare.environment import GUARD_LINE
from nerdistill.errors import ConfigError, OfflineError

if TYPE_CHECKING:
    from pathlib import Path

OUTSIDE = "192.0.2.1"  # RFC 5737: never anybody's

SEND = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
ASK = f"sys.audit('socket.sendto', {SEND}, ({{!r}}, 53))\n"
"""What the kernel would be asked after this is not: it would send."""
STOPPED = {
    "tcp": f"socket.create_connection(({OUTSIDE!r}, 443), timeout=1)",
    "udp to find one's own address": f"{SEND}.connect(({OUTSIDE!r}, 80))",
    "datagram": f"{SEND}.sendto(b'x', ({OUTSIDE!r}, 53))",
    "message": f"{SEND}.sendmsg([b'x'], [], 0, ({OUTSIDE!r}, 53))",
    "connect_ex": f"socket.socket().connect_ex(({OUTSIDE!r}, 443))",
    "IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
    "mapped": f"socket.socket(socket.AF_INET6).connect(('::ffff:{OUTSIDE}', 443))",
    "a name": "socket.getaddrinfo('hub.example', 443)",
    "a name in bytes": "socket.getaddrinfo(b'hub.example', 443)",
    "an old look-up": "socket.gethostbyname('hub.example')",
    "the name of an address": f"socket.gethostbyaddr({OUTSIDE!r})",
    "a full name": f"socket.getfqdn({OUTSIDE!r})",
    "the name of a peer": f"socket.getnameinfo(({OUTSIDE!r}, 443), 0)",
    "the name of a peer, unwrapped": f"socket._socket.getnameinfo(({OUTSIDE!r}, 443), 0)",
    "urllib": "urllib.request.urlopen('http://hub.example/x')",
    "asyncio": f"asyncio.run(asyncio.open_connection({OUTSIDE!r}, 443))",
}
PASSES = {
    "loopback": "s = socket.create_server(('127.0.0.1', 0)); "
    "socket.create_connection(s.getsockname()).close(); s.close()",
    "loopback by name": "s = socket.create_server(('127.0.0.1', 0)); "
    "socket.create_connection(('localhost', s.getsockname()[1])).close(); s.close()",
    "a pair": "a, b = socket.socketpair(); a.send(b'x'); b.recv(1); a.close(); b.close()",
    "an address is no look-up": f"socket.getaddrinfo({OUTSIDE!r}, 443)",
    "to bind": "socket.getaddrinfo(None, 0)",
    "its own name": "socket.getfqdn()",
    "the name of loopback": "socket.getfqdn('127.0.0.1'); socket.getfqdn('127.0.0.253')",
    "an address as text": f"""assert socket.getnameinfo(
    ({OUTSIDE!r}, 443), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == ({OUTSIDE!r}, "443")""",
    "by asyncio": f"""loop = asyncio.new_event_loop(); loop.run_until_complete(
    loop.getnameinfo(({OUTSIDE!r}, 443), socket.NI_NUMERICHOST)); loop.close()""",
}
HEAD = (
    "import asyncio, socket, sys, urllib.request\nfrom nerdistill import egress\negress.guard()\n"
)


def program(tmp_path: Path, text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own, since a guard stays in its process."""
    file = tmp_path / "asks.py"
    file.write_text(HEAD + text + "\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != egress.ALLOWED}
    command = [sys.executable, str(file)]
    return subprocess.run(
        # Where the guard fails, nothing leaves all the same.
        isolation.namespace(command) if isolation.can_unshare() else command,
        env={**environment, "PYTHONPATH": os.getcwd(), **environ},  # noqa: PTH109 - text is wanted
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", STOPPED.values(), ids=STOPPED.keys())
def test_stopped(text: str, tmp_path: Path) -> None:
    """One error, which names the host and the line that asked."""
    done = program(tmp_path, text)

    assert done.returncode != 0
    told = done.stderr.strip().splitlines()[-1]
    assert told.startswith("nerdistill.errors.OfflineError")
    assert f"{tmp_path / 'asks.py'}, line 4," in told
    assert "hub.example" in told or "2001:db8::1" in told or OUTSIDE in told


@pytest.mark.parametrize("text", PASSES.values(), ids=PASSES.keys())
def test_passes(text: str, tmp_path: Path) -> None:
    """What stays on this machine is not hindered."""
    done = program(tmp_path, text)

    assert (done.returncode, done.stderr) == (0, "")


def test_named_host_passes(tmp_path: Path) -> None:
    """A named address may be asked; here only the guard is, so that nothing is sent."""
    text = f"egress.allow('http://{OUTSIDE}:8000/v1')\n"

    done = program(tmp_path, text + ASK.format(OUTSIDE))

    assert (done.returncode, done.stderr) == (0, "")


def test_an_address_of_the_hosts_file_has_a_name(tmp_path: Path) -> None:
    """It is told from there, and loopback's that is not there is nobody's: no name server."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{OUTSIDE} gpu01  # 192.0.2.2\n")
    ask = "sys.audit('socket.gethostbyaddr', {!r})\n"
    text = (
        f"import pathlib; egress.HOSTS = pathlib.Path({str(hosts)!r})\n"
        f"try:\n    {ask.format('127.0.0.253')}except socket.herror as error:\n    print(error)\n"
        + ask.format(OUTSIDE)
        + ask.format("192.0.2.2")
    )

    done = program(tmp_path, text)

    assert "127.0.0.253 is not in" in done.stdout
    assert "wants to look up the name of 192.0.2.2," in done.stderr


def test_addresses_of_a_named_host_pass(tmp_path: Path) -> None:
    """A connection is made to an address, which must be known as the named host's."""
    text = (
        f"egress._look_up = lambda *a, **k: [(2, 1, 6, '', ({OUTSIDE!r}, 443))]\n"
        "egress.allow('gpu01.example:8000')\n"
        "socket.getaddrinfo('gpu01.example', 8000)\n"
        + ASK.format(OUTSIDE)
        + ASK.format("192.0.2.2")
    )

    done = program(tmp_path, text)

    assert "connect to 192.0.2.2," in done.stderr
    assert f"connect to {OUTSIDE}," not in done.stderr


def test_children_are_guarded(tmp_path: Path) -> None:
    """By the environment's `.pth` file, without their own doing."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "guard.pth").write_text(GUARD_LINE, encoding="ascii")
    child = "import socket; socket.create_connection(('hub.example', 443))"
    start = f"import site; site.addsitedir({str(packages)!r}); {child}"
    text = f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-c', {start!r}]))"

    done = program(tmp_path, text)

    assert done.returncode != 0
    assert "OfflineError: offline: <string>, line 1, wants to look up hub.example" in done.stderr


def test_allowed_in_children(tmp_path: Path) -> None:
    """What the user named is told to child processes."""
    text = "print(egress.allowed())"

    done = program(tmp_path, text, **{egress.ALLOWED: "gpu01.example,10.0.0.7"})

    assert done.stdout == "['10.0.0.7', 'gpu01.example']\n"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("GPU01.Example.", "gpu01.example"),
        ("gpu01:8000", "gpu01"),
        ("http://gpu01:8000/v1", "gpu01"),
        ("https://user:secret@gpu01/", "gpu01"),
        ("10.0.0.7", "10.0.0.7"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_host_of(text: str, host: str) -> None:
    """However a user writes a host, the name is found."""
    assert egress.host_of(text) == host


@pytest.mark.parametrize("text", ["", "http://", "a,b", "two words", "http://[::"])
def test_no_host(text: str) -> None:
    """What names none is refused with what to give."""
    with pytest.raises(ConfigError, match="names no host"):
        egress.host_of(text)


def test_armed_in_tests() -> None:
    """This very test run is guarded."""
    assert egress.installed()
    with socket.socket() as sock, pytest.raises(OfflineError, match=f"connect to {OUTSIDE}"):
        sock.connect((OUTSIDE, 80))

"""The guard in this process: no other machine is asked for anything, unless the user named it.

It sees what Python code asks, here and in child processes. Native code and other programs it does
not see, nor that a name is looked up which is given to `connect` itself: what
`nerdistill.isolation` offers is proof, this is a clear error at the right line.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
import sysconfig
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nerdistill.errors import ConfigError, OfflineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SWITCH = "NERDISTILL_OFFLINE"
"""Set to 1 it arms the guard in child processes, by the `.pth` file of the environment."""
ALLOWED = "NERDISTILL_ALLOWED_HOSTS"
"""The hosts that the user named, separated by commas, for child processes."""
HOSTS = Path("/etc/hosts")
LOCAL = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
QUIET = frozenset(
    getattr(socket, name)
    for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG", "AF_CAN")
    if hasattr(socket, name)
)
"""Families of sockets that do not leave the machine."""

_numeric = threading.local()
"""Holds, in a thread that asks for an address as text only, that no name is looked up for it."""

_hooked = False
_armed = False
_allowed: set[str] = set()
_addresses: set[str] = set()
"""What the names of allowed hosts were found to stand for."""


def guard() -> None:
    """Arm the guard, here and in the Python processes that are started from here."""
    global _hooked, _armed  # noqa: PLW0603 - an audit hook is one for the process
    os.environ[SWITCH] = "1"
    for host in os.environ.get(ALLOWED, "").split(","):
        if host.strip():
            _admit(host.strip())
    _armed = True
    if not _hooked:
        sys.addaudithook(_hook)
        socket.getnameinfo = _telling_flags
        _hooked = True


def disarm() -> None:
    """Let everything pass: `bundle create` downloads."""
    global _armed  # noqa: PLW0603 - see there
    _armed = False
    os.environ.pop(SWITCH, None)


def installed() -> bool:
    """Whether the guard is armed in this process."""
    return _armed


def allow(host: str) -> None:
    """Let a host that the user named pass, here and in child processes.

    Args:
        host: a name, an address, `host:port` or a URL.

    Raises:
        ConfigError: it names no host.
    """
    name = host_of(host)
    if is_local(name):
        return
    _admit(name)
    os.environ[ALLOWED] = ",".join(allowed())


def allowed() -> list[str]:
    """The hosts that were named, beside this machine."""
    return sorted(_allowed)


def host_of(text: str) -> str:
    """The host in a name, an address, `host:port` or a URL; in lower case.

    Raises:
        ConfigError: there is none.
    """
    given = text.strip()
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(given.strip("[]").partition("%")[0]))
    try:
        found = urlsplit(given if "://" in given else f"//{given}").hostname
    except ValueError:
        found = None
    if not found or "," in found or any(c.isspace() for c in found):
        raise ConfigError(
            f"{text!r} names no host", "Give a name, an address or host:port, such as gpu01:8000."
        )
    return found.rstrip(".")


def is_local(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".") in LOCAL
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    # To connect to 0.0.0.0 is to connect to this machine.
    return (mapped or address).is_loopback or address.is_unspecified


def _admit(host: str) -> None:
    _allowed.add(host)
    if socket.getaddrinfo is not _remembering:
        socket.getaddrinfo = _remembering


_look_up = socket.getaddrinfo


def _remembering(host: Any, *arguments: Any, **settings: Any) -> Any:  # noqa: ANN401 - as the original
    """`socket.getaddrinfo`, which keeps what it finds for an allowed name.

    A connection is made to an address, and the hook is not told of which name.
    """
    found = _look_up(host, *arguments, **settings)
    if _text(host) in _allowed:
        _addresses.update(str(entry[4][0]).partition("%")[0] for entry in found)
    return found


_look_back = socket.getnameinfo


def _telling_flags(address: Any, flags: int) -> Any:  # noqa: ANN401 - as the original
    """`socket.getnameinfo`, which tells the hook whether a name is wanted: its event does not."""
    _numeric.wanted = bool(flags & socket.NI_NUMERICHOST)
    try:
        return _look_back(address, flags)
    finally:
        _numeric.wanted = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    check = CHECKS.get(event)
    if check is not None and _armed:
        check(*arguments)


def _connect(sock: socket.socket, address: object) -> None:
    if sock.family in QUIET or address is None:
        return
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
        raise _refusal(f"{address!r}", "connect to")
    host = _text(address[0])
    if not (is_local(host) or host in _allowed or host.partition("%")[0] in _addresses):
        raise _refusal(host, "connect to")


def _name(host: object, *_rest: object) -> None:
    name = _text(host)
    if not name or is_local(name) or name in _allowed or _is_address(name):
        return
    if name in _known_here():
        return
    if name == socket.gethostname().lower():
        # What a machine without a name server answers, and callers are used to.
        raise socket.gaierror(
            socket.EAI_NONAME, f"offline: {name} is not in {HOSTS}, and no name server is asked"
        )
    raise _refusal(name, "look up")


def _name_of(host: object, *_rest: object) -> None:
    address = _text(host)
    if not _is_address(address):
        _name(host)
    elif address in _allowed or address in _addresses or address in _known_here():
        return
    elif is_local(address):
        # Its name server would be asked for one like this, too; callers take it as nameless.
        raise socket.herror(1, f"offline: {address} is not in {HOSTS}, and no name server is asked")
    else:
        raise _refusal(address, "look up the name of")


def _text_of(address: object, *_rest: object) -> None:
    if not getattr(_numeric, "wanted", False):
        _name_of(address[0] if isinstance(address, tuple) and address else address)


CHECKS: dict[str, Callable[..., None]] = {
    "socket.connect": _connect,
    "socket.sendto": _connect,
    "socket.sendmsg": _connect,
    "socket.getaddrinfo": _name,
    "socket.gethostbyname": _name,
    "socket.gethostbyaddr": _name_of,
    "socket.getnameinfo": _text_of,
}


def _text(host: object) -> str:
    if isinstance(host, bytes | bytearray):
        return bytes(host).decode("ascii", "replace").lower().rstrip(".")
    return str(host or "").lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _known_here() -> set[str]:
    """The names and addresses that this machine knows without asking another."""
    try:
        lines = HOSTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {name.lower() for line in lines for name in line.partition("#")[0].split()}


def _refusal(host: str, what: str) -> OfflineError:
    return OfflineError(
        f"offline: {_asking()} wants to {what} {host}, which nobody named",
        f"If this host is inside your network and meant, name it: nerdistill --allow-host {host} "
        "... Otherwise report that line: nothing has left this machine.",
    )


def _asking() -> str:
    """The line that asked: the innermost one that is not the standard library's."""
    library = (sysconfig.get_paths()["stdlib"] + os.sep, "<frozen")
    packages = (sysconfig.get_paths()["purelib"] + os.sep, sysconfig.get_paths()["platlib"])
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what `inspect` does, without its import
    last = "a program"
    while frame is not None:
        place = frame.f_code.co_filename
        if place != __file__:
            last = f"{place}, line {frame.f_lineno},"
            if not place.startswith(library) or place.startswith(packages):
                break
        frame = frame.f_back
    return last

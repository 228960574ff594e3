"""Whether the guard refuses what would leave, in this process and in those that it starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nerdistill import egress
from nerdistill.doctor.child import TOLD, Answer, ask
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.doctor.site import Site

SECONDS = 60.0
ELSEWHERE = "192.0.2.1"
"""An address for documentation, which no machine has (RFC 5737)."""
CODE = f"""{TOLD}
import socket
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(({ELSEWHERE!r}, 9))
    told(refused="")
except Exception as error:
    told(refused=type(error).__name__)
"""
"""To connect a datagram socket sends nothing, even where nobody refuses it."""


def check_here(site: Site) -> Iterator[Finding]:
    """Whether the guard is armed in this process."""
    if egress.installed():
        hosts = ", ".join(egress.allowed())
        found = f"armed; besides this machine {hosts} may be asked" if hosts else "armed"
        yield Finding("guard", "ok", found)
    else:
        yield Finding("guard", "failure", "is not armed in this process", site.remedy)


def ask_child(seconds: float = SECONDS) -> Answer:
    """Start a child as nerdistill does, which wants to reach another machine."""
    return ask([sys.executable, "-P", "-c", CODE], seconds)


def check_child(answer: Answer, site: Site) -> Iterator[Finding]:
    """Whether the child was refused, by the guard and nothing else."""
    name = "guard in children"
    refused = answer.told[-1]["refused"] if answer.told else None
    if refused == "OfflineError":
        yield Finding(name, "ok", "a child that asks for another machine is refused")
    elif refused is None:
        yield Finding(name, "failure", f"the child gave no answer: {answer.why}", site.remedy)
    else:
        by = f"only by the system ({refused})" if refused else "by nobody"
        yield Finding(name, "failure", f"a child was refused {by}, not the guard", site.remedy)

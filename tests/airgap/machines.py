"""Two machines out of one: a connected one, and an isolated one that shares only the medium."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

Side = Literal["connected", "isolated"]

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "INSTALL_AIRGAP.md"
BLOCK = re.compile(r"^```bash (connected|isolated)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMESPACE = ("unshare", "--map-root-user", "--mount")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of a plain shell: nothing of the environment that runs the tests."""


def steps(page: str) -> list[tuple[Side, str]]:
    """The commands of a page, as one script each time that the reader changes the machine."""
    found = BLOCK.findall(page)
    return [
        (side, "".join(text for _, text in blocks))
        for side, blocks in groupby(found, key=lambda block: block[0])
    ]


@dataclass(frozen=True, slots=True)
class Machines:
    """The places of both; a mount namespace puts them where the page says they are.

    Attributes:
        place: holds `media` (mounted at /media), `opt` (at /opt of the isolated machine), a home
            for each, and the isolated machine's working folder.
    """

    place: Path

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("media/usb", "media/key", "opt", "connected", "isolated/work", "nothing"):
            (self.place / name).mkdir(parents=True)

    def change_medium(self) -> None:
        """Carry the medium: what was written lies at another path from now on."""
        (self.place / "media").rename(self.place / "carried")
        (self.place / "media").symlink_to("carried")

    def run(self, side: Side, script: str, *, sealed: bool = False) -> str:
        """Run a script, and tell what it printed.

        Args:
            side: the isolated machine has no network, and does not see the checkout.
            script: for bash, which stops at the first command that fails.
            sealed: the medium cannot be written.

        Raises:
            AssertionError: it failed; with all that it printed.
        """
        mounts = [f"mount --bind {self._at('media')} /media"]
        if sealed:
            mounts.append("mount -o remount,bind,ro /media")
        folder = CHECKOUT
        if side == "isolated":
            folder = self.place / "isolated" / "work"
            mounts.append(f"mount --bind {self._at('opt')} /opt")
            mounts.append(f"mount --bind {self._at('nothing')} {shlex.quote(str(CHECKOUT))}")
        # The page's own commands come last, as they stand.
        whole = "\n".join(["set -euo pipefail", *mounts, f"cd {shlex.quote(str(folder))}", script])
        network = ["--net"] if side == "isolated" else []
        done = subprocess.run(
            [*NAMESPACE, *network, "bash", "-c", whole],
            env=self._environment(side),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{side}:\n{script}\n{done.stdout}"
        return done.stdout

    def _at(self, name: str) -> str:
        return shlex.quote(str((self.place / name).resolve()))

    def _environment(self, side: Side) -> dict[str, str]:
        told = {"HOME": str(self.place / side), "PATH": PATH, "LANG": "C.UTF-8"}
        if side == "connected":
            # Where packages come from, as whoever runs the tests has set it.
            told |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))}
            told.pop("PIP_NO_INDEX", None)
        return told


def allowed() -> bool:
    """Whether this machine lets this user be two machines."""
    trial = "mount --bind /usr /media && mount --bind /usr /opt"
    try:
        done = subprocess.run(
            [*NAMESPACE, "--net", "bash", "-c", trial],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0

"""Which versions of which packages: resolved for the server's platform, each file with its hash."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from nerdistill.bundle.programs import decisive, indexes, run_uv
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.bundle.platform import Platform


NO_FILE = "Let pip's indexes serve it with its hash, or keep its wheel in a folder (find-links)."


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on an index.

    Attributes:
        name: of the file, such as `rich-15.0.0-py3-none-any.whl`.
        url: where it is; without credentials.
        size: bytes; None where the index does not tell.
    """

    name: str
    url: str
    sha256: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Pin:
    """One package at one version.

    Attributes:
        name: as PyPI writes it, in lower case with `-`.
        version: with its local part, such as `2.13.0+cpu`.
        wheels: those that may run on the platform.
        sdist: its sources; None where the index has none.
    """

    name: str
    version: str
    wheels: tuple[Remote, ...]
    sdist: Remote | None


def resolve(
    requirements: Sequence[str],
    platform: Platform,
    constraints: Path | None,
    work: Path,
    *,
    backend: str | None = None,
) -> tuple[Pin, ...]:
    """Resolve requirements for a platform by uv, on the indexes that pip is set to.

    Sources without metadata are built to learn what they need: that runs their code here.

    Args:
        requirements: such as `rich>=14`.
        platform: where they are to run.
        constraints: versions that were tested; None: the newest that fit.
        work: a folder for the input.
        backend: which of PyTorch's own indexes to take torch from, such as `cpu` or `cu126`;
            None: from where pip would.

    Raises:
        BundleError: they can't be had together, or not for this platform.
    """
    work.mkdir(parents=True, exist_ok=True)
    wanted = work / "requirements.in"
    wanted.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    found = indexes()
    done = run_uv(
        [
            *("pip", "compile", str(wanted), "--format", "pylock.toml"),
            *("--quiet", "--no-progress", "--no-header", "--no-annotate", "--no-config"),
            *("--python", sys.executable, "--no-python-downloads"),
            *("--python-version", platform.python_version),
            *("--python-platform", platform.uv_name),
            *(["--constraint", str(constraints)] if constraints else []),
            *(["--torch-backend", backend] if backend else []),
            *found.for_uv(),
        ],
        found.environment(),
    )
    if done.returncode != 0:
        raise BundleError(
            f"the packages can't be resolved for {platform.uv_name} and Python "
            f"{platform.python_version}: {decisive(done)}",
            "See that pip's indexes (`pip config list`) can be reached and have these versions "
            "for that platform"
            + (f", and that those in {constraints.name} fit." if constraints else "."),
        )
    return tuple(_pin(one) for one in tomllib.loads(done.stdout).get("packages", []))


def _pin(told: dict[str, Any]) -> Pin:
    sdist = told.get("sdist")
    pin = Pin(
        told["name"],
        told.get("version", ""),
        tuple(_remote(told["name"], one) for one in told.get("wheels", ())),
        _remote(told["name"], sdist) if sdist else None,
    )
    if not pin.version or not (pin.wheels or pin.sdist):
        raise BundleError(f"{pin.name} comes from no index, so that nothing pins it", NO_FILE)
    return pin


def _remote(package: str, told: dict[str, Any]) -> Remote:
    url = told["url"] if "url" in told else Path(told["path"]).resolve().as_uri()
    name = told.get("name") or unquote(urlsplit(url).path).rpartition("/")[2]
    digest = told.get("hashes", {}).get("sha256")
    if digest is None:
        raise BundleError(f"the index tells no sha256 of {name} ({package})", NO_FILE)
    return Remote(name, url, digest, told.get("size"))

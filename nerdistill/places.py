"""Where libraries put what they compile, cache and connect through: private, and executable."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRATCH = "NERDISTILL_SCRATCH"
BELOW_CACHE = {
    "VLLM_CACHE_ROOT": "vllm",
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TIKTOKEN_CACHE_DIR": "tiktoken",
    "TIKTOKEN_RS_CACHE_DIR": "tiktoken",
}
"""Else some lie in a folder of /tmp whose name everybody can guess."""
BELOW_SCRATCH = {
    **BELOW_CACHE,
    "TMPDIR": "tmp",
    "VLLM_RPC_BASE_PATH": "tmp",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "HF_HOME": "hf",
    "TRITON_HOME": "triton-home",
    "VLLM_CONFIG_ROOT": "config/vllm",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
    "CUDA_CACHE_PATH": "cuda",
    "MPLCONFIGDIR": "matplotlib",
}
SOCKET_BYTES = 107
"""The longest path of a Unix socket on Linux, without its final zero."""
TEMPORARY_SOCKET = len("/") + 36
"""vLLM's sockets in TMPDIR are named by a UUID; those of multiprocessing are shorter."""
RAY_SOCKET = len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")


def caches(environ: Mapping[str, str]) -> dict[str, str]:
    """Cache folders of this user alone, for the libraries that would share or lose theirs.

    They lie below the user's cache, else, where the home can't be written, in the temporary folder.
    Empty where neither can be private.
    """
    named = environ.get("XDG_CACHE_HOME")
    usual = Path(named) if named else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111 - never fails
    root = usual / "nerdistill"
    if not _writable(root):
        root = Path(environ.get("TMPDIR") or "/tmp") / f"nerdistill-{os.geteuid()}"  # noqa: S108 - made private
        if not _made_private(root):
            return {}
    return {name: str(root / folder) for name, folder in BELOW_CACHE.items()}


def _writable(folder: Path) -> bool:
    """Whether a folder can be written, or made."""
    above = (folder, *folder.absolute().parents)
    there = next(place for place in above if os.path.exists(place))  # noqa: PTH110 - never fails
    return os.access(there, os.W_OK | os.X_OK)


def _made_private(folder: Path) -> bool:
    """Whether a folder is this user's alone. Others can guess its name, and may have been first."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()
    return mine and stat.S_IMODE(state.st_mode) & 0o077 == 0


def use_scratch(folder: Path) -> None:
    """Put temporary files, caches and sockets below one folder. What the user set is overruled.

    Args:
        folder: executable, and on this node's own disk; it is made where it is missing.

    Raises:
        ConfigError: its path is too long for a socket, or no program can be started there.
        OSError: it can't be written.
    """
    import tempfile

    whole = folder.expanduser().absolute()
    settings = {name: str(whole / below) for name, below in BELOW_SCRATCH.items()}
    longest = len(os.fsencode(settings["TMPDIR"])) + TEMPORARY_SOCKET
    if longest > SOCKET_BYTES:
        raise ConfigError(
            f"--scratch {whole}: its path is {longest - SOCKET_BYTES} bytes too long for the "
            "sockets that lie in it",
            "Choose a shorter one, such as /scratch/you, or make a short link to it and name that.",
        )
    ray = whole / "ray"
    if len(os.fsencode(ray)) + RAY_SOCKET <= SOCKET_BYTES:
        settings["RAY_TMPDIR"] = str(ray)
    for place in settings.values():
        sharing.make_folder(Path(place))
    if not can_execute(whole / "tmp"):
        raise ConfigError(
            f"--scratch {whole}: no program can be started there (it is mounted noexec)",
            "Choose a folder on another disk of this node: what is compiled at run time lies here.",
        )
    os.environ.update({**settings, SCRATCH: str(whole)})
    tempfile.tempdir = None


def can_execute(folder: Path) -> bool:
    """Whether a program that lies in a folder can be started: a small one is tried.

    Raises:
        OSError: the folder can't be written.
    """
    import secrets
    import subprocess

    program = folder / f".{secrets.token_hex(4)}.sh"
    program.touch(mode=0o700)
    try:
        program.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
        program.chmod(0o700)
        return subprocess.run([program], check=False).returncode == 0  # noqa: S603 - written above
    except PermissionError:
        return False
    finally:
        program.unlink(missing_ok=True)

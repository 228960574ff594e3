"""The virtual environment of an installed version, made at its final place."""

import errno
import os
import signal
import subprocess
from typing import Callable, Dict, List

from nerdistill.bundle.bare.manifest import Manifest, files_of
from nerdistill.bundle.bare.refusal import Refused

VENV = ".venv"
LOCK = "requirements.lock"
WHEELS = "wheels"
TEMPORARY = ".tmp"
GUARD = "nerdistill-offline.pth"
GUARD_LINE = (
    "import os; exec('try:\\n import nerdistill.egress as e; e.guard()\\nexcept ImportError: pass')"
    " if os.environ.get('NERDISTILL_OFFLINE') == '1' else None\n"
)
"""Python reads it at every start: the guard is in child processes, too."""

SHOWN = 12
"""Lines of a failed program's output."""
FULL = {"No space left on device": errno.ENOSPC, "Disk quota exceeded": errno.EDQUOT}
"""What a program prints when the disk is full."""
DIE_WITH_PARENT = 1
"""Of prctl(2): PR_SET_PDEATHSIG."""


def interpreter(manifest: Manifest, folder: str) -> str:
    """The interpreter that the bundle brings.

    Raises:
        Refused: there is none among its files.
    """
    names = ["bin/python" + manifest.target["python"], "bin/python3", "bin/python"]
    paths = {
        file.path for asset in manifest.assets if asset.role == "python" for file in asset.files
    }
    for name in names:
        if "python/" + name in paths:
            return os.path.join(folder, "python", name)
    raise Refused(
        "the bundle's Python holds no {}".format(names[0]), "Do not use this bundle: make it again."
    )


def make_environment(manifest: Manifest, folder: str, python: str) -> str:
    """Make the environment and install the bundle's wheels, by digest, with the bundle's own pip.

    Args:
        manifest: of the bundle, which is unpacked.
        folder: its install root.
        python: the interpreter to build on.

    Returns:
        The environment's interpreter.

    Raises:
        Refused: a step failed; the message ends with what it printed.
        OSError: the disk is full.
    """
    venv = os.path.join(folder, VENV)
    temporary = os.path.join(folder, TEMPORARY)
    os.makedirs(temporary, exist_ok=True)
    environment = _environment(temporary)
    _run(
        "making the environment",
        [python, "-I", "-m", "venv", "--clear", "--without-pip", venv],
        environment,
    )
    inside = os.path.join(venv, "bin", "python")
    _run(
        "installing the wheels",
        [
            inside,
            "-I",
            os.path.join(folder, _pip(manifest), "pip"),
            "--isolated",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "install",
            "--no-index",
            "--require-hashes",
            "--only-binary=:all:",
            "--no-deps",
            "--no-warn-script-location",
            "--progress-bar=off",
            "--find-links",
            os.path.join(folder, WHEELS),
            "--requirement",
            os.path.join(folder, LOCK),
        ],
        environment,
    )
    packages = _run(
        "asking for the packages' folder",
        [inside, "-I", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        environment,
    ).strip()
    with open(os.path.join(packages, GUARD), "w", encoding="ascii") as stream:
        stream.write(GUARD_LINE)
    _run(
        "starting nerdistill",
        [os.path.join(venv, "bin", "nerdistill"), "--version"],
        environment,
    )
    return inside


def _pip(manifest: Manifest) -> str:
    for file in files_of(manifest):
        name = os.path.basename(file.path)
        if name.startswith("pip-") and name.endswith(".whl"):
            return file.path
    raise Refused("the bundle lacks the wheel of pip", "Do not use this bundle: make it again.")


def _environment(temporary: str) -> Dict[str, str]:
    """What the steps see of the caller's environment: nothing that steers Python or pip."""
    kept = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ", "USER")
    told = {name: os.environ[name] for name in kept if name in os.environ}
    # `pip --isolated` would still obey /etc/pip.conf.
    told.update(
        {"TMPDIR": temporary, "PYTHONNOUSERSITE": "1", "PIP_CONFIG_FILE": os.devnull},
    )
    return told


def _run(step: str, command: List[str], environment: Dict[str, str]) -> str:
    """Run a program and return what it prints."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            preexec_fn=_die_with_installer(),
        )
    except OSError as error:
        raise Refused(
            "{} cannot be started: {}".format(command[0], os.strerror(error.errno or 0)),
            "See that the disk allows programs to run (no noexec mount).",
        ) from error
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        for text, number in FULL.items():
            if text in output:
                raise OSError(number, text, environment["TMPDIR"])
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        raise Refused(
            "{} failed: {}".format(step, " / ".join(lines[-SHOWN:]) or "without a word"),
            "Run the same command again; if it fails again, make the bundle again.",
        )
    return output


def _die_with_installer() -> Callable[[], None]:
    """What a program does before it starts: an orphan would write on beside the next run."""
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda: None
    return lambda: prctl(DIE_WITH_PARENT, signal.SIGKILL)

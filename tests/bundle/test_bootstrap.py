"""bootstrap.py as a person runs it: alone, on an old Python, where nothing is installed yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle import assemble
from nerdistill.bundle.assemble import bootstrap, bootstrap_digest
from nerdistill.digest import digest_file
from tests.bundle.installing import HERE, put, tree, works
from tests.bundle.making import Made, make_bundle
from tests.bundle.old_python import OLD, old_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.installing import Files


def run(
    made: Made, *words: object, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The bundle's own bootstrap.py, started below the folder that the bundle lies in."""
    command = [python, "-I", made.folder / "bootstrap.py", *words]
    return subprocess.run(
        [str(word) for word in command],
        cwd=made.folder.parent,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    )


def test_it_is_the_same_every_time(bundle: Made) -> None:
    """Its sha256 can be told apart from the bundle: it is the file that the bundle has."""
    assert bootstrap_digest() == digest_file(bundle.folder / "bootstrap.py")


@pytest.mark.parametrize("name", ["bootstrap.py", "probe.py"])
def test_it_is_written_for_python_3_6(tmp_path: Path, name: str) -> None:
    """Syntax and library; `typing` alone is newer in name, not in what is used."""
    text = bootstrap() if name == "bootstrap.py" else assemble._text("probe")
    (tmp_path / name).write_text(text)
    asked: list[str | Path] = [
        sys.executable,
        "-c",
        "from vermin import main; main()",
        "--target=3.6-",
    ]
    asked += ["--violations", "--no-tips", "--eval-annotations", tmp_path / name]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("words", [(), ("-h",), ("install", "-h"), ("verify", "-h")])
def test_help(bundle: Made, words: tuple[str, ...]) -> None:
    """It says what there is; without a command that is wrong usage."""
    done = run(bundle, *words)
    assert done.returncode == (0 if words else 2)
    assert "usage: bootstrap.py" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("unpack", "x"), "invalid choice: 'unpack'"),
        (("verify",), "the following arguments are required: BUNDLE, --key"),
        (("verify", "bundle"), "the following arguments are required: --key"),
        (("install", "bundle", "--key", "key.pub"), "required: --into"),
        (("install", "bundle", "--key", "key.pub", "--into", ""), "an empty name is no folder"),
        (("verify", "bundle", "--key", "key.pub", "--jobs", "0"), "at least 1"),
        (("verify", "bundle", "--key", "key.pub", "--jobs", "two"), "invalid"),
    ],
)
def test_wrong_usage(bundle: Made, words: tuple[str, ...], why: str) -> None:
    """Exit code 2, and what is wrong with it."""
    done = run(bundle, *words)
    assert done.returncode == 2
    assert why in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("bundle", "--key", "absent.pub"), "the public key absent.pub cannot be read"),
        (("bundle", "--key", "key.pem"), "the key is no public ed25519 key"),
        (("bundle", "--key", "00" * 32), "the signature of manifest.json is not by this key"),
        (("absent", "--key", "key.pub"), "manifest.json is missing in absent"),
        (("bundle", "--key", "key.pub", "--volumes", "absent"), "absent cannot be listed"),
    ],
)
def test_what_is_refused_is_one_line(bundle: Made, words: tuple[str, ...], why: str) -> None:
    """Exit code 1, what is wrong, and the remedy."""
    done = run(bundle, "verify", *words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bootstrap: refused: {why}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("version", ["here", *OLD])
def test_verify(bundle: Made, version: str) -> None:
    """On every Python from 3.6 on: a whole bundle passes, a damaged one is refused by name."""
    python = sys.executable if version == "here" else old_python(version)
    done = run(bundle, "verify", "bundle", "--key", "key.pub", python=python)
    assert (done.returncode, done.stderr) == (0, "whole and signed: demo 1\n")
    volume = bundle.folder / "vol-0002.tar"
    data = bytearray(volume.read_bytes())
    data[700] ^= 1
    volume.write_bytes(data)
    done = run(bundle, "verify", "bundle", "--key", bundle.key.public.hex(), python=python)
    assert done.returncode == 1
    assert done.stderr.startswith("bootstrap: refused: vol-0002.tar is damaged")
    assert done.stderr.endswith("Carry again: vol-0002.tar\n")


@pytest.fixture
def foreign(files: Files, tmp_path: Path) -> Made:
    """A bundle with a name that ASCII lacks."""
    return make_bundle(tmp_path, {**files, "offline_assets/größe.txt": b"x"}, target=HERE)


@pytest.mark.parametrize("version", ["here", "3.6"])
def test_install(foreign: Made, files: Files, version: str) -> None:
    """From relative paths, on the oldest Python too; what it says next can be copied."""
    python = sys.executable if version == "here" else old_python(version)
    words = ("bundle", "--key", "key.pub", "--into", "my root", "--python", sys.executable)
    done = run(foreign, "install", *words, python=python, LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stderr
    root = foreign.folder.parent / "my root"
    assert done.stderr.splitlines()[-1] == "next: 'my root/current/.venv/bin/nerdistill' doctor"
    assert works(root)
    current = root / "current"
    assert {name: (current / name).read_bytes() for name in files} == files
    assert (current / "offline_assets" / "größe.txt").read_bytes() == b"x"


@pytest.mark.parametrize("version", ["here", "3.6"])
def test_a_locale_without_letters(foreign: Made, version: str) -> None:
    """LC_ALL=C: a Python that can't write the names says so before it begins; others install."""
    python = sys.executable if version == "here" else old_python(version)
    encodes = subprocess.run(
        [python, "-I", "-c", "import os; os.fsencode('ö')"],
        env={"LC_ALL": "C"},
        check=False,
        capture_output=True,
    )
    words = ("bundle", "--key", "key.pub", "--into", "root", "--python", sys.executable)
    done = run(foreign, "install", *words, python=python, LC_ALL="C")
    root = foreign.folder.parent / "root"
    assert "Traceback" not in done.stderr
    if encodes.returncode == 0:
        assert done.returncode == 0, done.stderr
        assert works(root)
    else:
        assert done.returncode == 1
        assert "'offline_assets/gr\\xf6\\xdfe.txt'. Put LC_ALL=C.UTF-8" in done.stderr
        assert not root.exists()


def test_nothing_beside_it_is_run(bundle: Made, tmp_path: Path) -> None:
    """A module on the medium that is called as one of Python's is not imported, but refused."""
    marker = tmp_path / "was run"
    for name in ("json.py", "argparse.py", "hashlib.py", "sitecustomize.py"):
        (bundle.folder / name).write_text(f"open({str(marker)!r}, 'w')\n")
    done = run(bundle, "verify", "bundle", "--key", "key.pub")
    assert done.returncode == 1
    assert "holds 'argparse.py', which the manifest does not name" in done.stderr
    assert not marker.exists()


def test_ctrl_c(bundle: Made, tmp_path: Path) -> None:
    """One line that says how to go on, and exit code 130."""
    os.mkfifo(tmp_path / "key")
    command: list[str | Path] = [sys.executable, "-I", bundle.folder / "bootstrap.py"]
    command += ["verify", bundle.folder, "--key", tmp_path / "key"]
    # Opening the pipe waits until the other side reads: then it is inside.
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE) as process,
        (tmp_path / "key").open("wb"),
    ):
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told == b"bootstrap: interrupted. Run the same command again to go on.\n"


def test_a_folder_that_may_not_be_written(bundle: Made, tmp_path: Path) -> None:
    """A read-only place is named with the remedy; a file that may not be read, too."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    root = tmp_path / "root"
    root.mkdir(mode=0o555)
    words = ("install", "bundle", "--key", "key.pub", "--into", "root")
    done = run(bundle, *words, "--python", sys.executable)
    assert done.returncode == 1
    assert f"{root} cannot be written: Permission denied. Free space or mend" in done.stderr
    (bundle.folder / "vol-0001.tar").chmod(0)
    done = run(bundle, "verify", "bundle", "--key", "key.pub")
    assert done.returncode == 1
    assert done.stderr.startswith("bootstrap: bundle/vol-0001.tar: Permission denied. ")


@pytest.mark.usefixtures("looked_at")
def test_it_does_what_the_command_does(bundle: Made, tmp_path: Path) -> None:
    """The joined file and the package install the same tree."""
    put(bundle, tmp_path / "package")
    words = ("install", "bundle", "--key", "key.pub", "--into", "joined")
    done = run(bundle, *words, "--python", sys.executable)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "joined") == tree(tmp_path / "package")

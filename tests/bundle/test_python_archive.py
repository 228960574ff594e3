"""A CPython's archive is trimmed to what an interpreter needs, and nothing leaves its folder."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.python_archive import unpack_python
from tests.bundle.python_archives import SYSCONFIG, archive, elf, entry, files

if TYPE_CHECKING:
    from pathlib import Path

COLLIDING = {"share/terminfo/N/NCR": b"1", "share/terminfo/n/ncr": b"2", "share/man/one.1": b"3"}
UNUSED = {
    "lib/python3.11/test/test_os.py": b"",
    "lib/python3.11/unittest/test/test_case.py": b"",
    "lib/python3.11/site-packages/pip/__init__.py": b"",
    "lib/python3.11/__pycache__/os.cpython-311.pyc": b"",
    "lib/python3.11/config-3.11-x86_64-linux-gnu/libpython3.11.a": b"",
    "lib/python3.11/lib-dynload/_tkinter.cpython-311-x86_64-linux-gnu.so": elf(
        loader="", needed=["libtcl8.6.so"]
    ),
    "lib/libtcl8.6.so": elf(loader=""),
    "lib/tcl8.6/init.tcl": b"",
    "bin/pip3": b"#!/python/bin/python3.11\n",
}


def test_only_what_the_interpreter_needs_is_written(tmp_path: Path) -> None:
    """Tests, caches, packages, Tcl/Tk and names that differ in their case only are left out."""
    path = archive(tmp_path / "python.tar.gz", {**files(), **UNUSED, **COLLIDING})
    made = unpack_python(path, tmp_path / "made")
    written = {
        one.relative_to(tmp_path / "made").as_posix()
        for one in (tmp_path / "made").rglob("*")
        if one.is_file()
    }
    assert made.names[0] == "bin/python3.11"
    assert written == set(made.names) == files().keys()
    assert made.left_out == len(UNUSED) + len(COLLIDING)
    assert (tmp_path / "made/bin/python3.11").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "made" / SYSCONFIG).stat().st_mode & 0o777 == 0o644


def test_links_that_are_conveniences_are_left_out(tmp_path: Path) -> None:
    """Nothing loads `libpython3.11.so`; what the program loads comes as one regular file."""
    program = elf(needed=["libpython3.11.so.1.0", "libz.so.1"], run_path="$ORIGIN/../lib")
    library = elf(loader="", needed=["libc.so.6"])
    content = {
        **files(program=program),
        "lib/libpython3.11.so.1.0": library,
        "lib/libz.so.1.3": b"z",
        "lib/libunused.so.2": library,
    }
    links = {
        "bin/python3": "python3.11",
        "bin/python": "python3",
        "lib/libpython3.11.so": "libpython3.11.so.1.0",
        "lib/python3.11/config/libpython3.11.so": "../../libpython3.11.so",
        "lib/libz.so.1": "libz.so.1.3",
        "lib/python3.11/alias.py": "os.py",
        "lib64": "lib",
    }
    made = unpack_python(archive(tmp_path / "a.tar", content, links=links), tmp_path / "made")
    more = {"lib/libpython3.11.so.1.0", "lib/libz.so.1", "lib/python3.11/alias.py"}
    assert set(made.names) == {*files(), *more}
    assert (tmp_path / "made/lib/libz.so.1").read_bytes() == b"z"
    assert not any(path.is_symlink() for path in (tmp_path / "made").rglob("*"))


def test_the_interpreter_may_be_a_link_of_the_archive(tmp_path: Path) -> None:
    """Soft or hard: what it stands for is written under its name."""
    content = files()
    content["bin/real"] = content.pop("bin/python3.11")
    hard = entry("python/bin/python3.11", kind=tarfile.LNKTYPE, link="python/bin/real")
    one = archive(tmp_path / "hard.tar", content, more=[hard])
    two = archive(tmp_path / "soft.tar", content, links={"bin/python3.11": "../bin/real"})
    for number, path in enumerate([one, two]):
        unpack_python(path, tmp_path / str(number))
        assert (tmp_path / str(number) / "bin/python3.11").read_bytes() == content["bin/real"]


def test_a_full_archive_brings_its_licences(tmp_path: Path) -> None:
    """There the interpreter lies in `install`, and the licences beside it."""
    content = {f"install/{name}": data for name, data in files().items()}
    content |= {"licenses/LICENSE.zlib.txt": b"zlib", "build/object.o": b""}
    made = unpack_python(archive(tmp_path / "full.tar", content), tmp_path / "made")
    assert set(made.names) == {*files(), "licenses/LICENSE.zlib.txt"}


def test_an_archive_of_zstd_is_read(tmp_path: Path) -> None:
    """As full archives are packed."""
    program = shutil.which("zstd")
    if program is None:
        pytest.skip("this machine has no zstd")
    plain = archive(tmp_path / "a.tar", files())
    subprocess.run([program, "-q", plain], check=True)
    made = unpack_python(tmp_path / "a.tar.zst", tmp_path / "made")
    assert set(made.names) == files().keys()
    (tmp_path / "b.tar.zst").write_bytes((tmp_path / "a.tar.zst").read_bytes()[:-40])
    with pytest.raises((ValueError, tarfile.TarError, EOFError)):
        unpack_python(tmp_path / "b.tar.zst", tmp_path / "made")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (entry("python/../../x"), r"'python/../../x', a device or a path outside"),
        (entry("/etc/x"), "'/etc/x'"),
        (entry("python/dev", kind=tarfile.CHRTYPE), "python/dev"),
        (entry("python/pipe", kind=tarfile.FIFOTYPE), "python/pipe"),
        (entry("python/a", kind=tarfile.SYMTYPE, link="/etc/passwd"), "leads outside.*/etc/passwd"),
        (entry("python/a", kind=tarfile.SYMTYPE, link="../../x"), "leads outside"),
        (entry("python/a", kind=tarfile.LNKTYPE, link="../x"), "leads outside"),
    ],
)
def test_what_leads_outside_is_refused(
    tmp_path: Path, more: tarfile.TarInfo, expected: str
) -> None:
    """Nothing of such an archive is written."""
    path = archive(tmp_path / "a.tar", files(), more=[more])
    with pytest.raises(ValueError, match=expected):
        unpack_python(path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_links_that_are_needed_and_lead_nowhere_are_refused(tmp_path: Path) -> None:
    """Also those in a circle."""
    content = files()
    del content["bin/python3.11"]
    for links in (
        {"bin/python3.11": "missing"},
        {"bin/python3.11": "a", "bin/a": "python3.11"},
    ):
        path = archive(tmp_path / "a.tar", content, links=links)
        with pytest.raises(ValueError, match=r"python3\.11' leads to no file"):
            unpack_python(path, tmp_path / "made")


def test_what_was_left_by_an_interrupted_run_is_removed(tmp_path: Path) -> None:
    """The folder holds what the archive holds, nothing else."""
    (tmp_path / "made/lib").mkdir(parents=True)
    (tmp_path / "made/lib/old").touch()
    unpack_python(archive(tmp_path / "a.tar", files()), tmp_path / "made")
    assert not (tmp_path / "made/lib/old").exists()

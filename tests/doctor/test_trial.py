"""The trial on the GPU: what its child says is read, with programs in the kernel's place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.doctor import trial
from nerdistill.doctor.child import TOLD
from nerdistill.progress import Silent
from tests.annotate.serving import ends, pretended, processes

if TYPE_CHECKING:
    from nerdistill.doctor.finding import Finding

HERE = Path(sys.executable)
WORKS = f"{TOLD}\ntold(right={{}}, device='H100', triton='3', seconds=1.5)\n"


def tried(place: Path, code: str, seconds: float = 60) -> Finding:
    """What is found where the kernel's program is some code."""
    program = place / "kernel.py"
    program.write_text(code)
    return trial.try_kernel(HERE, seconds, program)


def test_a_kernel_that_runs(tmp_path: Path) -> None:
    """How long it took and where; wrong numbers are a failure."""
    found = tried(tmp_path, WORKS.format(True))
    assert (found.status, found.found) == ("ok", "compiled and ran a kernel in 1.5 s on H100")
    found = tried(tmp_path, WORKS.format(False))
    assert (found.status, "wrong numbers" in found.found) == ("failure", True)


@pytest.mark.parametrize(
    ("code", "told", "remedy"),
    [
        ("raise RuntimeError('Failed to find C compiler. Please specify via CC')", "CC", "gcc"),
        (
            "raise SystemExit('main.c:5:10: fatal error: Python.h: No such file')",
            "Python.h",
            "devel",
        ),
        (
            "raise ImportError('/x/cuda_utils.so: failed to map segment from shared object')",
            "map segment",
            "--scratch",
        ),
        ("import no_triton_here", "No module named", "nvidia-smi"),
        ("raise ModuleNotFoundError(\"No module named 'triton'\")", "triton", "see torch's CUDA"),
        ("raise OSError(28, 'No space left on device')", "No space", "--scratch"),
        ("import os; os.abort()", "SIGABRT", "dmesg"),
    ],
)
def test_a_kernel_that_fails(code: str, told: str, remedy: str, tmp_path: Path) -> None:
    """The last line says why, and what is known of it is the remedy."""
    found = tried(tmp_path, code)
    assert found.status == "failure"
    assert told in found.found
    assert remedy in found.remedy


def test_a_kernel_that_hangs(tmp_path: Path) -> None:
    """A GPU that has fallen off the bus answers never."""
    found = tried(tmp_path, "import signal; signal.pause()", seconds=0.5)
    assert (found.status, "did not answer in time" in found.found) == ("failure", True)


def test_the_cache_is_empty_and_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies beside the usual one, where compiled kernels must be able to run."""
    monkeypatch.setenv(trial.CACHE, str(tmp_path / "triton"))
    code = (
        f"{TOLD}\nimport os\nplace = os.environ['{trial.CACHE}']\n"
        "told(right=True, seconds=os.listdir(place), device=place)\n"
    )
    found = tried(tmp_path, code)
    assert f"in [] s on {tmp_path}/nerdistill-kernel-" in found.found
    assert [path.name for path in tmp_path.iterdir()] == ["kernel.py"]


def test_the_real_kernel_without_triton(tmp_path: Path) -> None:
    """The program that ships says what it lacks."""
    program = tmp_path / "without.py"
    program.write_text(
        f"import runpy, sys\nsys.modules['triton'] = None\n"
        f"runpy.run_path({str(trial.KERNEL)!r}, run_name='__main__')\n"
    )
    found = trial.try_kernel(HERE, program=program)
    assert (found.status, "triton" in found.found) == ("failure", True)


def test_a_token(tmp_path: Path) -> None:
    """The server that a study would start writes one token, and has ended then."""
    settings = pretended(tmp_path, token=" Paris")  # noqa: S106 - no password
    (found,) = trial.try_token(settings.model, settings.python, Silent(), patience=60)
    assert (found.status, "tiny wrote ' Paris' after" in found.found) == ("ok", True)
    assert all(ends(pid) for pid in processes(settings))


@pytest.mark.parametrize(
    ("told", "found", "remedy"),
    [
        ({"dies": 3, "says": "CUDA out of memory"}, "out of memory", "smaller"),
        ({}, "HTTP 400", "nerdistill serve"),
    ],
)
def test_no_token(told: dict[str, object], found: str, remedy: str, tmp_path: Path) -> None:
    """A server that dies, and one that answers with an error."""
    settings = pretended(tmp_path, **told)
    (one,) = trial.try_token(settings.model, settings.python, Silent(), patience=60)
    assert one.status == "failure"
    assert found in one.found
    assert remedy in one.remedy

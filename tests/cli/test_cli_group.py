"""Who may read what the commands write: all of it, whatever the umask; and a second user."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill import sharing
from nerdistill.cli.main import main
from tests.study.test_study_run import study
from tests.test_sharing import GROUP, all_bits, as_root, needs_group

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["study"]

OWNER, READER, STRANGER, SHARED = 41001, 41002, 41003, 41004
"""Users, each with a group of the same number, and the group that the first two share."""
MAIN = "from nerdistill.cli.main import main; main()"
SETTINGS = ("--set", "training.steps=1", "--set", 'regimens=["original"]')


def command(*words: object) -> None:
    """One command, as it is started."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 0


def write_everything(study: Path, out: Path, group: tuple[str, ...]) -> None:
    """Every command that writes, all below one folder that exists."""
    human, student = study.parent / "human.jsonl", study.parent / "student"
    command(*group, "corpus", "convert", human, out / "converted" / "copy.conll")
    command(
        *group,
        "corpus",
        "split",
        human,
        "--out",
        out / "split",
        "--share",
        "a=0.5",
        "--share",
        "b=0.5",
    )
    words = ["--annotator", "simulated", "--gold", human, "--progress", "none"]
    words += ["--audit", str(out / "audits" / "audit.json"), "--out", str(out / "labels.jsonl")]
    command(*group, "annotate", "run", human, *words)
    pools = ["--original", human, "--distilled", out / "labels.jsonl", "--steps", 1]
    command(*group, "train", *pools, "--student", student, "--out", out / "models" / "mine")
    predicted = ("--out", out / "predicted.jsonl", "--progress", "none")
    command(*group, "predict", out / "models" / "mine", human, *predicted)
    where = ["--set", f"data.root={study.parent}", "--set", f"student.path={student}"]
    place = ["--workspace", out / "work", *where, *SETTINGS, "--set", "seeds=[1]"]
    command(*group, "study", "run", study, *place)
    command(*group, "study", "report", study, *place)


@pytest.fixture
def as_started() -> Iterator[None]:
    """What a command sets for its process is put back."""
    handler, before = signal.getsignal(signal.SIGTERM), os.umask(0o022)
    yield
    signal.signal(signal.SIGTERM, handler)
    sharing.keep_private()
    os.umask(before)


@pytest.mark.usefixtures("as_started")
@pytest.mark.parametrize(
    ("umask", "group", "wanted"),
    [
        (0, (), {"files": {"600"}, "folders": {"700"}}),
        pytest.param(
            0o077,
            ("--group", str(GROUP)),
            {"files": {"640"}, "folders": {"2750"}},
            marks=needs_group,
        ),
    ],
)
def test_all_that_is_written_has_its_bits(
    study: Path, tmp_path: Path, umask: int, group: tuple[str, ...], wanted: dict[str, set[str]]
) -> None:
    """Corpora, labels, replies, audits, models, workspaces, reports, and the folders of them."""
    out = tmp_path / "out"
    out.mkdir(mode=0o755)
    before = stat.S_IMODE(out.stat().st_mode)
    os.umask(umask)
    write_everything(study, out, group)
    assert stat.S_IMODE(out.stat().st_mode) == before
    found = all_bits(out)
    found["folders"].remove(f"{before:o}")
    assert found == wanted
    if group:
        assert {path.stat().st_gid for path in out.rglob("*")} == {GROUP}


def _as(user: int, place: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """A command as another user."""
    groups = str(SHARED) if user != STRANGER else str(STRANGER)
    become = ["setpriv", "--reuid", str(user), "--regid", str(user), "--groups", groups]
    return subprocess.run(
        [*become, sys.executable, *(str(word) for word in words)],
        cwd=place,
        env={
            "HOME": str(place),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        },
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter and write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        if _as(STRANGER, Path(name), "-c", "import nerdistill").returncode != 0:
            pytest.skip("another user cannot read this Python or this checkout")
        yield Path(name)


@as_root
def test_a_second_user_reads_a_shared_workspace_and_goes_on(study: Path, place: Path) -> None:
    """Who is in the group sees what is finished and goes on in a copy; others see nothing."""
    shutil.copytree(study.parent, place / "study", ignore=shutil.ignore_patterns("work"))
    for path in (place / "study", *(place / "study").rglob("*")):
        path.chmod(0o755)
    where = [f"data.root={place / 'study'}", f"student.path={place / 'study' / 'student'}"]
    words = [place / "study" / "study.toml", *SETTINGS]
    words += [word for setting in where for word in ("--set", setting)]
    run = ("-c", MAIN, "--group", SHARED, "study", "run", *words, "--progress", "plain")
    status = ("-c", MAIN, "study", "status", *words, "--set", "seeds=[1]")

    done = _as(OWNER, place, *run, "--set", "seeds=[1]", "--workspace", "shared")
    assert done.returncode == 0, done.stderr
    told = _as(READER, place, *status, "--workspace", "shared")
    assert "12 of 12 stages finished" in told.stdout, told.stderr
    told = _as(STRANGER, place, *status, "--workspace", "shared")
    assert (told.returncode, "is not readable" in told.stderr) == (2, True)

    more = (*run, "--set", "seeds=[1, 2]", "--workspace")
    refused = _as(READER, place, *more, "shared")
    assert refused.returncode == 1
    assert "shared cannot be written by you. Copy it (cp -r shared COPY)" in refused.stderr
    copied = _as(READER, place, "-c", "import shutil; shutil.copytree('shared', 'copy')")
    assert copied.returncode == 0, copied.stderr
    done = _as(READER, place, *more, "copy")
    assert done.returncode == 0, done.stderr
    records = {path.parent.name: path for path in (place / "copy").rglob("record.json")}
    assert len(records) == 12 + 5
    for path in (place / "shared").rglob("record.json"):
        assert records[path.parent.name].read_bytes() == path.read_bytes()

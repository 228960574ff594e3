"""The Slurm job: it runs a study with its teacher's server, stops in time and goes on later."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.annotate.serving import ends
from tests.study.test_study_run import study

__all__ = ["study"]

Factory = pytest.TempPathFactory
ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "slurm" / "study.sbatch"
KEY = 32
"""Characters of the key that the job makes up."""

SERVER = """#!/bin/sh
# In vLLM's place: a server with the same health endpoint. It tells what it was given.
echo "$@" > {place}/server-arguments
echo "$VLLM_API_KEY" > {place}/server-key
[ -e {place}/broken ] && exit 3
while [ $# -gt 0 ]; do
  case $1 in --port) port=$2 ;; --served-model-name) name=$2 ;; esac
  shift
done
cd {root} || exit 1
echo $$ > {place}/started
latency=$(cat {place}/latency)
exec {python} -m tests.fault_server --port "$port" --model "$name" --latency "$latency"
"""
NERDISTILL = """#!/bin/sh
# The installed command; where its caches go is tested elsewhere.
[ "$1" = --scratch ] && [ -d "$2" ] && [ -w "$2" ] && shift 2
exec {python} -c 'from nerdistill.cli.main import main; main()' "$@"
"""
SCONTROL = """#!/bin/sh
echo "$@" >> {place}/scontrol
"""


@dataclass(frozen=True)
class Job:
    """A place in which the script can be started as Slurm would."""

    place: Path
    environment: dict[str, str]

    def start(self) -> subprocess.Popen[str]:
        """Start the script; what it says goes to a file, so that no child holds a pipe."""
        words = [
            "--set",
            "training.steps=1",
            "--set",
            'regimens=["original"]',
            "--set",
            "seeds=[1]",
        ]
        words += ["--set", f"data.root={self.place}", "--set", f"student.path={self.place}/student"]
        with (self.place / "said").open("w") as said:
            return subprocess.Popen(
                [str(SCRIPT), "--workspace", "work", *words],
                cwd=self.place,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def run(self) -> int:
        """Start the script and wait for it; its exit code."""
        return self.start().wait(timeout=120)

    @property
    def said(self) -> str:
        """What the last run said."""
        return (self.place / "said").read_text()

    @property
    def requeued(self) -> list[str]:
        """What Slurm was told."""
        file = self.place / "scontrol"
        return file.read_text().splitlines() if file.exists() else []


def _program(path: Path, text: str, place: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(place=place, root=ROOT, python=sys.executable))
    path.chmod(0o755)


@pytest.fixture
def job(study: Path) -> Job:
    """A study, its model and an installed nerdistill, with Slurm's commands in the path."""
    place = study.parent
    _program(place / "vllm-python", SERVER, place)
    _program(place / ".venv" / "bin" / "nerdistill", NERDISTILL, place)
    _program(place / "bin" / "scontrol", SCONTROL, place)
    shutil.copytree(ROOT / "offline_assets" / "labels", place / "offline_assets" / "labels")
    model = place / "llm"
    model.mkdir()
    (model / "config.json").write_text("{}")
    for name in ("model.safetensors", "chat_template.jinja"):
        (model / name).touch()
    (place / "latency").write_text("0")
    (place / "tmp").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SLURM_JOB_ID": "77",
        "SLURM_SUBMIT_DIR": str(place),
        "SLURM_TMPDIR": str(place / "tmp"),
        "STUDY": str(study),
        "MODEL": str(model),
        "NERDISTILL_VLLM_PYTHON": str(place / "vllm-python"),
        "OMP_NUM_THREADS": "1",
    }
    # The program here runs on the tests' own environment, which has another home.
    environment["NERDISTILL_HOME"] = str(place)
    return Job(place, environment)


def test_a_job_runs_the_whole_study(job: Job) -> None:
    """The server gets a key that no argument shows; nothing is left of it or of the scratch."""
    assert job.run() == 0, job.said
    results = json.loads((job.place / "work" / "results.json").read_text())
    assert (results["missing_cells"], results["teacher"][0]["annotator"]) == (0, "vllm")
    key = (job.place / "server-key").read_text().strip()
    assert len(key) == KEY
    assert key not in (job.place / "server-arguments").read_text()
    assert key not in job.said
    assert ends(int((job.place / "started").read_text()))
    assert not list((job.place / "tmp").iterdir())
    assert job.requeued == []


def test_a_study_that_fails_ends_the_job_with_its_code(job: Job) -> None:
    """A server that does not start fails the job, which is not queued again."""
    (job.place / "broken").touch()
    assert job.run() == 1
    assert "vLLM ended with exit code 3" in job.said
    assert job.requeued == []


def stopped(job: Job, number: signal.Signals) -> None:
    """Start the script, and send it a signal once the server runs."""
    os.mkfifo(job.place / "started")
    (job.place / "latency").write_text("1000")
    script = job.start()
    server = int((job.place / "started").read_text())
    script.send_signal(number)
    assert script.wait(timeout=120) == 143, job.said
    assert ends(server)
    assert not list((job.place / "tmp").iterdir())
    assert not list((job.place / "work" / "stages").glob(".*"))


def test_a_job_that_is_warned_stops_and_goes_on_later(job: Job) -> None:
    """Study and server end in time, the job is queued again once, and its next run finishes."""
    stopped(job, signal.SIGUSR1)
    assert job.requeued == ["requeue 77"]
    finished = {path: path.read_bytes() for path in job.place.glob("work/stages/*/record.json")}
    assert finished
    (job.place / "started").unlink()
    (job.place / "latency").write_text("0")
    assert job.run() == 0, job.said
    assert (job.place / "work" / "results.json").is_file()
    assert {path: path.read_bytes() for path in finished} == finished
    assert job.requeued == ["requeue 77"]


def test_a_job_that_is_cancelled_stays_ended(job: Job) -> None:
    """Slurm itself queues what it preempts; what its user cancels must not come back."""
    stopped(job, signal.SIGTERM)
    assert job.requeued == []


def test_what_is_installed_elsewhere_is_only_read(job: Job, tmp_path_factory: Factory) -> None:
    """The job works in the folder where it was submitted, and leaves the installation as it was."""
    home = tmp_path_factory.mktemp("installed")
    for name in (".venv", "offline_assets"):
        (job.place / name).rename(home / name)
    before = sorted(home.rglob("*"))
    assert replace(job, environment={**job.environment, "NERDISTILL_HOME": str(home)}).run() == 0
    assert (job.place / "work" / "results.json").is_file()
    assert sorted(home.rglob("*")) == before


def test_a_program_in_the_path_is_found(job: Job) -> None:
    """As after `export PATH=/opt/nerdistill/current/.venv/bin:$PATH`."""
    (job.place / ".venv" / "bin" / "nerdistill").rename(job.place / "bin" / "nerdistill")
    assert (
        replace(job, environment={**job.environment, "NERDISTILL_HOME": str(job.place)}).run() == 0
    )


def test_a_job_without_nerdistill_says_what_to_set(job: Job) -> None:
    """It names where it looked."""
    shutil.rmtree(job.place / ".venv")
    plain = {**job.environment, "PATH": f"{job.place / 'bin'}:/usr/bin:/bin"}
    assert replace(job, environment=plain).run() == 2
    assert "Set NERDISTILL_HOME to the folder that holds .venv/" in job.said


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_script_is_clean() -> None:
    """A linter for shells finds nothing."""
    done = subprocess.run(
        ["shellcheck", str(SCRIPT)],  # noqa: S607 - the one in the path
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout

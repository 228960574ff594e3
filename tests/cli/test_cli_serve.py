"""`nerdistill serve`, with a program in vLLM's place."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.guard import running
from nerdistill.cli.main import main
from tests.annotate.serving import ends, pretended, processes

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.annotate.serve import ServeSettings

START = [sys.executable, "-c", "from nerdistill.cli.main import main; main()"]


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    out, error = capsys.readouterr()
    return int(left.value.code or 0), out, error


def words(settings: ServeSettings, *more: str) -> list[str]:
    """The command's arguments."""
    paths = ("serve", settings.model, "--vllm-python", settings.python, "--log", settings.log)
    return [*map(str, paths), "--progress", "plain", *more]


def test_the_command_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be pasted: offline settings, the model's whole path, extras as they stand."""
    settings = pretended(tmp_path)
    more = ("--print", "--gpus", "2", "--max-model-len", "512", "--vllm-argument=--enforce-eager")
    code, out, _ = call(capsys, *words(settings, *more, "--", "--seed", "a b"))
    found = shlex.split(out)
    assert (code, found[0]) == (0, "env")
    assert found[-3:] == ["--enforce-eager", "--seed", "a b"]
    assert found[found.index("--tensor-parallel-size") + 1] == "2"
    assert {"HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", str(settings.model)} <= set(found)
    assert found[found.index("--max-model-len") + 1] == "512"
    assert not (settings.model / "pids").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["other"], "other"),
        (["--", "--api-key", "x"], "VLLM_API_KEY"),
        (["--port", "70000"], "70000"),
    ],
)
def test_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    """Exit code 2, and nothing is started."""
    settings = pretended(tmp_path)
    code, out, error = call(capsys, *words(settings, *more))
    assert (code, out) == (2, "")
    assert told in error
    assert not (settings.model / "pids").exists()


def test_it_serves_until_interrupted(tmp_path: Path) -> None:
    """It says where it answers and how to use that; Ctrl-C ends it, exit code 130."""
    settings = pretended(tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != "VLLM_API_KEY"}
    with subprocess.Popen(
        [*START, *words(settings, "--json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as running_one:
        assert running_one.stdout is not None
        told = json.loads(running_one.stdout.readline())
        assert (told["model"], told["log"]) == ("tiny", str(settings.log))
        assert told["base_url"].startswith("http://127.0.0.1:")
        assert running(told["pid"])
        running_one.send_signal(signal.SIGINT)
        _, error = running_one.communicate(timeout=60)
    assert running_one.returncode == 130
    assert b"VLLM_API_KEY is not set" in error
    assert b"Traceback" not in error
    assert all(ends(pid) for pid in processes(settings))


def test_a_server_that_dies_later_is_told(tmp_path: Path) -> None:
    """Its last lines, its exit code and where its log is; exit code 1."""
    settings = pretended(tmp_path, says="ValueError: odd")
    with subprocess.Popen(
        [*START, *words(settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running_one:
        assert running_one.stdout is not None
        assert b"tiny answers at http://127.0.0.1:" in running_one.stdout.readline()
        assert b"--annotator vllm --base-url http://" in running_one.stdout.readline()
        os.kill(processes(settings)[0], signal.SIGKILL)
        _, error = running_one.communicate(timeout=60)
    assert running_one.returncode == 1
    assert b"  | ValueError: odd" in error
    last = error.splitlines()[-1].decode()
    assert "exit code -9" in last
    assert str(settings.log) in last
    assert ends(processes(settings)[1])


def test_a_server_that_does_not_start_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and one line with cause and remedy below the log's last lines."""
    settings = pretended(tmp_path, dies=1, says="CUDA out of memory")
    code, out, error = call(capsys, *words(settings))
    assert (code, out) == (1, "")
    assert "  | CUDA out of memory" in error
    assert error.splitlines()[-1].startswith("nerdistill: vLLM ended with exit code 1 while")

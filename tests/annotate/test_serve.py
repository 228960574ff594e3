"""Starting a server, waiting for it, and ending it: with a program in vLLM's place."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.guard import running
from nerdistill.annotate.serve import (
    ServeSettings,
    prepared,
    serve_command,
    serve_environment,
    served,
)
from nerdistill.errors import AnnotationError, ConfigError
from nerdistill.progress import PlainLines, Silent
from tests.annotate.serving import ends, pretended, processes

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., ServeSettings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Settings for a server that does as it is told."""
    return partial(pretended, tmp_path)


def test_the_command() -> None:
    """The model under its folder's name, on loopback, with what was asked for; extras last."""
    settings = ServeSettings(
        Path("/models/Qwen3-8B"),
        port=8000,
        max_model_len=4096,
        tensor_parallel_size=2,
        data_parallel_size=4,
        python=Path("/opt/vllm/bin/python"),
        extra=("--enforce-eager",),
    )
    command = serve_command(settings)
    assert command[:3] == ["/opt/vllm/bin/python", "-m", "vllm.entrypoints.openai.api_server"]
    pairs = dict(pairwise(command))
    assert pairs["--model"] == "/models/Qwen3-8B"
    assert pairs["--served-model-name"] == "Qwen3-8B"
    assert (pairs["--host"], pairs["--port"]) == ("127.0.0.1", "8000")
    assert (pairs["--max-model-len"], pairs["--tensor-parallel-size"]) == ("4096", "2")
    assert pairs["--data-parallel-size"] == "4"
    assert json.loads(pairs["--structured-outputs-config"])["disable_any_whitespace"] is True
    assert command[-1] == "--enforce-eager"


def test_the_command_leaves_to_vllm_what_nobody_asked_for() -> None:
    """Without settings, this Python's vLLM decides lengths and GPUs."""
    command = serve_command(ServeSettings(Path("/models/m"), port=1))
    assert command[0] == sys.executable
    asked = {"--max-model-len", "--tensor-parallel-size", "--data-parallel-size"}
    assert not asked & set(command)


def test_the_environment_is_offline_and_holds_one_key() -> None:
    """The server gets its own key, no other secrets, and no way to the network."""
    found = serve_environment(
        {
            "VLLM_API_KEY": " canary ",
            "OPENAI_API_KEY": "sk-x",
            "PATH": "/bin",
            "HF_HUB_OFFLINE": "0",
        }
    )
    assert (found["VLLM_API_KEY"], found["PATH"]) == ("canary", "/bin")
    assert "OPENAI_API_KEY" not in found
    names = ("HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK", "DO_NOT_TRACK")
    assert [found[name] for name in names] == ["1"] * 4
    assert "VLLM_API_KEY" not in serve_environment({"VLLM_API_KEY": " "})


def test_a_server_serves_and_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers on its port with a private log and no key in its arguments; then all is gone."""
    monkeypatch.setenv("VLLM_API_KEY", "canary")
    with served(make(), Silent()) as server:
        port = int(server.base_url.removesuffix("/v1").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            assert server.model == "tiny"
        assert b"canary" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert b"canary" in Path(f"/proc/{server.pid}/environ").read_bytes()
        assert server.log.stat().st_mode & 0o777 == 0o600
        assert running(server.pid)
    assert not running(server.pid)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_will_not_end_is_killed(make: Make) -> None:
    """After the grace, the whole group is killed."""
    settings = replace(make(stubborn=True), grace=0.2)
    with served(settings, Silent()) as server:
        pids = processes(settings)
    assert server.child.exit_code() == -signal.SIGKILL
    assert all(ends(pid) for pid in pids)


def test_the_server_ends_with_an_error_in_the_block(make: Make) -> None:
    """Ctrl-C included, whatever ends the block ends the server."""
    settings = make()
    with pytest.raises(KeyboardInterrupt), served(settings, Silent()):
        raise KeyboardInterrupt
    assert not running(processes(settings)[0])


def test_a_server_that_dies_is_told(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last lines are shown at once, its cause and the remedy are in the error."""
    says = "loading\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\x1b[2J"
    settings = make(dies=3, says=says)
    with pytest.raises(AnnotationError) as caught, served(settings, PlainLines(sys.stderr)):
        pass
    assert "exit code 3" in caught.value.message
    assert "out of memory" in caught.value.message
    assert "--max-model-len" in caught.value.hint
    assert str(settings.log) in caught.value.hint
    shown = capsys.readouterr().err
    assert "| loading" in shown
    assert "\x1b" not in shown


def test_a_server_that_never_answers_is_given_up(make: Make) -> None:
    """After the patience, it is ended and told."""
    settings = replace(make(status=503), patience=0)
    with (
        pytest.raises(AnnotationError, match="did not answer within 0 s"),
        served(settings, Silent()),
    ):
        pass


def test_a_python_that_does_not_exist_is_told(make: Make, tmp_path: Path) -> None:
    """It names the option to mend."""
    settings = replace(make(), python=tmp_path / "none")
    with (
        pytest.raises(AnnotationError, match=r"cannot be started.*--vllm-python"),
        served(settings, Silent()),
    ):
        pass


def test_a_temporary_log_stays_only_after_a_failure(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is needed then, and rubbish otherwise; nobody else may enter its folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings = replace(make(), log=None)
    with served(settings, Silent()) as server:
        assert server.log.parent.stat().st_mode & 0o777 == 0o700
    assert not server.log.parent.exists()
    (settings.model / "config.json").write_text('{"fake": {"dies": 1, "says": "OSError: no"}}')
    with pytest.raises(AnnotationError, match="OSError: no") as caught, served(settings, Silent()):
        pass
    (log,) = tmp_path.glob("nerdistill-*/vllm.log")
    assert str(log) in caught.value.hint


def test_a_key_among_the_arguments_is_refused(make: Make) -> None:
    """Everybody on the machine could read it there."""
    with pytest.raises(ConfigError, match="VLLM_API_KEY") as caught:
        prepared(replace(make(), extra=("--api-key=canary",)))
    assert "canary" not in str(caught.value)


def test_ports(make: Make) -> None:
    """A free one is found; one in use is refused before anything is started."""
    settings = make()
    assert prepared(settings).port > 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is in use"):
            prepared(replace(settings, port=port))


def test_the_server_ends_when_its_parent_is_killed(make: Make) -> None:
    """A kill -9 of the process that started it leaves nothing behind, its children included."""
    settings = make()
    code = (
        "import sys, signal\nfrom pathlib import Path\n"
        "from nerdistill.annotate.serve import ServeSettings, served\n"
        "from nerdistill.progress import Silent\n"
        "model, python, log = map(Path, sys.argv[1:])\n"
        "with served(ServeSettings(model, python=python, log=log), Silent()):\n"
        "    print('ready', flush=True)\n    signal.pause()\n"
    )
    words = [str(path) for path in (settings.model, settings.python, settings.log)]
    with subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        pids = processes(settings)
        assert running(pids[0])
        parent.kill()
    assert all(ends(pid) for pid in pids)

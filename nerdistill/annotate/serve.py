"""A vLLM server that is started from a model's folder, and ends with the work that needs it."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import offline
from nerdistill.annotate import gpu, vllm_log
from nerdistill.annotate.child import start_child
from nerdistill.annotate.model_folder import find_model, name_of
from nerdistill.errors import AnnotationError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nerdistill.annotate.child import Child
    from nerdistill.progress import Progress, Task

HOST = "127.0.0.1"
KEY = "VLLM_API_KEY"
MODULE = "vllm.entrypoints.openai.api_server"
"""What `vllm serve` starts; that command itself fails where vLLM was installed by another name."""
STRUCTURED = '{"backend":"xgrammar","disable_any_whitespace":true}'
"""Without it a model may fill its reply with white space until it is cut off."""
LOGGING = {
    "VLLM_LOGGING_COLOR": "0",
    "PYTHONUNBUFFERED": "1",
}
SECRETS = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "HF_TOKEN")
"""What a local server has no business with."""
PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How to start a server.

    Attributes:
        model: the model's folder.
        port: on loopback; 0 takes a free one.
        max_model_len: tokens of prompt and reply together; None takes what the model can.
        tensor_parallel_size: GPUs that share the model.
        data_parallel_size: copies of the model, each on so many GPUs, behind one address.
        python: of the environment that holds vLLM; None is this one.
        extra: further arguments for vLLM; they overrule those before.
        log: where its output goes; None is a temporary file, which stays only after a failure.
        patience: seconds that it may take to start.
        grace: seconds that it may take to end before it is killed.
    """

    model: Path
    port: int = 0
    max_model_len: int | None = None
    tensor_parallel_size: int | None = None
    data_parallel_size: int | None = None
    python: Path | None = None
    extra: tuple[str, ...] = ()
    log: Path | None = None
    patience: float = 1800.0
    grace: float = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        base_url: where its API starts.
        model: the name that it knows its model by.
        pid: of its first process.
        log: where its output goes.
        child: the process itself.
    """

    base_url: str
    model: str
    pid: int
    log: Path
    child: Child


def prepared(settings: ServeSettings) -> ServeSettings:
    """The same with the model's whole path and a port.

    Raises:
        AssetError: the folder holds no model that can be served.
        ConfigError: the port is in use, or a key is among the arguments.
    """
    if any(word.partition("=")[0] in {"--api-key", "--hf-token"} for word in settings.extra):
        raise ConfigError(
            "everybody on this machine can read a key that stands among the arguments",
            f"Set the environment variable {KEY} instead.",
        )
    folder = find_model(settings.model, settings.extra)
    port = _free_port(settings.port)
    return replace(settings, model=folder, port=port)


def serve_command(settings: ServeSettings) -> list[str]:
    """The command that starts the server. It holds no key."""
    return [
        *(str(settings.python or sys.executable), "-m", MODULE),
        *("--host", HOST, "--port", str(settings.port)),
        # So that it tells what its cache saved.
        "--enable-prompt-tokens-details",
        "--disable-uvicorn-access-log",
        *engine_arguments(settings),
    ]


def engine_arguments(settings: ServeSettings) -> list[str]:
    """What vLLM is told about the model, as a server and in a process of our own."""
    optional = {
        "--max-model-len": settings.max_model_len,
        "--tensor-parallel-size": settings.tensor_parallel_size,
        "--data-parallel-size": settings.data_parallel_size,
    }
    return [
        *("--model", str(settings.model), "--served-model-name", name_of(settings.model)),
        *("--structured-outputs-config", STRUCTURED),
        # The request alone says how a reply is drawn, not a file beside the model.
        *("--generation-config", "vllm"),
        "--enable-prefix-caching",
        *(word for name, n in optional.items() if n is not None for word in (name, str(n))),
        *settings.extra,
    ]


def serve_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: this one, offline, with the server's API key and no other."""
    kept = {name: text for name, text in environment.items() if name not in SECRETS}
    key = kept.pop(KEY, "").strip()
    return {**kept, **offline.SETTINGS, **LOGGING, **({KEY: key} if key else {})}


@contextmanager
def served(settings: ServeSettings, progress: Progress) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it with the block.

    When the block has ended, so has everything that was started, and the GPUs' memory is free.
    Should this process be killed, the server ends too.

    Raises:
        AssetError: the folder holds no model that can be served.
        ConfigError: the port is in use.
        AnnotationError: the server did not start, or the GPUs' memory did not become free.
    """
    ready = prepared(settings)
    log = ready.log or temporary_log()
    before = gpu.memory_used()
    child = start_child(serve_command(ready), environment=serve_environment(os.environ), log=log)
    name = name_of(ready.model)
    keep = True
    try:
        with progress.task(f"start vLLM ({name})", total=None, unit="checks") as task:
            _wait_until_healthy(child, ready, progress, task)
        yield Server(f"http://{HOST}:{ready.port}/v1", name, child.process.pid, log, child)
        keep = False
    except KeyboardInterrupt:
        keep = False
        raise
    finally:
        child.stop(ready.grace)
        if not keep and settings.log is None:
            shutil.rmtree(log.parent)
    gpu.wait_until_free(before)


def temporary_log() -> Path:
    """A log in a new folder that only its user may enter."""
    return Path(tempfile.mkdtemp(prefix="nerdistill-")) / "vllm.log"


def failure(child: Child, told: str, progress: Progress) -> AnnotationError:
    """The error that says why a child of vLLM failed; its log's last lines are told at once."""
    found = vllm_log.diagnose(child.log, child.exit_code())
    for line in vllm_log.last_lines(child.log):
        progress.say(f"  | {line}")
    return AnnotationError(f"{told}: {found.cause}", f"{found.remedy} Its log: {child.log}")


def _wait_until_healthy(
    child: Child, settings: ServeSettings, progress: Progress, task: Task
) -> None:
    ends = time.monotonic() + settings.patience
    while not _healthy(settings.port):
        code = child.exit_code()
        if code is not None:
            raise failure(child, f"vLLM ended with exit code {code} while it started", progress)
        if time.monotonic() >= ends:
            told = f"vLLM did not answer within {settings.patience:g} s"
            raise failure(child, told, progress)
        time.sleep(PAUSE)
        task.advance()


def _healthy(port: int) -> bool:
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        # As the server itself does: a port whose last connections are fading counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise ConfigError(
                f"port {wanted} is in use", "Name another with --port, or none for a free one."
            ) from error
        port: int = probe.getsockname()[1]
        return port

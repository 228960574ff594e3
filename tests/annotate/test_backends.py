"""The annotators by their names: what each needs, starts and ends."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from nerdistill.annotate.backends import BackendSettings, open_teacher
from nerdistill.annotate.job import Job
from nerdistill.annotate.model_folder import identity_of
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Reply, Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import annotate_corpus
from nerdistill.errors import AnnotationError, ConfigError
from nerdistill.progress import Silent
from tests.annotate.samples import CONLL, CORPUS
from tests.fault_server.client import ROOT, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.annotate.run import AnnotationRun
    from tests.fault_server.client import FaultServer

STUB = """#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in --port) port=$2 ;; --served-model-name) name=$2 ;; esac
  shift
done
cd "{root}" && exec "{python}" -m tests.fault_server --port "$port" --model "$name"
"""


def labelled(name: str, settings: BackendSettings, store: Path) -> AnnotationRun:
    """Label the sample corpus."""
    with open_teacher(name, settings, Silent()) as teacher, ReplyStore(store) as opened:
        return annotate_corpus(
            CORPUS,
            Job(name, teacher.model, load_prompt("standard"), CONLL, Sampling()),
            annotator=teacher.annotator,
            store=opened,
            progress=Silent(),
        )


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("openai", {}, "--model"),
        ("openai", {"model": "m", "azure_version": "1"}, "--base-url"),
        ("openai", {"model": "m"}, "OPENAI_API_KEY"),
        (
            "openai",
            {"model": "m", "azure_version": "1", "base_urls": ("http://h",)},
            "AZURE_OPENAI",
        ),
        ("vllm", {}, "--base-url"),
        ("vllm-offline", {}, "--model"),
        ("replay", {}, "--replies"),
    ],
)
def test_what_is_missing_is_told(
    name: str, settings: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each annotator names what it needs before anything is asked."""
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    needed = BackendSettings(CONLL, **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=told), open_teacher(name, needed, Silent()):
        pass


def test_a_server_says_which_model_it_serves(fault_server: FaultServer, tmp_path: Path) -> None:
    """Where it serves one, that one is asked; a name that it does not know is refused at once."""
    settings = BackendSettings(CONLL, base_urls=(fault_server.base_url,))
    run = labelled("vllm", settings, tmp_path / "s")
    assert (run.annotations[0].source.model, run.counts.asked) == ("m", 3)
    wrong = BackendSettings(CONLL, base_urls=(fault_server.base_url,), model="n")
    with (
        pytest.raises(ConfigError, match=r"does not serve 'n'\. It serves m"),
        open_teacher("vllm", wrong, Silent()),
    ):
        pass


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    """Nothing listens on port 9 of this machine."""
    nowhere = BackendSettings(CONLL, base_urls=("http://127.0.0.1:9/v1",))
    with (
        pytest.raises(AnnotationError, match=r"no model server answers there.*nerdistill serve"),
        open_teacher("vllm", nowhere, Silent()),
    ):
        pass


def test_a_model_folder_is_served_while_it_is_needed(tmp_path: Path) -> None:
    """The server runs for the questions; where all replies are stored none is started."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "chat_template.jinja").touch()
    stub = tmp_path / "python"
    stub.write_text(STUB.format(root=ROOT, python=sys.executable))
    stub.chmod(0o700)
    settings = BackendSettings(CONLL, model=str(folder), vllm_python=stub)
    run = labelled("vllm", settings, tmp_path / "s")
    assert run.annotations[0].source.model == identity_of(folder)
    assert (run.counts.asked, run.failures) == (3, ())
    stub.write_text("#!/bin/sh\nexit 3\n")
    again = labelled("vllm", settings, tmp_path / "s")
    assert (again.counts.asked, again.annotations) == (0, run.annotations)
    (folder / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(AnnotationError):
        labelled("vllm", settings, tmp_path / "s")


class Azure(BaseHTTPRequestHandler):
    """Notes what it is asked, and finds no entity."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        """Answer one question."""
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.path, self.headers["api-key"]))
        message = {"content": '{"entities": []}'}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = json.dumps({"model": "gpt-4o-2024-11-20", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def azure() -> Iterator[str]:
    """The address of a server that talks as Azure does."""
    Azure.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Azure)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_azure_is_asked_by_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment stands in the path, the key in its own header; the model's name is free."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "secret")
    with azure() as address:
        settings = BackendSettings(
            CONLL, model="mine", base_urls=(address,), azure_version="2024-10-21", max_concurrency=1
        )
        run = labelled("openai", settings, tmp_path / "s")
    path = "/openai/deployments/mine/chat/completions?api-version=2024-10-21"
    assert Azure.seen == [(path, "secret")] * 3
    assert (len(run.annotations), run.failures) == (3, ())


def test_a_server_that_knows_the_other_name_of_the_bound(tmp_path: Path) -> None:
    """Where `max_tokens` is refused `max_completion_tokens` is used, and nothing fails."""
    with running() as server:
        server.set_faults(rates={"400-max-tokens": 1})
        settings = BackendSettings(CONLL, base_urls=(server.base_url,), max_concurrency=1)
        run = labelled("vllm", settings, tmp_path / "s")
        assert run.failures == ()
        assert "max_completion_tokens" in server.calls()[-1].body
    with ReplyStore(tmp_path / "s") as store:
        assert all(isinstance(one, Reply) for one in store)
        assert store.count() == 3

"""A real vLLM server: structure, log-probabilities, cache, keys, start and end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from nerdistill.annotate.guard import running
from nerdistill.annotate.parse import parse_reply
from nerdistill.annotate.serve import served
from nerdistill.annotate.wire import reply_of
from nerdistill.errors import AnnotationError
from nerdistill.progress import Silent
from tests.annotate.serving import ends
from tests.vllm.conftest import KEY
from tests.vllm.samples import body, get, post, questions, schema
from tests.vllm.tiny_model import save_tiny_model

if TYPE_CHECKING:
    from nerdistill.annotate.protocol import Reply, Request
    from nerdistill.annotate.serve import Server, ServeSettings

pytestmark = pytest.mark.vllm


def ask(server: Server, request: Request) -> Reply:
    """The server's reply to a request."""
    status, content = post(server, body(request), KEY)
    assert status == 200, content
    return reply_of(request.key, content, lambda name: name == "tiny")


def test_replies_follow_the_schema(server: Server) -> None:
    """Of 32 asked at once, each can be read or was cut off, with labels of the schema alone."""
    asked = questions(32)
    with ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(lambda request: ask(server, request), asked))
    whole = [
        (request, reply)
        for request, reply in zip(asked, replies, strict=True)
        if reply.finish == "stop"
    ]
    assert whole, "every reply was cut off"
    labels: set[str] = set()
    for request, reply in whole:
        (sentence,) = request.sentences
        labels |= {
            m.label for m in parse_reply(reply.text, sentence=sentence.text, schema=schema())
        }
        assert "\n" not in reply.text
        assert "  " not in reply.text.replace('"', "")[:12]
    assert labels, "no reply names an entity"
    assert labels <= set(schema().names)


def test_log_probabilities(server: Server) -> None:
    """One for each token of the reply, none above 0; the tokens together are the reply."""
    (request,) = questions(1)
    reply = ask(server, request)
    assert reply.logprobs is not None
    assert len(reply.logprobs) == reply.tokens_out
    assert all(logprob <= 0 for _, logprob in reply.logprobs)
    assert "".join(token for token, _ in reply.logprobs).startswith(reply.text)


def test_the_prefix_cache_serves_the_fixed_part(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most of every prompt after the first is cached, by the usage and by the server's metric."""
    replies = [ask(server, request) for request in questions(8)]
    shares = [reply.tokens_cached / reply.tokens_in for reply in replies[1:]]
    told = get(server, "/metrics").decode()
    found = {
        name: float(value)
        for name, value in re.findall(
            r"^vllm:prefix_cache_(queries|hits)(?:_total)?\{[^}]*\} (\S+)$", told, re.MULTILINE
        )
    }
    with capsys.disabled():
        sys.stdout.write(
            f"\nprefix cache: {found['hits']:.0f} of {found['queries']:.0f} prompt tokens "
            f"({found['hits'] / found['queries']:.0%}); of single prompts "
            f"{min(shares):.0%} to {max(shares):.0%}\n"
        )
    assert min(shares) > 0.5
    assert found["hits"] / found["queries"] > 0.5


def test_another_model_is_refused(server: Server) -> None:
    """The server knows its model by the folder's name alone."""
    status, content = post(server, {**body(questions(1)[0]), "model": "other"}, KEY)
    assert (status, b"other" in content) == (404, True)


def test_the_key_is_wanted_and_not_shown(server: Server) -> None:
    """Without it nothing is answered; no argument, of any process, and no log holds it."""
    assert post(server, body(questions(1)[0]), "wrong")[0] == 401
    canary = KEY.encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue  # it has ended
        assert canary not in words
    assert canary not in server.log.read_bytes()


def test_the_log_is_private(server: Server) -> None:
    """It may be read by its user only, and holds no question."""
    (request,) = questions(1, max_tokens=5)
    ask(server, request)
    assert server.log.stat().st_mode & 0o777 == 0o600
    assert request.sentences[0].text not in server.log.read_text()


def test_a_server_ends_with_its_block(settings: ServeSettings, tmp_path: Path) -> None:
    """Every process is gone, and the port is free."""
    with served(replace(settings, log=tmp_path / "log"), Silent()) as server:
        place = urlsplit(server.base_url)
        get(server, "/health")
    assert not running(server.pid)
    with socket.socket() as probe:
        assert probe.connect_ex((place.hostname, place.port)) != 0


def test_a_server_ends_with_its_parent(settings: ServeSettings, tmp_path: Path) -> None:
    """A kill -9 of the command leaves no process of vLLM behind."""
    words = [
        *(sys.executable, "-c", "from nerdistill.cli.main import main; main()"),
        *("serve", str(settings.model), "--vllm-python", str(settings.python), "--json"),
        *("--log", str(tmp_path / "log"), "--progress", "plain", "--", *settings.extra),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())["pid"]
        group = [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/stat")
            if path.read_text().rpartition(")")[2].split()[2] == str(pid)
        ]
        assert len(group) > 1
        parent.send_signal(signal.SIGKILL)
    assert all(ends(one) for one in group)


def test_a_model_that_vllm_does_not_know_is_told(settings: ServeSettings, tmp_path: Path) -> None:
    """By its cause, in one line."""
    folder = save_tiny_model(tmp_path / "odd")
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["OddForCausalLM"]
    (folder / "config.json").write_text(json.dumps(config))
    with (
        pytest.raises(AnnotationError, match="does not support the model's architecture"),
        served(replace(settings, model=folder, log=tmp_path / "log"), Silent()),
    ):
        pass

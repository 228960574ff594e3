"""`nerdistill annotate run` with a real vLLM: a server, a model's folder, an engine of its own."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from nerdistill.annotate.serve import served
from nerdistill.cli.main import main
from nerdistill.progress import Silent
from tests.vllm.conftest import KEY, ON_A_CPU
from tests.vllm.samples import BRIEF
from tests.vllm.tiny_model import CORPUS

if TYPE_CHECKING:
    from nerdistill.annotate.serve import Server, ServeSettings

pytestmark = pytest.mark.vllm

COUNT = 40


def run(capsys: pytest.CaptureFixture[str], out: Path, *words: str) -> tuple[dict[str, Any], str]:
    """What the command tells, and what it says meanwhile."""
    drawn = ("--temperature", "1", "--sampling-seed", "1", "--max-tokens", "150")
    with pytest.raises(SystemExit) as left:
        main(
            [
                *("annotate", "run", str(CORPUS), "--limit", str(COUNT), "--out", str(out)),
                *(*drawn, "--extra-body", BRIEF, "--json", "--progress", "plain"),
                *words,
            ]
        )
    told, said = capsys.readouterr()
    assert left.value.code == 0, said
    found: dict[str, Any] = json.loads(told)
    return found, said


def lines(path: Path) -> int:
    """The lines of a file; 0 where there is none."""
    return len(path.read_text().splitlines()) if path.exists() else 0


def check(out: Path, first: dict[str, Any], again: dict[str, Any]) -> None:
    """Every sentence has labels or a failure, and a second run asks for nothing that is stored."""
    assert first["sentences"] == COUNT
    assert first["asked"] >= COUNT
    assert lines(out) + lines(Path(first["failures"])) == COUNT
    assert lines(out) > COUNT // 2
    assert (again["asked"], again["stored"]) == (0, COUNT)
    assert again["audit"] == first["audit"]


def finished(server: Server) -> int:
    """How many requests a server has answered, by its own count."""
    connection = HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    counts = re.findall(r"^vllm:request_success_total\{[^}]*\} ([0-9.e+]+)$", text, re.MULTILINE)
    return round(sum(map(float, counts)))


def starting(settings: ServeSettings, model: Path) -> list[str]:
    """Arguments for a vLLM of the command's own."""
    passed = [f"--vllm-argument={word}" for word in ON_A_CPU]
    return ["--model", str(model), "--vllm-python", str(settings.python), *passed]


def test_a_server(
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its one model is found by itself; confidences come from its log-probabilities."""
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    out = tmp_path / "labels.jsonl"
    words = ("--annotator", "vllm", "--base-url", server.base_url)
    first, _ = run(capsys, out, *words)
    assert first["model"] == "tiny"
    assert first["tokens_cached"] > 0.5 * first["tokens_in"]
    labels = out.read_bytes()
    again, _ = run(capsys, out, *words)
    check(out, first, again)
    assert out.read_bytes() == labels
    assert KEY.encode() not in Path(first["store"]).read_bytes()


def test_two_servers_share_the_requests(
    server: Server,
    settings: ServeSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both are asked, each by what its own metrics say, and together no more than was needed."""
    monkeypatch.setenv("VLLM_API_KEY", KEY)
    out = tmp_path / "labels.jsonl"
    with served(replace(settings, log=tmp_path / "other.log"), Silent()) as other:
        before = [finished(one) for one in (server, other)]
        urls = ("--base-url", server.base_url, "--base-url", other.base_url)
        first, _ = run(capsys, out, "--annotator", "vllm", *urls)
        after = [finished(one) for one in (server, other)]
    each = [now - then for now, then in zip(after, before, strict=True)]
    assert sum(each) == first["asked"]
    assert min(each) > 0.2 * sum(each)
    assert lines(out) + lines(Path(first["failures"])) == COUNT


@pytest.mark.parametrize("annotator", ["vllm", "vllm-offline"])
def test_a_model_folder(
    annotator: str,
    settings: ServeSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is loaded once, although replies are asked for again; a second run loads nothing."""
    out = tmp_path / "labels.jsonl"
    words = ("--annotator", annotator, *starting(settings, settings.model))
    first, said = run(capsys, out, *words)
    assert first["model"].startswith("tiny@")
    assert said.count(" took ") == 2  # the start, and the labelling
    again, said = run(capsys, out, *words)
    check(out, first, again)
    assert said.count(" took ") == 1

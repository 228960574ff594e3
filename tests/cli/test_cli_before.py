"""What `nerdistill annotate run` tells and asks before it labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

DEMO = "offline_assets/demo"


def call(
    capsys: pytest.CaptureFixture[str], out: Path, *words: str, source: str = "unlabelled"
) -> tuple[int, str, str]:
    """Run the command; its exit code and what it printed."""
    given = [f"{DEMO}/{source}.jsonl", "--out", str(out), "--progress", "none", *words]
    with pytest.raises(SystemExit) as ended:
        main(["annotate", "run", *given])
    printed = capsys.readouterr()
    return int(str(ended.value.code)), printed.out, printed.err


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where labels go, in a folder of its own."""
    return tmp_path / "new" / "labels.jsonl"


def test_a_dry_run_asks_and_writes_nothing(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no key, and tells requests, tokens, cost and time."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    words = ("--annotator", "openai", "--model", "gpt-4o", "--dry-run", "--limit", "50")
    code, told, _ = call(capsys, out, *words, "--requests-per-second", "10")
    assert (code, out.parent.exists()) == (0, False)
    assert "requests: 50" in told
    assert "USD" in told
    assert "about 5 s" in told
    code, told, _ = call(capsys, out, *words, "--batch", "--json")
    plan = json.loads(told)
    assert (code, plan["to_ask"], plan["batch"]) == (0, 50, True)


def test_a_dry_run_knows_what_is_stored(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a run nothing is left to ask."""
    words = ("--annotator", "replay", "--replies", f"{DEMO}/replies.jsonl", "--limit", "20")
    assert call(capsys, out, *words)[0] == 0
    code, told, _ = call(capsys, out, *words, "--dry-run")
    assert code == 0
    assert "nothing to ask" in told


GOLD = ("--annotator", "simulated", "--gold", f"{DEMO}/unlabelled-gold.jsonl")


def test_a_calibration_goes_on_above_the_bar(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A perfect teacher passes any bar; the scores are told first, then everything is labelled."""
    words = (*GOLD, "--error-scale", "0", "--calibrate", "60", "--min-f1", "99", "--yes")
    code, told, error = call(capsys, out, *words)
    assert (code, error) == (0, "")
    assert "Calibration on 60 sentences" in told
    assert len(out.read_text().splitlines()) > 600


def test_a_calibration_stops_below_the_bar(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A poor teacher labels the calibration's sentences and no more."""
    code, _, error = call(capsys, out, *GOLD, "--calibrate", "60", "--min-f1", "99", "--yes")
    assert (code, out.exists()) == (1, False)
    assert "below the 99 of --min-f1" in error


def test_a_calibration_needs_somebody_to_ask(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal it says which flag goes on."""
    code, _, error = call(capsys, out, *GOLD, "--calibrate", "30")
    assert (code, out.exists()) == (2, False)
    assert "--yes" in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--annotator", "simulated", "--verify"), "one kind of question"),
        (("--annotator", "replay", "--sentences-per-request", "2"), "one kind of question"),
        (("--annotator", "vllm", "--batch", "--base-url", "http://h"), "has no batches"),
        (("--annotator", "openai", "--extra-body", "[1]"), "no JSON object"),
        (("--annotator", "openai", "--prompt", "nope"), "standard"),
        (("--annotator", "openai", "--model", "m", "--prices", "nope.toml"), "nope.toml"),
    ],
)
def test_what_does_not_go_together_is_told(
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    told: str,
) -> None:
    """Wrong usage is one line, and nothing is asked or written."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    code, _, error = call(capsys, out, *words)
    assert (code, error.count("\n"), out.exists()) == (2, 1, False)
    assert told in error

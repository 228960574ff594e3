"""The commands that train, evaluate, predict and run studies, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nerdistill.cli.main import _run
from tests.student_factory import save_tiny_student

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    {"id": "a#0", "tokens": ["Ada", "left"], "entities": [{"start": 0, "end": 1, "label": "PER"}]},
    {"id": "b#0", "tokens": ["It", "rained"], "entities": []},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two labelled sentences."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder."""
    return save_tiny_student(tmp_path / "student", ["ada", "left", "it", "rained"])


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    code = _run([str(word) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_train_evaluate_predict(
    corpus: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trained model can be scored and used, and says how it was made."""
    out = tmp_path / "model"
    words = ["--original", corpus, "--distilled", corpus, "--student", student, "--out", out]
    code, told, _ = call(capsys, "train", *words, "--steps", 4, "--batch-size", 2)
    assert (code, "4 original and 4 distilled" in told) == (0, True)
    record = json.loads((out / "training.json").read_text())
    assert (record["curve"]["kind"], len(record["losses"])) == ("step", 4)

    code, told, _ = call(capsys, "evaluate", out, corpus, "--json", "--no-windows")
    assert (code, json.loads(told)["gold"]) == (0, 1)

    text = tmp_path / "text.txt"
    text.write_text("Ada left for good, and it rained. Nobody minded.\n")
    code, told, _ = call(
        capsys, "predict", out, text, "--format", "text", "--out", tmp_path / "labels.jsonl"
    )
    assert (code, "in 2 sentences" in told) == (0, True)
    tokens = json.loads((tmp_path / "labels.jsonl").read_text().splitlines()[0])["tokens"]
    assert tokens[-1] == "."


def test_an_existing_model_is_not_overwritten(
    corpus: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full folder is refused before any training, and replaced only with --force."""
    out = tmp_path / "model"
    out.mkdir()
    (out / "precious").write_text("")
    words = ["train", "--original", corpus, "--curve", "constant", "--curve-parameter", "share=0"]
    words += ["--student", student, "--out", out, "--steps", 1]
    code, _, error = call(capsys, *words)
    assert (code, "--force" in error, (out / "precious").exists()) == (2, True, True)
    code, _, error = call(capsys, *words, "--force")
    assert (code, (out / "precious").exists()) == (0, False), error
    assert [path.name for path in tmp_path.glob(".model*")] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--student", "{student}", "--out", "{out}"], "there are none"),
        (["train", "--original", "{corpus}", "--student", "nowhere", "--out", "{out}"], "nowhere"),
        (["train", "--curve", "square", "--student", "{student}", "--out", "{out}"], "square"),
        (["train", "--mean-share", "half", "--student", "{student}", "--out", "{out}"], "half"),
        (["train", "--original", "{bare}", "--student", "{student}", "--out", "{out}"], "a#0"),
        (["train", "--original", "{vip}", "--student", "{student}", "--out", "{out}"], "'VIP'"),
        (["evaluate", "nowhere", "{corpus}"], "nowhere"),
        (["evaluate", "{student}", "{corpus}"], "no trained tagger"),
        (["evaluate", "{student}", "nothing.jsonl"], "nothing.jsonl"),
        (["predict", "{student}", "{corpus}", "--out", "{out}"], "no trained tagger"),
        (["study", "run", "nothing.toml"], "nothing.toml"),
        (["study", "run", "{corpus}"], "not TOML"),
        (["study", "status", "demo", "--set", "x"], "demo"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    words: list[str],
    told: str,
    corpus: Path,
    student: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wrong input: exit code 2, nothing on standard output, one line that names the fact."""
    bare, vip = tmp_path / "bare.jsonl", tmp_path / "vip.jsonl"
    bare.write_text('{"id": "a#0", "tokens": ["Ada"]}\n')
    vip.write_text(corpus.read_text().replace("PER", "VIP"))
    places = {
        "corpus": corpus,
        "student": student,
        "out": tmp_path / "out",
        "bare": bare,
        "vip": vip,
    }
    code, out, error = call(capsys, *(word.format(**places) for word in words))
    assert (code, out) == (2, ""), error
    assert len(error.splitlines()) == 1
    assert error.startswith("nerdistill: ")
    assert told in error


def test_usage_errors_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that does not exist is click's to explain."""
    code, _, error = call(capsys, "study", "run", "x.toml", "--wrong")
    assert (code, "--wrong" in error) == (2, True)


def test_types_the_model_lacks_are_told(
    corpus: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Entities of a type that the model was never trained for count, and are named."""
    out = tmp_path / "model"
    words = ["train", "--original", corpus, "--distilled", corpus, "--student", student]
    assert call(capsys, *words, "--out", out, "--steps", 1)[0] == 0
    corpus.write_text(corpus.read_text().replace("PER", "VIP"))
    code, told, error = call(capsys, "evaluate", out, corpus, "--json", "--progress", "none")
    assert (code, json.loads(told)["gold"]) == (0, 1)
    assert "never trained for VIP" in error


def test_files_are_for_the_user_alone(corpus: Path, tmp_path: Path) -> None:
    """Whatever the umask, what a command writes can be read by its user only."""
    out = tmp_path / "private" / "copy.jsonl"
    code = f"import os; os.umask(0); from nerdistill.cli.main import main; main({['corpus', 'convert', str(corpus), str(out)]!r})"  # noqa: E501 - one line of code
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("stop", "code", "said"),
    [
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, "terminated"),
    ],
)
def test_interrupts_leave_with_codes_of_their_own(
    tmp_path: Path, stop: str, code: int, said: str
) -> None:
    """Ctrl-C and SIGTERM end a command with an exit code each and no traceback."""
    program = (
        f"import nerdistill.cli.main as m\ndef stop(*a, **k): {stop}\n"
        "m.LazyGroup.invoke = stop\nm.main(['corpus'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == code
    assert f"nerdistill: {said}" in done.stderr
    assert "Traceback" not in done.stderr

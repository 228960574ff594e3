"""`nerdistill annotate`, as a user runs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nerdistill.annotate.simulated import write_reply
from nerdistill.cli.main import main
from nerdistill.corpus.formats import read_corpus, write_corpus
from nerdistill.types import Corpus, Document
from tests.annotate.samples import ADA, CORPUS, RAIN, TWICE

Code = int


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a corpus, its gold and recorded replies, to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    bare = Corpus(
        tuple(
            Document(d.id, tuple(replace(s, spans=None) for s in d.sentences))
            for d in CORPUS.documents
        )
    )
    write_corpus(bare, Path("news.jsonl"))
    write_corpus(CORPUS, Path("gold.jsonl"))
    records = [{"text": s.text, "reply": write_reply(s, s.spans or ())} for s in (ADA, TWICE)]
    records.append({"text": RAIN.text, "reply": '{"entities": [{"label": "PER", "text": "It"}]}'})
    Path("replies.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return tmp_path


def call(*words: str) -> Code:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as left:
        main(["annotate", *words])
    assert isinstance(left.value.code, int)
    return left.value.code


REPLAY = ("run", "news.jsonl", "--annotator", "replay", "--replies", "replies.jsonl")
SIMULATED = ("run", "news.jsonl", "--annotator", "simulated", "--gold", "gold.jsonl")


@pytest.mark.usefixtures("folder")
def test_replay_with_audit(capsys: pytest.CaptureFixture[str]) -> None:
    """Results go to standard output, progress to standard error, labels to the file."""
    code = call(*REPLAY, "--gold", "gold.jsonl", "--out", "out.jsonl", "--audit", "audit.json")
    shown = capsys.readouterr()
    assert code == 0
    assert "SIMULATED" not in shown.out
    assert "88.9" in shown.out
    assert "out.jsonl.replies.sqlite" in shown.out
    assert "annotate (replay)" in shown.err
    assert next(read_corpus(Path("out.jsonl")).sentences).spans == ADA.spans
    told = json.loads(Path("audit.json").read_text())
    assert told["audit"]["f1"] == pytest.approx(88.9, abs=0.1)
    assert sum(told["audit"]["outcomes"].values()) == 5


@pytest.mark.usefixtures("folder")
def test_without_gold_there_is_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    """Labels without gold are counted, not scored."""
    assert call(*REPLAY, "--out", "out.jsonl", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["audit"]["f1"] is None
    assert (told["sentences"], told["asked"], told["stored"]) == (3, 3, 0)
    assert call(*REPLAY, "--out", "out.jsonl", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["asked"], told["stored"]) == (0, 3)


@pytest.mark.usefixtures("folder")
def test_simulated_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Every table that rests on simulated labels says SIMULATED in its head."""
    assert call(*SIMULATED, "--out", "out.jsonl", "--error-scale", "0") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("SIMULATED")
    assert "100.0" in shown
    assert call("compare", "out.jsonl", "gold.jsonl", "--gold", "gold.jsonl") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("SIMULATED")


@pytest.mark.usefixtures("folder")
def test_compare(capsys: pytest.CaptureFixture[str]) -> None:
    """Two teachers side by side: agreement, scores, and where they differ."""
    assert call(*REPLAY, "--out", "a.jsonl", "--progress", "none") == 0
    assert call(*SIMULATED, "--error-scale", "0", "--out", "b.jsonl", "--progress", "none") == 0
    capsys.readouterr()
    assert call("compare", "a.jsonl", "b.jsonl", "--gold", "gold.jsonl", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sentences"] == 3
    assert told["identical"] == pytest.approx(66.67)
    assert told["agreement"] == pytest.approx(88.89, abs=0.01)
    assert told["simulated"] == ["b.jsonl"]
    assert [score["f1"] for score in told["scores"]] == [pytest.approx(88.89, abs=0.01), 100]
    assert told["disagreements"] == [{"text": "It", "first": "PER", "second": None, "count": 1}]
    assert told["test"]["differing"] == 1
    assert told["test"]["p"] == 1.0
    assert [errors["spurious"] for errors in told["errors"]] == [1, 0]
    assert call("compare", "a.jsonl", "b.jsonl", "--gold", "gold.jsonl") == 0
    shown = capsys.readouterr().out
    assert "B scores higher than A by 11.1 points" in shown
    assert "that may be chance" in shown
    assert "Entities against gold" in shown
    assert call("compare", "a.jsonl", "b.jsonl") == 0
    shown = capsys.readouterr().out
    assert "It" in shown
    assert "points" not in shown


@pytest.mark.usefixtures("folder")
def test_limit_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the first sentences are labelled; one without a reply is listed, not empty."""
    Path("replies.jsonl").write_text(
        json.dumps({"text": ADA.text, "reply": '{"entities": []}'}) + "\n"
    )
    assert call(*REPLAY, "--out", "out.jsonl", "--limit", "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sentences"], told["audit"]["failed"]) == (2, 1)
    assert [s.id for s in read_corpus(Path("out.jsonl")).sentences] == ["a#0"]
    (line,) = Path("out.jsonl.failures.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "a#1"


@pytest.mark.usefixtures("folder")
def test_conflicting_recordings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a text has two replies, the first stands and the user hears of it."""
    with Path("replies.jsonl").open("a") as stream:
        stream.write(json.dumps({"text": ADA.text, "reply": "{}"}) + "\n")
    assert call(*REPLAY, "--out", "out.jsonl", "--progress", "none") == 0
    assert "replies to a text that has another already: 1" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_no_label_at_all_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Where every sentence failed, the command fails and says why."""
    Path("replies.jsonl").write_text(json.dumps({"text": "other", "reply": "{}"}) + "\n")
    assert call(*REPLAY, "--out", "out.jsonl", "--progress", "none") == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "no recorded reply to “Ada Quill" in shown


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", "news.jsonl", "--annotator", "replay"), "--replies"),
        (("run", "news.jsonl", "--annotator", "simulated"), "--gold"),
        (("run", "none.jsonl", "--annotator", "simulated"), "none.jsonl"),
        ((*REPLAY, "--prompt", "none"), "standard"),
        ((*REPLAY, "--labels", "none"), "none"),
        (("run", "news.jsonl", "--annotator", "simulated", "--gold", "other.jsonl"), "ids"),
        (("run", "news.jsonl", "--annotator", "simulated", "--gold", "cut.jsonl"), "other words"),
    ],
)
def test_wrong_input_is_one_line(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each mistake of a user is one line with the remedy, and exit code 2."""
    Path("other.jsonl").write_text('{"id": "z", "tokens": ["a"], "entities": []}\n')
    Path("cut.jsonl").write_text('{"id": "a#0", "tokens": ["a"], "entities": []}\n')
    assert call(*words, "--out", "out.jsonl", "--progress", "none") == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert complaint in shown


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ('{"id": "z", "tokens": ["a"], "entities": []}', "no sentence id in common"),
        ('{"id": "a#0", "tokens": ["a"], "entities": []}', "other words"),
        ('{"id": "a#1", "tokens": ["It", "rained", "."]}', "no labels"),
    ],
)
def test_compare_refuses_what_does_not_belong_together(
    second: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of other sentences, other words or without labels cannot be compared."""
    Path("b.jsonl").write_text(second + "\n")
    assert call("compare", "gold.jsonl", "b.jsonl") == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_store_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no reply store is left alone, and named."""
    assert call(*REPLAY, "--out", "out.jsonl", "--store", "gold.jsonl") == 1
    assert "gold.jsonl: not a reply store" in capsys.readouterr().err
    assert read_corpus(Path("gold.jsonl")) == CORPUS

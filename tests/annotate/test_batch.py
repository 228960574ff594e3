"""Batches against the test server: whole, in part, lost and found again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.batch import BatchAnnotator
from nerdistill.annotate.batch_journal import BatchJournal
from nerdistill.annotate.endpoint import ChatSettings
from nerdistill.annotate.job import Job
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import annotate_corpus
from nerdistill.annotate.secrets import Key
from nerdistill.annotate.wire import Dialect
from nerdistill.errors import AnnotationError, StoreError
from nerdistill.progress import Silent
from nerdistill.types import Corpus, Document, Sentence
from tests.annotate.samples import CONLL
from tests.annotate.teaching import CANARY, Teaching
from tests.fault_server.client import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nerdistill.annotate.run import AnnotationRun
    from tests.fault_server.client import FaultServer

COUNT = 7
CORPUS = Corpus(
    tuple(
        Document(f"d{n}", (Sentence(f"d{n}#0", (f"Quill{n}", "left", ".")),)) for n in range(COUNT)
    )
)


class Stopped(Exception):  # noqa: N818 - it is no error of the product
    """What a test stops a run with."""


def annotator(folder: Path, server: FaultServer, size: int = 3) -> BatchAnnotator:
    """A batch annotator that looks often."""
    dialect = Dialect("max_completion_tokens", logprobs=True)
    settings = ChatSettings(server.base_url, Key(CANARY), dialect)
    journal = BatchJournal(folder / "journal")
    return BatchAnnotator(settings, journal, Silent(), size=size, poll_seconds=0.0)


def labelled(folder: Path, asked: BatchAnnotator) -> AnnotationRun:
    """Label the corpus."""
    job = Job("openai", "m", load_prompt("standard"), CONLL, Sampling())
    with ReplyStore(folder / "store") as store:
        return annotate_corpus(CORPUS, job, annotator=asked, store=store, progress=Silent())


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that takes batches."""
    with running(key=CANARY) as one:
        yield one


def test_batches_answer_everything(tmp_path: Path, server: FaultServer) -> None:
    """Seven requests are three batches; each sentence gets its own labels."""
    run = labelled(tmp_path, annotator(tmp_path, server))
    assert (run.failures, run.counts.asked) == ((), COUNT)
    for number, made in enumerate(run.annotations):
        assert [issue.text for issue in made.issues] == [f"Quill{number}"]
        assert made.confidences[0] is not None
    assert len(set(BatchJournal(tmp_path / "journal").batches.values())) == 3
    assert labelled(tmp_path, annotator(tmp_path, server)).counts.asked == 0


def test_a_stopped_run_is_collected_by_the_next(
    tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was handed in is waited for, not handed in again: the server answers each once."""
    first = annotator(tmp_path, server)

    def stop(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr(first, "_collected", stop)
    with pytest.raises(Stopped):
        labelled(tmp_path, first)
    journal = BatchJournal(tmp_path / "journal")
    assert (len(journal.keys), len(journal.batches)) == (COUNT, 3)
    run = labelled(tmp_path, annotator(tmp_path, server))
    assert (len(run.annotations), run.failures) == (COUNT, ())
    assert BatchJournal(tmp_path / "journal").batches == journal.batches


def test_a_batch_whose_name_was_never_heard_is_found(tmp_path: Path, server: FaultServer) -> None:
    """A run that died after the server took its batch finds it by its mark."""
    labelled(tmp_path, annotator(tmp_path, server, size=COUNT))
    journal = tmp_path / "journal"
    (announced, created) = journal.read_text().splitlines()
    (tmp_path / "store").unlink()
    journal.write_text(f"{announced}\n{created[:20]}")
    run = labelled(tmp_path, annotator(tmp_path, server))
    assert (len(run.annotations), run.failures) == (COUNT, ())
    found = BatchJournal(journal).batches
    assert list(found.values()) == [json.loads(created)["batch"]]


def test_a_batch_that_the_server_never_took_is_handed_in(
    tmp_path: Path, server: FaultServer
) -> None:
    """A run that died before it handed its batch in leaves requests that are asked for."""
    labelled(tmp_path, annotator(tmp_path, server, size=COUNT))
    journal = tmp_path / "journal"
    announced = json.loads(journal.read_text().splitlines()[0])
    (tmp_path / "store").unlink()
    journal.write_text(json.dumps({**announced, "mark": "nobody's"}) + "\n")
    run = labelled(tmp_path, annotator(tmp_path, server))
    assert (len(run.annotations), run.failures) == (COUNT, ())


def test_an_expired_batch_keeps_what_it_answered(tmp_path: Path, server: FaultServer) -> None:
    """What came too late fails, and the next run asks for that alone."""
    server.set_faults(key=CANARY, batch="expired")
    run = labelled(tmp_path, annotator(tmp_path, server, size=COUNT))
    assert (len(run.annotations), len(run.failures)) == (3, 4)
    assert "in time" in run.failures[0][1].message
    server.set_faults(key=CANARY)
    again = labelled(tmp_path, annotator(tmp_path, server))
    assert (again.counts.asked, again.failures) == (4, ())


@pytest.mark.parametrize("fault", ["500", "429", "400-context", "refusal", "wrong-model"])
def test_a_request_that_fails_is_asked_for_again(
    tmp_path: Path, server: FaultServer, fault: str
) -> None:
    """One bad answer in a batch is a failure of its sentence alone, and no reply."""
    server.set_faults(key=CANARY, texts={"Quill2 ": fault})
    run = labelled(tmp_path, annotator(tmp_path, server))
    assert [name for name, _ in run.failures] == ["d2#0"]
    with ReplyStore(tmp_path / "store") as store:
        assert store.count() == COUNT - 1
    server.set_faults(key=CANARY)
    again = labelled(tmp_path, annotator(tmp_path, server))
    assert (again.counts.asked, again.failures) == (1, ())


def test_a_wrong_key_is_told_without_it(tmp_path: Path, server: FaultServer) -> None:
    """The server's no is passed on without the key that it repeats."""
    server.set_faults(key="another")
    run = labelled(tmp_path, annotator(tmp_path, server))
    assert [failure.kind for _, failure in run.failures] == ["server"] * COUNT
    assert all("HTTP 401" in failure.message for _, failure in run.failures)
    assert all(CANARY not in failure.message for _, failure in run.failures)


def test_a_server_without_batches_is_told(tmp_path: Path, server: FaultServer) -> None:
    """Nothing is written down of a batch that could not be handed in."""
    asked = annotator(tmp_path, server)
    asked._client.base_url = f"{server.base_url}/elsewhere"
    with pytest.raises(AnnotationError, match=r"HTTP 404.*--batch"):
        labelled(tmp_path, asked)
    assert not (tmp_path / "journal").exists()


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    """A line of something else is named with its number."""
    (tmp_path / "journal").write_text('{"mark": "a", "keys": []}\n{"batch": 1}\n')
    with pytest.raises(StoreError, match="journal:2: not the journal of batches"):
        BatchJournal(tmp_path / "journal")


def test_the_flag(tmp_path: Path) -> None:
    """`--batch` labels a corpus; the journal lies beside the store, for the user alone."""
    with running(looks=0) as one:
        teaching = Teaching(tmp_path, one)
        teaching.write(list(CORPUS.sentences))
        ended = teaching.run("--batch")
        assert ended.code == 0, ended.err
        assert "handed in" in ended.err
    assert len(teaching.labelled()) == COUNT
    journal = tmp_path / "out.jsonl.replies.sqlite.batches.jsonl"
    assert journal.stat().st_mode & 0o777 == 0o600
    assert CANARY not in journal.read_text()

"""The annotation run: what is asked, what is kept, what fails."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.audit import audit
from nerdistill.annotate.backends import BackendSettings, open_teacher
from nerdistill.annotate.job import Job
from nerdistill.annotate.output import (
    failures_path,
    read_annotations,
    simulated_in,
    write_annotations,
)
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Failure, Reply, Sampling
from nerdistill.annotate.replay import ReplayAnnotator
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import AnnotationRun, annotate_corpus
from nerdistill.annotate.simulated import write_reply
from nerdistill.corpus.formats import read_corpus
from nerdistill.errors import ConfigError, CorpusError
from nerdistill.progress import Silent
from nerdistill.types import Corpus, Document, Issue, Sentence, Span
from tests.annotate.samples import ADA, CONLL, CORPUS, RAIN, TWICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nerdistill.annotate.protocol import Annotator, FailureKind, Request


@dataclass
class Written:
    """An annotator that answers as it is told, and notes what it was asked."""

    replies: dict[str, str]
    finish: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    backwards: bool = False

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """A reply to each text that it knows, a timeout for others."""
        ordered = reversed(list(requests)) if self.backwards else requests
        for request in ordered:
            text = request.sentences[0].text
            self.asked.append(text)
            if text not in self.replies:
                yield Failure(request.key, "timeout", "no answer in 60 s")
            elif text in self.finish:
                yield Reply(request.key, self.replies[text], "length")
            else:
                yield Reply(request.key, self.replies[text], "stop")


GOLD = {s.text: write_reply(s, s.spans or ()) for s in CORPUS.sentences}


def run(
    annotator: Annotator, store: Path, corpus: Corpus = CORPUS, name: str = "written"
) -> AnnotationRun:
    """Annotate a corpus with a store on disk."""
    with ReplyStore(store) as opened:
        return annotate_corpus(
            corpus,
            Job(name, "m", load_prompt("standard"), CONLL, Sampling()),
            annotator=annotator,
            store=opened,
            progress=Silent(),
        )


@pytest.mark.parametrize("backwards", [False, True])
def test_labels_come_in_the_order_of_the_corpus(tmp_path: Path, *, backwards: bool) -> None:
    """Each sentence gets its own labels, in whatever order the annotator answers."""
    done = run(Written(GOLD, backwards=backwards), tmp_path / "s")
    assert [one.sentence_id for one in done.annotations] == ["a#0", "a#1", "b#0"]
    assert [one.spans for one in done.annotations] == [s.spans for s in CORPUS.sentences]
    assert done.failures == ()
    assert (done.counts.asked, done.counts.stored) == (3, 0)


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    """What the store holds is never asked again; what failed is."""
    first = Written({key: GOLD[key] for key in (ADA.text, RAIN.text)})
    done = run(first, tmp_path / "s")
    assert [(name, failure.kind) for name, failure in done.failures] == [("b#0", "timeout")]
    second = Written(GOLD)
    done = run(second, tmp_path / "s")
    assert second.asked == [TWICE.text]
    assert done.failures == ()
    assert (done.counts.asked, done.counts.stored) == (1, 2)


def test_identical_requests_are_asked_once(tmp_path: Path) -> None:
    """Sentences of the same text share one reply, and each gets its labels."""
    copies = tuple(replace(RAIN, id=f"c#{n}") for n in range(1200))
    annotator = Written(GOLD)
    done = run(annotator, tmp_path / "s", Corpus((Document("c", copies),)))
    assert annotator.asked == [RAIN.text]
    assert len(done.annotations) == 1200
    assert done.counts.repeated == 1199


def test_requests_stream(tmp_path: Path) -> None:
    """Replies are kept while later requests are not yet made."""
    seen: list[int] = []

    class Watching(Written):
        """Looks at the store of a second process while it answers."""

        def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
            for answer in super().answer(requests):
                yield answer
                with ReplyStore(tmp_path / "s") as other:
                    seen.append(other.count())

    sentences = tuple(Sentence(f"s#{n}", (f"word{n}",)) for n in range(300))
    texts = {s.text: '{"entities": []}' for s in sentences}
    run(Watching(texts), tmp_path / "s", Corpus((Document("s", sentences),)))
    assert 0 < seen[len(seen) // 2] < 300


@pytest.mark.parametrize(
    ("reply", "finish", "kind"),
    [
        (GOLD[ADA.text], "length", "truncated"),
        ("I would rather talk about the weather.", "stop", "unparsable"),
        ("", "stop", "unparsable"),
    ],
)
def test_unusable_reply_is_a_failure(
    tmp_path: Path, reply: str, finish: str, kind: FailureKind
) -> None:
    """A cut-off or unreadable reply is a failure, never "no entities"; the raw reply is kept."""
    annotator = Written({**GOLD, ADA.text: reply}, {ADA.text: ""} if finish == "length" else {})
    done = run(annotator, tmp_path / "s")
    assert [(name, failure.kind) for name, failure in done.failures] == [("a#0", kind)]
    assert [one.sentence_id for one in done.annotations] == ["a#1", "b#0"]
    with ReplyStore(tmp_path / "s") as store:
        assert reply in {kept.text for kept in store}


def test_forgotten_request_is_a_failure(tmp_path: Path) -> None:
    """An annotator that leaves a request out does not make it "no entities"."""

    class Forgetful(Written):
        """Answers the first request alone."""

        def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
            yield next(super().answer(requests))

    done = run(Forgetful(GOLD), tmp_path / "s")
    assert [name for name, _ in done.failures] == ["a#1", "b#0"]


def test_provenance_names_the_request(tmp_path: Path) -> None:
    """Each annotation says who answered what, so that its raw reply can be found."""
    done = run(Written(GOLD), tmp_path / "s")
    source = done.annotations[0].source
    assert (source.annotator, source.model) == ("written", "m")
    assert source.prompt == load_prompt("standard").digest_with(CONLL)
    with ReplyStore(tmp_path / "s") as store:
        kept = store.get(source.request)
    assert kept is not None
    assert kept.text == GOLD[ADA.text]


def test_another_recording_is_not_answered_from_the_store(tmp_path: Path) -> None:
    """Replies that rest on a file or on gold are kept apart by it: nothing stale comes back."""
    results = []
    for label in ("PER", "ORG"):
        reply = {"entities": [{"label": label, "text": "Ada Quill"}]}
        file = tmp_path / f"{label}.jsonl"
        file.write_text(json.dumps({"text": ADA.text, "reply": reply}))
        corpus = Corpus((Document("a", (ADA,)),))
        results.append(run(ReplayAnnotator([file]), tmp_path / "s", corpus, "replay"))
    assert [done.annotations[0].spans[0].label for done in results] == ["PER", "ORG"]


def test_simulation_of_other_errors_is_not_answered_from_the_store(tmp_path: Path) -> None:
    """Another scale of errors, with the same store, gives other labels."""
    many = tuple(replace(ADA, id=f"s#{n}", tokens=(*ADA.tokens, f"w{n}")) for n in range(50))
    corpus = Corpus((Document("s", many),))
    wrong = run(_simulated(10), tmp_path / "s", corpus, "simulated")
    right = run(_simulated(0), tmp_path / "s", corpus, "simulated")
    assert audit(right.annotations, corpus, failures=0).to_json()["f1"] == 100
    assert wrong.annotations != right.annotations
    assert right.counts.asked == 50


def _simulated(scale: float) -> Annotator:
    with open_teacher("simulated", BackendSettings(CONLL, error_scale=scale), Silent()) as teacher:
        return teacher.annotator


def test_written_annotations_come_back(tmp_path: Path) -> None:
    """The file is a corpus and holds provenance and ledger; failures are listed beside it."""
    reply = json.dumps({"entities": [{"label": "PER", "text": "Bo"}]})
    lost = {ADA.text: GOLD[ADA.text], RAIN.text: reply}
    done = run(Written(lost), tmp_path / "s")
    out = tmp_path / "new" / "labels.jsonl"
    write_annotations(out, CORPUS, done)
    assert read_annotations(out) == done.annotations
    assert done.annotations[1].issues == (Issue("not_in_text", "PER", "Bo"),)
    corpus = read_corpus(out)
    assert [(s.id, s.tokens, s.spans, s.raw) for s in corpus.sentences] == [
        (s.id, s.tokens, a.spans, s.raw) for s, a in zip((ADA, RAIN), done.annotations, strict=True)
    ]
    assert [document.id for document in corpus.documents] == ["a"]
    (failed,) = map(json.loads, failures_path(out).read_text().splitlines())
    assert (failed["id"], failed["kind"], failed["text"]) == ("b#0", "timeout", TWICE.text)
    assert not simulated_in(out)


def test_confidence_survives_the_file(tmp_path: Path) -> None:
    """A confidence is written beside its entity and read again."""
    done = run(Written(GOLD), tmp_path / "s")
    first = replace(done.annotations[0], confidences=(0.5, None))
    done = replace(done, annotations=(first, *done.annotations[1:]))
    write_annotations(tmp_path / "o.jsonl", CORPUS, done)
    assert read_annotations(tmp_path / "o.jsonl")[0].confidences == (0.5, None)


def test_file_that_is_not_annotated_is_refused(tmp_path: Path) -> None:
    """A plain corpus has no provenance; the message names the line."""
    (tmp_path / "o.jsonl").write_text('{"id": "1", "tokens": ["a"]}\n')
    with pytest.raises(CorpusError, match=r"o\.jsonl:1: not an annotated sentence"):
        read_annotations(tmp_path / "o.jsonl")


def test_simulation_says_so_in_its_file(tmp_path: Path) -> None:
    """Simulated labels can be told by their file."""
    done = run(_simulated(1), tmp_path / "s", name="simulated")
    write_annotations(tmp_path / "o.jsonl", CORPUS, done)
    assert simulated_in(tmp_path / "o.jsonl")
    assert all(one.source.simulated for one in done.annotations)


def test_replay_without_recordings_is_refused() -> None:
    """The replay annotator wants files."""
    with (
        pytest.raises(ConfigError, match="--replies"),
        open_teacher("replay", BackendSettings(CONLL), Silent()),
    ):
        pass


def test_simulated_labels_score_as_the_measured_teacher(
    tmp_path: Path, measurement_data: Path
) -> None:
    """On NoiseBench's sentences the simulated teacher scores about as its LLM does (F1 55.4)."""
    from nerdistill.labels import tags_to_spans

    lines = (measurement_data / "noisebench" / "labels.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines[::3]]
    sentences = tuple(
        Sentence(f"n#{i}", tuple(row["tokens"]), spans=tags_to_spans(row["conll"], "IOB2"))
        for i, row in enumerate(rows)
    )
    corpus = Corpus((Document("n", sentences),))
    done = run(_simulated(1), tmp_path / "s", corpus, "simulated")
    found = audit(done.annotations, corpus, failures=len(done.failures)).to_json()
    assert found["f1"] == pytest.approx(55.4, abs=4)
    assert 0 < len(done.failures) < 0.05 * len(sentences)
    assert Span(0, 1, "PER") in {span for one in done.annotations for span in one.spans}

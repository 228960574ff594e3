"""Asking: what is asked again, what never, and what is told meanwhile."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.ask import OTHER_DRAW, ROOM, WARM
from nerdistill.annotate.job import Job
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Failure, Reply, Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import annotate_corpus
from nerdistill.digest import Digest
from nerdistill.errors import StoreError
from nerdistill.progress import JsonLines, Silent
from nerdistill.types import Corpus, Document, Sentence, Span
from tests.annotate.samples import CONLL, CORPUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from nerdistill.annotate.protocol import Request
    from nerdistill.annotate.run import AnnotationRun

JOB = Job("told", "m", load_prompt("standard"), CONLL, Sampling(max_tokens=100))
Answer = tuple[str, str]
"""Text and finish."""
EMPTY = '{"entities": []}'


@dataclass
class Told:
    """An annotator that answers as a function says, and notes what it was asked."""

    say: Callable[[Request], Answer]
    asked: list[Request] = field(default_factory=list)

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """What the function says to each."""
        for request in requests:
            self.asked.append(request)
            text, finish = self.say(request)
            yield Reply(request.key, text, "length" if finish == "length" else "stop", 10, 5)


def run(told: Told, folder: Path, job: Job = JOB, corpus: Corpus = CORPUS) -> AnnotationRun:
    """Label with a store in a folder."""
    with ReplyStore(folder / "store") as store:
        return annotate_corpus(corpus, job, annotator=told, store=store, progress=Silent())


def test_a_reply_that_was_cut_off_gets_more_room(tmp_path: Path) -> None:
    """Twice, then four times the tokens; the labels are those of the one that ended."""
    told = Told(lambda one: (EMPTY, "stop" if one.sampling.max_tokens == 400 else "length"))
    done = run(told, tmp_path)
    rooms = [request.sampling.max_tokens for request in told.asked]
    assert sorted(rooms) == [100, 100, 100, 200, 200, 200, 400, 400, 400]
    assert (len(done.annotations), done.failures) == (3, ())
    again = Told(lambda _: pytest.fail("nothing is missing"))
    assert run(again, tmp_path).annotations == done.annotations
    assert again.asked == []


def test_a_reply_without_an_end_is_a_failure(tmp_path: Path) -> None:
    """After four times the room it is given up, kept, and not asked for again."""
    told = Told(lambda _: ("{", "length"))
    done = run(told, tmp_path)
    assert {failure.kind for _, failure in done.failures} == {"truncated"}
    assert max(one.sampling.max_tokens for one in told.asked) == ROOM * 100
    asked = len(told.asked)
    assert len(run(told, tmp_path).failures) == 3
    assert len(told.asked) == asked


def test_an_unreadable_reply_is_drawn_once_more(tmp_path: Path) -> None:
    """Warmer, as another draw; one that is unreadable again is a failure."""
    told = Told(lambda one: (EMPTY if one.sample >= OTHER_DRAW else "Well, that depends.", "stop"))
    done = run(told, tmp_path)
    assert (len(told.asked), done.failures) == (6, ())
    second = [one for one in told.asked if one.sample]
    assert {(one.sample, one.sampling.temperature) for one in second} == {(OTHER_DRAW, WARM)}
    never = Told(lambda _: ("Well, that depends.", "stop"))
    lost = run(never, tmp_path / "other")
    assert len(never.asked) == 6
    assert {failure.kind for _, failure in lost.failures} == {"unparsable"}


def test_what_a_killed_run_left_is_followed(tmp_path: Path) -> None:
    """A store that holds the reply that was cut off is asked only for the longer one."""
    first = Told(lambda _: (EMPTY, "length"))
    first.answer = lambda requests: iter(  # type: ignore[method-assign]
        [Reply(next(iter(requests)).key, EMPTY, "length")]
    )
    with ReplyStore(tmp_path / "store") as store:
        annotate_corpus(CORPUS, JOB, annotator=first, store=store, progress=Silent())
        assert store.count() == 1
    told = Told(lambda _: (EMPTY, "stop"))
    done = run(told, tmp_path)
    assert sorted(one.sampling.max_tokens for one in told.asked) == [100, 100, 200]
    assert done.failures == ()


def test_a_store_that_breaks_stops_the_annotator(tmp_path: Path) -> None:
    """Nothing more is asked once replies cannot be kept."""
    told = Told(lambda _: (EMPTY, "stop"))
    with ReplyStore(tmp_path / "store") as store:
        store._failed = StoreError("the disk is full", "Free it.")
        with pytest.raises(StoreError, match="full"):
            annotate_corpus(CORPUS, JOB, annotator=told, store=store, progress=Silent())
        store._failed = None
    assert len(told.asked) == 1


def test_progress_counts_what_is_on_the_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the end every sentence is counted, with tokens and cost; stored ones are skipped."""
    import sys

    told = Told(lambda _: (EMPTY, "stop"))
    for _ in range(2):
        with ReplyStore(tmp_path / "store") as store:
            annotate_corpus(
                CORPUS, JOB, annotator=told, store=store, progress=JsonLines(sys.stdout)
            )
    ends = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    done = [line for line in ends if line["event"] == "end"]
    assert [line["done"] for line in done] == [3, 3]
    assert float(done[0]["facts"]["tokens/s"]) > 0
    assert done[1]["facts"] == {}


def by_shape(request: Request) -> Answer:
    """A right reply to a question of any shape: every capitalised word is a PER."""
    if "verdict" in (request.schema or ""):
        question = json.loads(request.messages[-1].content)
        verdicts = [
            {"number": one["number"], "verdict": "no" if one["text"] == "Bo" else "yes"}
            for one in question["candidates"]
        ]
        return json.dumps({"verdicts": verdicts}), "stop"
    found = [
        {
            "number": number,
            "entities": [
                {"label": "PER", "text": word}
                for word in sentence.tokens
                if word[0].isupper() and (word != "Cy" or request.sample == 0)
            ],
        }
        for number, sentence in enumerate(request.sentences, start=1)
    ]
    packed = "sentences" in (request.schema or "")
    return json.dumps(
        {"sentences": found} if packed else {"entities": found[0]["entities"]}
    ), "stop"


def test_votes_packs_and_verdicts_together(tmp_path: Path) -> None:
    """Three draws vote, two sentences share a request, and a second pass strikes one entity out."""
    words = [("Ada", "won"), ("Bo", "met", "Cy"), ("rain",), ("Di",), ("Ed", "and", "Bo")]
    corpus = Corpus((Document("d", tuple(Sentence(f"d#{i}", w) for i, w in enumerate(words))),))
    job = Job(
        "told",
        "m",
        load_prompt("standard"),
        CONLL,
        Sampling(0.7),
        votes=3,
        per_request=2,
        verify=True,
    )
    told = Told(by_shape)
    done = run(told, tmp_path, job, corpus)
    assert [one.spans for one in done.annotations] == [
        (Span(0, 1, "PER"),),
        (),
        (),
        (Span(0, 1, "PER"),),
        (Span(0, 1, "PER"),),
    ]
    # Three groups of three draws; four sentences had an entity to verify.
    assert (len(told.asked), done.counts.asked, done.counts.unverified) == (13, 13, 0)
    assert {one.confidences for one in done.annotations} == {(1.0,), ()}
    outcomes = [issue.outcome for one in done.annotations for issue in one.issues]
    assert (outcomes.count("outvoted"), outcomes.count("rejected")) == (1, 6)
    again = run(told, tmp_path, job, corpus)
    assert (again.annotations, again.counts.asked) == (done.annotations, 0)


def test_a_second_pass_that_fails_takes_nothing_away(tmp_path: Path) -> None:
    """Unreadable verdicts leave the first pass's entities, and are counted."""

    def say(request: Request) -> Answer:
        text, finish = by_shape(request)
        return ("Let me see." if "verdicts" in text else text), finish

    corpus = Corpus((Document("d", (Sentence("d#0", ("Ada", "won")),)),))
    job = Job("told", "m", load_prompt("standard"), CONLL, Sampling(), verify=True)
    done = run(Told(say), tmp_path, job, corpus)
    assert (done.annotations[0].spans, done.counts.unverified) == ((Span(0, 1, "PER"),), 1)


def test_a_key_that_nobody_asked_for_is_a_bug(tmp_path: Path) -> None:
    """An annotator that answers what was not asked is stopped at once."""
    stray = Told(lambda _: (EMPTY, "stop"))
    stray.answer = lambda requests: iter(  # type: ignore[method-assign]
        [Reply(Digest(f"stray{len(list(requests))}"), EMPTY, "stop")]
    )
    with pytest.raises(KeyError):
        run(stray, tmp_path)

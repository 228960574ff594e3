"""From replies to readings: what is read, what fails, and how sure the model was."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.protocol import Failure, Reply, Request
from nerdistill.annotate.read import Reading, read_reply
from nerdistill.types import Issue, Sentence, Span
from tests.annotate.samples import ADA, CONLL, RAIN, TWICE, requests_for

if TYPE_CHECKING:
    from typing import Literal


def asked(*sentences: Sentence) -> Request:
    """One request about some sentences."""
    return replace(requests_for(sentences[0])[0], sentences=sentences)


def replied(
    request: Request,
    text: str,
    finish: Literal["stop", "length"] = "stop",
    logs: dict[str, float] | None = None,
) -> Reply:
    """A reply; with `logs` each character is a token, with the value of the word it is in."""
    if logs is None:
        return Reply(request.key, text, finish)
    tokens = [(character, 0.0) for character in text]
    for word, log in logs.items():
        start = text.index(word)
        tokens[start : start + len(word)] = [(character, log) for character in word]
    return Reply(request.key, text, finish, logprobs=tuple(tokens))


def entities(*pairs: tuple[str, str]) -> str:
    """A reply of labels and texts."""
    return json.dumps({"entities": [{"label": label, "text": text} for label, text in pairs]})


def test_spans_ledger_and_confidences() -> None:
    """Each span has its own mention's confidence, though mentions come in another order."""
    request = asked(ADA)
    text = entities(("LOC", "Borsk"), ("DATE", "Monday"), ("PER", "ada quill"))
    logs = {"LOC": -0.1, "Borsk": -0.2, "Monday": -9.0, "PER": -0.3, "ada quill": -0.4}
    (read,) = read_reply(request.sentences, replied(request, text, logs=logs), CONLL)
    assert isinstance(read, Reading)
    assert read.spans == (Span(0, 2, "PER"), Span(3, 4, "LOC"))
    expected = (math.exp(-3 * 0.3 - 0.4), math.exp(-3 * 0.1 - 0.2))
    assert read.confidences == pytest.approx(expected)
    assert read.issues == (
        Issue("exact", "LOC", "Borsk"),
        Issue("unknown_label", "DATE", "Monday"),
        Issue("repaired", "PER", "ada quill"),
    )
    assert read.sources == ((2,), (0,))


@pytest.mark.parametrize("logprobs", [None, (), (("other", -1.0),)])
def test_no_usable_logprobs(logprobs: tuple[tuple[str, float], ...] | None) -> None:
    """Without log-probabilities that fit, the spans are the same and nothing is claimed."""
    request = asked(TWICE)
    text = entities(("ORG", "Borsk"), ("ORG", "Borsk Rovers"))
    (read,) = read_reply(
        request.sentences, replace(replied(request, text), logprobs=logprobs), CONLL
    )
    assert isinstance(read, Reading)
    assert (read.spans, read.confidences) == (TWICE.spans, (None, None))


def test_other_formats_are_read_without_confidence() -> None:
    """A format whose places are not known still gives labels."""
    request = asked(ADA)
    reply = replied(request, "PER: Ada Quill\nLOC: Borsk", logs={"Ada": -1.0})
    (read,) = read_reply(request.sentences, reply, CONLL)
    assert isinstance(read, Reading)
    assert (read.spans, read.confidences) == (ADA.spans, (None, None))


def test_no_entities() -> None:
    """An empty answer is a reading without entities."""
    request = asked(RAIN)
    assert read_reply(request.sentences, replied(request, entities()), CONLL) == (
        Reading((), (), (), ()),
    )


def test_cut_off_reply_fails_for_every_sentence() -> None:
    """However whole it looks, a reply that was cut off is a failure of each of its sentences."""
    request = asked(ADA, RAIN)
    first, second = read_reply(request.sentences, replied(request, entities(), "length"), CONLL)
    assert first == second
    assert isinstance(first, Failure)
    assert (first.request, first.kind) == (request.key, "truncated")
    assert "raise max_tokens" in first.message


def test_unparsable_reply_is_a_failure() -> None:
    """What nobody can read is never "no entities"."""
    request = asked(ADA)
    (failed,) = read_reply(
        request.sentences, replied(request, "Let us talk about the weather."), CONLL
    )
    assert isinstance(failed, Failure)
    assert (failed.request, failed.kind) == (request.key, "unparsable")


def test_several_sentences() -> None:
    """Each sentence gets its own labels and confidences, in whatever order they are answered."""
    request = asked(ADA, RAIN, TWICE)
    same = {"label": "LOC", "text": "Borsk"}
    text = json.dumps(
        {
            "sentences": [
                {"number": 3, "entities": [{"label": "ORG", "text": "Borsk Rovers"}, same]},
                {"entities": [same], "number": 1},
            ]
        }
    )
    last = len(text) - text.rindex("LOC")
    logprobs = tuple((c, -0.5 if i >= len(text) - last else 0.0) for i, c in enumerate(text))
    ada, rain, twice = read_reply(
        request.sentences, replace(replied(request, text), logprobs=logprobs), CONLL
    )
    assert isinstance(ada, Reading)
    assert isinstance(rain, Failure)
    assert isinstance(twice, Reading)
    assert ada.spans == (Span(3, 4, "LOC"),)
    assert ada.confidences == pytest.approx((math.exp(-2),))
    assert (rain.kind, rain.message) == ("unparsable", "the reply has no answer to sentence 2")
    assert (twice.spans, twice.confidences) == ((Span(0, 1, "LOC"), Span(2, 4, "ORG")), (1.0, 1.0))


def test_unreadable_reply_to_several_fails_for_each() -> None:
    """Where nothing can be told apart, every sentence fails."""
    request = asked(ADA, RAIN)
    read = read_reply(request.sentences, replied(request, "no"), CONLL)
    assert [one.kind for one in read if isinstance(one, Failure)] == ["unparsable"] * 2


def test_one_sentence_in_the_form_for_several() -> None:
    """A request that is left with one sentence asks as the others do, and is read as they are."""
    request = asked(ADA)
    text = json.dumps({"sentences": [{"number": 1, **json.loads(entities(("LOC", "Borsk")))}]})
    (read,) = read_reply(request.sentences, replied(request, text, logs={"LOC": -1.0}), CONLL)
    assert isinstance(read, Reading)
    assert read.spans == (Span(3, 4, "LOC"),)
    assert read.confidences == pytest.approx((math.exp(-3),))

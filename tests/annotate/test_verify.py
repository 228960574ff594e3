"""The second pass: what is asked about each entity, and what a verdict does to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.prompt import built_in, load_prompt
from nerdistill.annotate.protocol import Failure, Reply, Request, Sampling
from nerdistill.annotate.read import Reading
from nerdistill.annotate.verify import Verified, apply_verdict, verification_request
from nerdistill.digest import Digest
from nerdistill.errors import LabelError
from nerdistill.labels import EntityType, LabelSchema
from nerdistill.types import Issue, Sentence, Span
from tests.annotate.samples import ADA, CONLL, RAIN, TWICE

if TYPE_CHECKING:
    from typing import Literal

GOLDEN = Path(__file__).parent / "golden"
VERIFY = load_prompt("verify")
FIRST = Reading(
    (Span(0, 2, "PER"), Span(3, 4, "LOC")),
    (0.9, 0.4),
    (
        Issue("exact", "LOC", "Borsk"),
        Issue("not_in_text", "PER", "Bo"),
        Issue("repaired", "PER", "ada quill"),
        Issue("exact", "PER", "Ada Quill"),
    ),
    ((2, 3), (0,)),
)
"""What two replies say about the sentence ADA."""


def asked(sentence: Sentence, *spans: Span, schema: LabelSchema = CONLL) -> Request | None:
    """The request for verdicts on some spans."""
    reading = Reading(spans, (None,) * len(spans), (), ((),) * len(spans))
    return verification_request(
        sentence, reading, schema=schema, prompt=VERIFY, model="m", sampling=Sampling()
    )


def question(sentence: Sentence, *spans: Span) -> dict[str, object]:
    """The question as the model reads it."""
    request = asked(sentence, *spans)
    assert request is not None
    found: dict[str, object] = json.loads(request.messages[-1].content)
    return found


def judged(
    *verdicts: tuple[int, str], text: str | None = None, finish: Literal["stop", "length"] = "stop"
) -> Verified | Failure:
    """What verdicts, or another reply, make of the first reading."""
    rows = [{"number": number, "verdict": verdict} for number, verdict in verdicts]
    told = json.dumps({"verdicts": rows}) if text is None else text
    return apply_verdict(FIRST, Reply(Digest("k"), told, finish), CONLL)


def test_golden_prompt() -> None:
    """The prompt changes only together with its version: the golden file's name carries it."""
    request = asked(TWICE, *(TWICE.spans or ()))
    assert request is not None
    shown = "\n".join(f"[{turn.role}]\n{turn.content}" for turn in request.messages) + "\n"
    assert shown == (GOLDEN / f"verify-v{VERIFY.version}.txt").read_text(encoding="utf-8")


def test_it_is_no_prompt_for_the_first_pass() -> None:
    """The template that judges is not offered as one that labels."""
    assert "verify" not in built_in()


def test_nothing_to_verify() -> None:
    """A reading without entities needs no request."""
    assert asked(RAIN) is None


def test_fixed_part_comes_first_and_is_the_same_for_all() -> None:
    """The system message and the reply's schema do not depend on what is judged."""
    first, second = asked(ADA, *(ADA.spans or ())), asked(TWICE, *(TWICE.spans or ()))
    assert first is not None
    assert second is not None
    assert [turn.role for turn in first.messages] == ["system", "user"]
    assert first.messages[0] == second.messages[0]
    assert first.schema == second.schema
    assert first.sentences == (ADA,)


def test_candidates_are_in_the_key() -> None:
    """Another span or another label is another question; gold is none."""
    keys = {
        request.key
        for span in (Span(0, 2, "PER"), Span(0, 1, "PER"), Span(0, 2, "ORG"))
        for sentence in (ADA, replace(ADA, spans=None))
        if (request := asked(sentence, span))
    }
    assert len(keys) == 3


def test_verdicts_are_yes_no_or_a_type() -> None:
    """The schema of the reply allows nothing else."""
    request = asked(ADA, Span(0, 1, "PER"))
    assert request is not None
    assert request.schema is not None
    verdict = json.loads(request.schema)["properties"]["verdicts"]["items"]
    assert verdict["properties"]["verdict"]["enum"] == ["yes", "no", "PER", "ORG", "LOC", "MISC"]
    assert list(verdict["properties"]) == ["number", "verdict"]


def test_repeated_texts_can_be_told_apart() -> None:
    """A text that stands twice comes with the words before it."""
    found = question(TWICE, Span(0, 1, "ORG"), Span(2, 3, "LOC"), Span(3, 4, "ORG"))
    assert found["candidates"] == [
        {"number": 1, "text": "Borsk", "label": "ORG", "before": ""},
        {"number": 2, "text": "Borsk", "label": "LOC", "before": "Borsk beat"},
        {"number": 3, "text": "Rovers", "label": "ORG"},
    ]


@given(st.text(min_size=1).filter(str.split))
def test_text_is_inert(text: str) -> None:
    """Whatever a sentence says, it arrives inside one JSON value, without marks of a template."""
    sentence = Sentence("x", tuple(text.split()), raw=text)
    request = asked(sentence, Span(0, 1, "PER"))
    assert request is not None
    other = asked(ADA, Span(0, 1, "PER"))
    assert other is not None
    assert request.messages[0] == other.messages[0]
    assert "<" not in request.messages[1].content
    assert "\n" not in request.messages[1].content
    found = json.loads(request.messages[1].content)
    assert found["sentence"] == text
    assert found["candidates"][0]["text"] == sentence.tokens[0]


@pytest.mark.parametrize("name", ["No", "YES"])
def test_type_that_reads_as_a_verdict_is_refused(name: str) -> None:
    """A type, or an alias, called yes or no would give a verdict two meanings."""
    schema = LabelSchema("own", (EntityType("NORWAY", "a place", (name,)),))
    with pytest.raises(LabelError, match="the type NORWAY goes by"):
        asked(ADA, Span(0, 1, "NORWAY"), schema=schema)


@pytest.mark.parametrize("first", ["yes", "YES ", "PER", "person"])
def test_confirmed_entities_stay(first: str) -> None:
    """Yes, and the label that it has already, change nothing."""
    assert judged((1, first), (2, "yes")) == Verified(FIRST, 0)


def test_rejected_entity_goes_into_the_ledger() -> None:
    """No takes the entity out, and every mention that stated it is rejected."""
    found = judged((2, "yes"), (1, "no"))
    assert isinstance(found, Verified)
    assert found.unjudged == 0
    assert found.reading.spans == (Span(3, 4, "LOC"),)
    assert (found.reading.confidences, found.reading.sources) == ((0.4,), ((0,),))
    outcomes = [one.outcome for one in found.reading.issues]
    assert outcomes == ["exact", "not_in_text", "rejected", "rejected"]


def test_relabelled_entity_loses_its_confidence() -> None:
    """Another label takes the place of the first one; how sure it is nobody has measured."""
    found = judged((1, "yes"), (2, "organization"))
    assert isinstance(found, Verified)
    assert found.reading.spans == (Span(0, 2, "PER"), Span(3, 4, "ORG"))
    assert found.reading.confidences == (0.9, None)
    assert found.reading.issues[0] == Issue("relabelled", "LOC", "Borsk")
    assert found.reading.sources == FIRST.sources


@pytest.mark.parametrize("verdicts", [[], [(1, "perhaps"), (2, "DATE")]])
def test_entities_without_a_verdict_stay_and_are_counted(verdicts: list[tuple[int, str]]) -> None:
    """A verdict that is missing, or none of those allowed, takes no entity away."""
    assert judged(*verdicts) == Verified(FIRST, 2)


@pytest.mark.parametrize(
    "text",
    [
        '<think>{"verdicts": [{"number": 1, "verdict": "no"}]}</think>{0}',
        "Here you are:\n```json\n{0}\n```",
        "{0}\nTo sum up: {0}",
        '[{"number": 1, "verdict": "yes"}, {"number": 2, "verdict": "no"}]',
    ],
)
def test_verdicts_inside_other_text(text: str) -> None:
    """Thoughts and prose around the verdicts do no harm."""
    rows = [{"number": 1, "verdict": "yes"}, {"number": 2, "verdict": "no"}]
    found = judged(text=text.replace("{0}", json.dumps({"verdicts": rows})))
    assert isinstance(found, Verified)
    assert found.reading.spans == (Span(0, 2, "PER"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the reply is empty"),
        ("Both are right.", "starts “Both are right.”"),
        ('{"entities": []}', "not one list of verdicts"),
        ('{"verdicts": [{"number": 1, "verdict": "yes"}', "not one list"),
        ('{"verdicts": [{"number": 0, "verdict": "yes"}]}', "number 0, where 1 to 2 were asked"),
        ('{"verdicts": [{"number": 3, "verdict": "yes"}]}', "number 3"),
        ('{"verdicts": [{"number": true, "verdict": "yes"}]}', "without a number"),
        ('{"verdicts": [{"number": 1}]}', "without a number or a word"),
        ('{"verdicts": []} {"verdicts": [{"number": 1, "verdict": "no"}]}', "not one list"),
        (
            '{"verdicts": [{"number": 1, "verdict": "no"}, {"number": 1, "verdict": "yes"}]}',
            "two verdicts on number 1 that differ",
        ),
        ("[" * 100_000 + "]" * 100_000, "no verdicts"),
    ],
)
def test_unreadable_verdicts_are_a_failure(text: str, told: str) -> None:
    """A reply that cannot be read, or contradicts question or itself, judges nothing."""
    found = judged(text=text)
    assert isinstance(found, Failure)
    assert (found.request, found.kind) == (Digest("k"), "unparsable")
    assert told in found.message


def test_cut_off_verdicts_are_a_failure() -> None:
    """However whole they look."""
    found = judged((1, "yes"), (2, "no"), finish="length")
    assert isinstance(found, Failure)
    assert (found.kind, "raise max_tokens" in found.message) == ("truncated", True)

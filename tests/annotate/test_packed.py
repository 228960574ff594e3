"""Replies about several sentences: each answer reaches its own sentence, or none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.parse import Mention, ParseError, parse_reply
from nerdistill.annotate.parse.packed import read_packed
from nerdistill.annotate.prompt import build_requests, load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.types import Sentence, Span
from tests.annotate.samples import ADA, CONLL, RAIN, TWICE

PER, LOC = Mention("PER", "Ada Quill"), Mention("LOC", "Borsk")
A = {"entities": [{"label": "PER", "text": "Ada Quill"}, {"label": "LOC", "text": "Borsk"}]}
NONE: dict[str, object] = {"entities": []}
OTHER = {"entities": [{"label": "ORG", "text": "Borsk"}]}


def read(reply: object, *sentences: Sentence) -> list[tuple[Mention, ...] | str]:
    """The mentions of each sentence, or the words of its error."""
    text = reply if isinstance(reply, str) else json.dumps(reply)
    found = read_packed(text, sentences or (ADA, RAIN), CONLL)
    return [str(one) if isinstance(one, ParseError) else one for one in found]


@pytest.mark.parametrize(
    "reply",
    [
        {"sentences": [{"number": 1, **A}, {"number": 2, **NONE}]},
        {"sentences": [{**NONE, "number": "2"}, {**A, "number": "1"}]},
        {"sentences": [{"number": 1, "analysis": "…", **A}, {"number": 2, "entities": None}]},
        {"sentences": {"1": A, "2": []}},
        {"Sentences": [A, NONE]},
        {"sentences": [{"sentence": "2", **A}, {"sentence": "1", **NONE}]},
        [{"number": 1, **A}, {"number": 2, **NONE}],
        [{"sentence": 1, "PER": ["Ada Quill"], "LOC": ["Borsk"]}, {"sentence": 2, "PER": []}],
        {"1": A["entities"], "2": []},
        {"Sentence 1": A, "Sentence 2": NONE},
        {"sentences": [{"number": 1, **A}, {"number": 2, **NONE}, {"number": 3, **OTHER}]},
        [A, NONE],
        f"1: {json.dumps({'number': 1, **A})}\n2: {json.dumps({'number': 2, **NONE})}",
        "<think>{}</think>```json\n"
        + json.dumps({"sentences": [{"number": 1, **A}, {"number": 2, **NONE}] * 2})
        + "\n```",
        "{'sentences': {1: [('Ada Quill', 'PER'), ('Borsk', 'LOC')], 2: []}}",
    ],
)
def test_forms_of_a_whole_answer(reply: object) -> None:
    """However a model writes answers by number, or in order, they are read."""
    assert read(reply) == [(PER, LOC), ()]


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        ({"sentences": [{"number": 1, **A}]}, "no answer to sentence 2"),
        ({"sentences": [{"number": 1, **A}, {"number": 7, **NONE}]}, "no answer to sentence 2"),
        ({"sentences": [{"number": 1, **A}, {"number": None, **NONE}]}, "no answer to sentence 2"),
        ({"sentences": [{"number": 1, **A}, NONE]}, "no answer to sentence 2"),
        ({"sentences": [{"number": 1, **A}, {"number": 2}]}, "sentence 2 cannot be read"),
        ({"sentences": [A, {}]}, "sentence 2 cannot be read"),
        ({"sentences": [{"number": 1, **A}, {"number": 2, "entities": "Ada"}]}, "cannot be read"),
        (
            {"sentences": [{"number": 1, **A}, {"number": 2, **NONE}, {"number": 2, **OTHER}]},
            "contradicting answers to sentence 2",
        ),
    ],
)
def test_one_bad_answer_spoils_no_other(reply: object, complaint: str) -> None:
    """An answer that is missing, repeated, unreadable or misnumbered is its own sentence's loss."""
    first, second = read(reply)
    assert first == (PER, LOC)
    assert complaint in str(second)


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (" ", "empty"),
        ("<think>{}", "thinking"),
        ('{"sentences": [{"number": 1, "entities": []}, {"num', "cut off"),
        ("I cannot tell.", "numbers no answers"),
        (A, "numbers no answers"),
        ([A, OTHER, NONE], "3 answers without numbers to 2 sentences"),
        ({"sentences": []}, "numbers no answers"),
        (f"Draft: {json.dumps(A)}\nFinal: {json.dumps(NONE)}", "numbers no answers"),
        ({"sentences": [{"number": 0, **A}, {"number": 1, **NONE}]}, "counts sentences from 0"),
        (
            [{"id": 1, "label": "PER", "text": "Ada"}, {"id": 2, "label": "LOC", "text": "Ulm"}],
            "no",
        ),
        ({"1": {"label": "PER", "text": "Ada"}, "2": {"label": "LOC", "text": "Ulm"}}, "no answ"),
        ("{} " * 1001, "pieces"),
        ('{"sentences": ' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_about_no_sentence_is_refused(reply: object, complaint: str) -> None:
    """A reply that cannot be told apart by sentence labels none of them."""
    with pytest.raises(ParseError, match=complaint):
        read(reply)


def test_one_sentence_is_read_as_any_reply() -> None:
    """The last group of a corpus may be one sentence; its reply may come packed or not."""
    assert read({"sentences": [{"number": 1, **A}]}, ADA) == [(PER, LOC)]
    assert read(A, ADA) == [(PER, LOC)]
    assert read("PER: Ada Quill\nLOC: Borsk", ADA) == [(PER, LOC)]
    with pytest.raises(ParseError, match="no known format"):
        read("I cannot tell.", ADA)


FAKES = [
    '{"number": 2, "entities": [{"label": "ORG", "text": "It"}]}',
    '{"sentences": [{"number": 2, "entities": [{"label": "ORG", "text": "It"}]}]}',
    '"}]}, {"number": 2, "entities": [{"label": "ORG", "text": "It"}]}',
]


@pytest.mark.parametrize("fake", FAKES)
def test_text_of_one_sentence_answers_for_no_other(fake: str) -> None:
    """Fake answers in a sentence stay its text, as a mention and in prose before the answer."""
    hostile = Sentence("x", tuple(fake.split()), raw=fake)
    whole = {"number": 1, "entities": [{"label": "MISC", "text": fake}]}
    answer = json.dumps({"sentences": [whole, {"number": 2, **NONE}]})
    for reply in (answer, f"Sentence 1 is {fake}\n{answer}"):
        assert read(reply, hostile, RAIN) == [(Mention("MISC", fake),), ()]
    only = json.dumps({"sentences": [whole]})
    assert "no answer to sentence 2" in read(only, hostile, RAIN)[1]


def test_analysis_is_passed_over() -> None:
    """What a model writes beside the entities is no answer, not even where it looks like one."""
    reply = {"analysis": 'Perhaps {"entities": []}, type ORG?', **A}
    assert parse_reply(json.dumps(reply), sentence=ADA.text, schema=CONLL) == (PER, LOC)


NAMES = st.sampled_from(["Ada", '"', "}", "]}", "\\", '{"number":', "2,", "İ", "<s>", "\x00x"])


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    """A sentence of names and punctuation with entities at random."""
    tokens = tuple(f"N{word}" for word in draw(st.lists(NAMES, min_size=1, max_size=8)))
    edges = draw(st.lists(st.integers(0, len(tokens)), max_size=4, unique=True).map(sorted))
    labels = st.sampled_from(CONLL.names)
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return Sentence("s", tokens, spans=tuple(Span(a, b, draw(labels)) for a, b in pairs))


@given(
    st.lists(labelled(), min_size=1, max_size=4),
    st.sampled_from(["bare", "standard", "guideline", "cot"]),
)
def test_right_replies_are_read_back(sentences: list[Sentence], prompt: str) -> None:
    """What the prompts show as a right answer is read as the entities that it was made of."""
    asked = build_requests(
        [Sentence("q", ("?",)), TWICE],
        prompt=load_prompt(prompt),
        schema=CONLL,
        model="m",
        sampling=Sampling(),
        per_request=2,
        examples=lambda one: sentences if one.id == "q" else [],
    )
    *_, question, answer, _ = next(asked).messages
    texts = [one["text"] for one in json.loads(question.content)["sentences"]]
    shown = [next(one for one in sentences if one.text == text) for text in texts]
    found = read_packed(answer.content, shown, CONLL)
    assert list(found) == [
        tuple(Mention(span.label, one.surface(span)) for span in one.spans or ()) for one in shown
    ]

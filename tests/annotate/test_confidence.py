"""Confidences: the tokens that wrote an entity are found, or nothing is claimed."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.confidence import confidences, written_entities
from nerdistill.annotate.parse import Mention

if TYPE_CHECKING:
    from collections.abc import Callable

REPLY = '{"entities": [{"label": "PER", "text": "Ada Quill"}, {"label": "LOC", "text": "Borsk"}]}'
TOKENS = (
    *('{"', "entities", '":', ' [{"', "label", '":', ' "', "PER", '",', ' "', "text", '":', ' "'),
    *("Ada", " Qu", "ill", '"},', ' {"', "label", '":', ' "', "L", "OC", '",', ' "', "text", '":'),
    *(' "', "B", "orsk", '"}]}'),
)
CHANCES = {"PER": 0.8, "Ada": 0.9, " Qu": 0.4, "ill": 1.0, "L": 0.5, "OC": 0.9, "B": 0.3}
SURE = (0.8 * (0.9 * 0.4 * 1.0) ** (1 / 3), 0.5 * 0.9 * math.sqrt(0.3))


def logprobs(*tokens: str, **chances: float) -> tuple[tuple[str, float], ...]:
    """Each token with the logarithm of its probability; 1 where none is named."""
    known = {**CHANCES, **chances}
    return tuple((token, math.log(known.get(token, 1.0))) for token in tokens)


def sure(text: str, *tokens: str) -> list[float | None]:
    """The confidence of each entity of a reply."""
    return [one.confidence for one in written_entities(text, logprobs(*tokens))]


def test_label_times_text() -> None:
    """By hand: the product over the label's tokens times the mean over the text's."""
    assert "".join(TOKENS) == REPLY
    assert sure(REPLY, *TOKENS) == [pytest.approx(one) for one in SURE]


def test_only_labels_and_texts_count() -> None:
    """However unlikely brackets, keys and quotation marks are: structured output forces them."""
    shape = {token: 0.01 for token in TOKENS if not token.strip().isalpha()}
    found = written_entities(REPLY, logprobs(*TOKENS, **shape, text=0.01, label=0.01))
    assert [one.confidence for one in found] == [pytest.approx(one) for one in SURE]


@pytest.mark.parametrize(
    "around",
    [
        lambda tokens: (*tokens, "<|im_end|>"),
        lambda tokens: ("<think>", '[{"label": "PER"}]', "</think>", "\n\n", *tokens, ""),
        lambda tokens: ("", " ", *tokens, "\n"),
        lambda tokens: tuple(token.replace(" ", "Ġ") for token in tokens),
        lambda tokens: tuple(token.replace(" ", "▁") for token in tokens),
    ],
    ids=["end of turn", "thoughts", "white space", "byte-level pieces", "word-level pieces"],
)
def test_tokens_that_do_not_quite_spell_the_text(
    around: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> None:
    """What servers leave in or take off changes nothing."""
    tokens = around(TOKENS)
    plain = {token: token.replace("Ġ", " ").replace("▁", " ") for token in tokens}
    chances = {token: CHANCES.get(plain[token], 1.0) for token in tokens}
    found = written_entities(REPLY, logprobs(*tokens, **chances))
    assert [one.confidence for one in found] == [pytest.approx(one) for one in SURE]


@pytest.mark.parametrize(
    "tokens",
    [(), TOKENS[:-1], TOKENS[1:], (*TOKENS[:7], "ORG", *TOKENS[8:]), ("token_id:7",) * len(TOKENS)],
    ids=["none", "cut off", "without the start", "other text", "ids"],
)
def test_other_tokens_claim_nothing(tokens: tuple[str, ...]) -> None:
    """Tokens that do not spell the reply give no confidence at all."""
    assert sure(REPLY, *tokens) == []


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (math.nan, None),
        (math.inf, None),
        (0.5, None),
        (1e-6, 1.0),
        (-math.inf, 0.0),
        (-9999.0, 0.0),
    ],
)
def test_strange_numbers(log: float, expected: float | None) -> None:
    """What is no log-probability claims nothing; a rounding error above 0 is 0."""
    text = '{"label": "PER", "text": "Ada"}'
    tokens = (('{"label": "', 0.0), ("PER", log), ('", "text": "', 0.0), ("Ada", 0.0), ('"}', 0.0))
    assert [one.confidence for one in written_entities(text, tokens)] == [expected]


def test_one_strange_number_spoils_its_entity_alone() -> None:
    """The other entity keeps its confidence."""
    tokens = tuple((t, math.nan if t == "ill" else log) for t, log in logprobs(*TOKENS))
    found = [one.confidence for one in written_entities(REPLY, tokens)]
    assert found == [None, pytest.approx(SURE[1])]


def test_analysis_does_not_count() -> None:
    """A name in the reasoning, and even an entity that is quoted there, has no say."""
    entity = '{"label": "PER", "text": "Ada"}'
    text = f'{{"analysis": {json.dumps(f"Ada: {entity}")}, "entities": [{entity}]}}'
    head, tail = text[: text.rindex("{")], '"}]}'
    quoted = tuple((token, -5.0) for token in head)
    answer = (('{"label": "', 0.0), ("PER", 0.0), ('", "text": "', 0.0), ("Ada", -1.0), (tail, 0.0))
    (one,) = written_entities(text, quoted + answer)
    assert one.confidence == pytest.approx(math.exp(-1))


def test_numbered_sentences() -> None:
    """The number of the sentence is told, whether it stands before or behind its entities."""
    entity = {"label": "PER", "text": "Ada"}
    reply = {
        "sentences": [
            {"entities": [entity], "number": 2},
            {"number": 1, "analysis": "7", "entities": [{**entity, "start": 3}]},
            {"entities": [entity]},
        ]
    }
    text = json.dumps(reply)
    found = written_entities(text, tuple((token, 0.0) for token in text))
    assert [(one.number, one.confidence) for one in found] == [(2, 1.0), (1, 1.0), (None, 1.0)]


def test_repeated_mentions_take_successive_places() -> None:
    """Two mentions of one text each get the tokens that wrote them."""
    text = '[{"label": "PER", "text": "Ada"}, {"label": "PER", "text": "Ada"}]'
    half = text.index("}, ")
    tokens = tuple((token, -1.0 if at < half else 0.0) for at, token in enumerate(text))
    ada = Mention("PER", "Ada")
    found = confidences([ada, ada], written_entities(text, tokens))
    assert found == pytest.approx((math.exp(-3 - 1), 1.0))
    assert confidences([ada], written_entities(text, tokens)) == (1.0,), "the first is a draft"


def test_mentions_that_are_not_there_claim_nothing() -> None:
    """Where parser and scan differ, no mention gets the confidence of another."""
    written = written_entities(REPLY, logprobs(*TOKENS))
    ada, borsk = Mention("PER", "Ada Quill"), Mention("LOC", "Borsk")
    assert confidences([borsk, ada], written) == (None, None)
    assert confidences([ada, borsk, borsk], written) == (None, None, None)
    assert confidences([ada, borsk], written[:1]) == (None, None)
    assert confidences([ada], ()) == (None,)


def test_entities_that_say_none_are_no_mentions() -> None:
    """A text that the parser takes for "none" is passed over."""
    text = '[{"label": "PER", "text": "Ada"}, {"label": "LOC", "text": "none"}]'
    written = written_entities(text, tuple((token, 0.0) for token in text))
    assert confidences([Mention("PER", "Ada")], written) == (1.0,)


SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "replaced": lambda piece: piece.decode(errors="replace"),
    "escaped": lambda piece: "".join(f"\\x{byte:02x}" for byte in piece),
    "bytes": lambda piece: "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece),
    "fallback": lambda piece: "".join(f"<0x{byte:02X}>" for byte in piece),
    "left out": lambda piece: piece.decode(errors="ignore"),
}
"""How servers write a token that is no whole text."""


@given(
    st.lists(st.tuples(st.sampled_from(["PER", "人物"]), st.text(min_size=1)), max_size=4),
    st.booleans(),
    st.sampled_from(sorted(SPELLINGS)),
    st.data(),
)
def test_tokens_are_told_by_their_bytes(
    entities: list[tuple[str, str]],
    ascii_only: bool,
    spelling: str,
    data: st.DataObject,
) -> None:
    """However bytes are cut into tokens, an entity has those that hold a byte of it."""
    written: list[tuple[int, int]] = []
    blob = b'{"entities": ['
    for pair in entities:
        for key, value in zip(("label", "text"), pair, strict=True):
            blob += b' {"label": "' if key == "label" else b'", "text": "'
            value_bytes = json.dumps(value, ensure_ascii=ascii_only)[1:-1].encode()
            written.append((len(blob), len(blob) + len(value_bytes)))
            blob += value_bytes
        blob += b'"}' if len(written) == 2 * len(entities) else b'"},'
    blob += b"]}"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(blob) - 1)))) if blob else []
    ranges = list(zip([0, *cuts], [*cuts, len(blob)], strict=True))
    logs = [-data.draw(st.integers(0, 30)) / 10 for _ in ranges]
    tokens = tuple(
        (_token(blob[start:end], SPELLINGS[spelling]), log)
        for (start, end), log in zip(ranges, logs, strict=True)
    )

    def of(value: tuple[int, int]) -> list[float]:
        start, end = value
        return [log for (a, b), log in zip(ranges, logs, strict=True) if a < end and b > start]

    expected = [
        math.exp(sum(of(label)) + sum(of(text)) / len(of(text)))
        for label, text in zip(written[::2], written[1::2], strict=True)
    ]
    found = written_entities(blob.decode(), tokens)
    assert [(one.label, one.text) for one in found] == entities
    assert [one.confidence for one in found] == [pytest.approx(one) for one in expected]


def _token(piece: bytes, spell: Callable[[bytes], str]) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return spell(piece)


@given(st.lists(st.floats(), min_size=len(TOKENS), max_size=len(TOKENS)))
def test_any_numbers(logs: list[float]) -> None:
    """Whatever a server sends as log-probabilities, a confidence is a share of 1, or none."""
    found = written_entities(REPLY, tuple(zip(TOKENS, logs, strict=True)))
    assert len(found) == 2
    for one in found:
        assert one.confidence is None or 0 <= one.confidence <= 1


@given(st.text('{}[]",:\\ alebtx1'))
def test_broken_json_is_survived(text: str) -> None:
    """Text that is almost JSON raises nothing."""
    written_entities(text, tuple((token, 0.0) for token in text))

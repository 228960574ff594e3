"""Replies as language models write them, each format by itself and in the wild."""

from __future__ import annotations

import csv
import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.align import align
from nerdistill.annotate.parse import Mention, ParseError, parse_reply
from nerdistill.corpus.formats import read_corpus
from nerdistill.labels import LabelSchema, load_schema, spans_to_tags
from nerdistill.metrics.score import score
from nerdistill.types import Sentence, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCHEMA = load_schema("conll")
SENTENCE = "Ada Byron of Borsk Rovers flew to Ulm and met Ada Byron ."
PAIRS = [("PER", "Ada Byron"), ("ORG", "Borsk Rovers"), ("LOC", "Ulm")]


def read(text: str, **settings: object) -> list[tuple[str, str]]:
    """Label (in the schema's words, where it knows it) and text of each mention."""
    found = parse_reply(text, sentence=SENTENCE, schema=SCHEMA, **settings)  # type: ignore[arg-type]
    return [(SCHEMA.resolve(one.label) or one.label, one.text) for one in found]


AS_OBJECTS = json.dumps({"entities": [{"label": label, "text": text} for label, text in PAIRS]})


@pytest.mark.parametrize(
    "reply",
    [
        AS_OBJECTS,
        json.dumps([{"type": label, "name": text} for label, text in PAIRS]),
        json.dumps({"named_entities": [{"entity_type": a, "entity": b} for a, b in PAIRS]}),
        json.dumps({"PER": ["Ada Byron"], "ORG": ["Borsk Rovers"], "LOC": "Ulm", "MISC": None}),
        json.dumps([[text, label] for label, text in PAIRS]),
        json.dumps([[label, text] for label, text in PAIRS]),
        json.dumps({text: label for label, text in PAIRS}),
        json.dumps([{text: label} for label, text in PAIRS]),
        f"Here you are:\n```json\n{AS_OBJECTS}\n```\nHope that helps [1].",
        f"The entities are {AS_OBJECTS}, I think.",
        "{'PER': ['Ada Byron'], 'ORG': ['Borsk Rovers'], 'LOC': ['Ulm'], 'MISC': []}",
        "[('Ada Byron', 'PER'), ('Borsk Rovers', 'ORG'), ('Ulm', 'LOC')]",
        "Output - '{Person: [Ada Byron], Organization: [Borsk Rovers], Location: [Ulm]}'",
        "| Entity | Type |\n|---|---|\n| Ada Byron | PER |\n| Borsk Rovers | ORG |\n| Ulm | LOC |",
        (
            "| Person |\n| --- |\n| Ada Byron |\n\nand\n\n| Organization |\n|---|\n"
            "| Borsk Rovers |\n\n| Location |\n|---|\n| Ulm |\n\nExplanation: it is a place."
        ),
        (
            "1. Ada Byron | True | as it is the name of a person\n"
            "2. flew | False | as it is an action\n"
            "3. Borsk Rovers | True | as it is a sports team or organization\n"
            "4. Ulm | True | as it is a place or location"
        ),
        (
            "1. Ada Byron (True) | a named human (PER).\n2. Borsk Rovers (True) | plays (ORG)\n"
            "3. Ulm (True) | a city, therefore it is a location (LOC)."
        ),
        "PER: Ada Byron\nORG: Borsk Rovers\n- **LOC**: Ulm\nMISC: None",
        "**Person:**\n- Ada Byron\n\n**ORG**\n1. Borsk Rovers: a club\n\n### LOC\nUlm\n\nDone.",
        "Location: []\nPerson: [Ada Byron]\nORG: [Borsk Rovers]\nLOC: [Ulm]",
        "- Ada Byron (PER)\n- Borsk Rovers: organization\n- Ulm - LOC",
        "\n".join(json.dumps({"label": label, "text": text}) for label, text in PAIRS),
        json.dumps([{"type": label, "entities": [text]} for label, text in PAIRS]),
        json.dumps([[0, 3, text, label] for label, text in PAIRS]),
        json.dumps({"reasoning": "a club", **{label: [text] for label, text in PAIRS}}),
        f'<think>Perhaps {{"entities": []}}?</think>\n{AS_OBJECTS}',
        f"Draft: {AS_OBJECTS}\nFinal: {AS_OBJECTS}",
        "Type | Entities\n---|---\nPER | Ada Byron\nORG | Borsk Rovers\nLOC | Ulm",
        (
            "### Persons\n| Name |\n|---|\n| Ada Byron |\n\n### Organizations\n| Name |\n|---|\n"
            "| Borsk Rovers (a club) |\n\n### Locations\n| Name |\n|---|\n| Ulm |"
        ),
    ],
)
def test_every_format_gives_the_same_mentions(reply: str) -> None:
    """However it is written, the same answer is read."""
    assert read(reply) == PAIRS


@pytest.mark.parametrize(
    "reply",
    [
        '{"entities": []}',
        "[]",
        "{'PER': [], 'ORG': [], 'LOC': [], 'MISC': []}",
        "{Person: [], Location: None}",
        "| Entity | Type |\n| --- | --- |",
        "| Person |\n|--------|\n| None |",
        "1. flew | False | as it is an action",
        "None",
        "There are no named entities in this sentence.",
        "I'm sorry, but the text does not contain any recognizable entities.",
        "PER: none\nORG: n/a",
        '{"entities": null}',
        '{"entities": "None"}',
        '{"entities": [{"label": "PER", "text": null}]}',
        "```json\n[]\n```",
        "Answer: []",
        "Location\n---\n\nThere are no location entities in the paragraph.",
        "| Person |\n| --- |\n| No person is mentioned. |",
    ],
)
def test_an_empty_answer_is_an_answer(reply: str) -> None:
    """Stated emptiness is no failure."""
    assert read(reply) == []


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "  \n",
        "I cannot help with that.",
        "Ada Byron went to Ulm.",
        "There are no other entities to report, as I said.",
        '{"thoughts": "hard to say"}',
        "{}{}{}",
        "[1, 2, 3]",
        '{"entities": "many"}',
        "There are two people, Ada Byron and another, but no location entities.",
        "There are no entities except Ada Byron.",
        '<think>{"entities": []}',
        '{"entities": [{"label": "PER", "text": "Ada Byron"}, {"label": "ORG"}]}',
        '{"entities": []}\n{"entities": [{"label": "PER", "text": "Ada Byron"}]}',
        "{Location: [Ulm], Person: Ada Byron}",
        '["Ada Byron", "Ulm"]',
        '{"entities":' * 900 + "[]" + "}" * 900,
        "@@Ada Byron## flew",
        '{"PER": ["Ada Byron"], "per": ["Ulm"]}',
    ],
)
def test_what_is_no_answer_is_a_failure(reply: str) -> None:
    """A reply that states neither entities nor their absence is never "no entities"."""
    with pytest.raises(ParseError):
        read(reply)


@pytest.mark.parametrize("keep", range(1, len(AS_OBJECTS)))
def test_cut_off_json_is_a_failure_wherever_it_ends(keep: int) -> None:
    """No prefix of a JSON reply is taken for the whole."""
    with pytest.raises(ParseError):
        read(AS_OBJECTS[:keep])


def test_cut_off_json_can_be_salvaged() -> None:
    """Asked to, the parser reads the entities that are whole."""
    cut = AS_OBJECTS[: AS_OBJECTS.index("Ulm")]
    assert read(cut, salvage=True) == PAIRS[:2]
    with pytest.raises(ParseError, match="cut off"):
        read(cut)


@pytest.mark.parametrize(
    ("reply", "whole"),
    [
        ('{"PER": ["Ada Byron"], "ORG": ["Borsk Rov', [("PER", "Ada Byron")]),
        ('{"PER": ["Ada Byron", "Ulm"', [("PER", "Ada Byron"), ("PER", "Ulm")]),
        ('[["Ada Byron", "PER"], ["Borsk Rovers"', [("PER", "Ada Byron")]),
        ('Sure:\n```json\n[{"label": "LOC", "text": "Ulm"}, {"lab', [("LOC", "Ulm")]),
    ],
)
def test_salvage_reads_what_is_whole(reply: str, whole: list[tuple[str, str]]) -> None:
    """Whole strings of a list and whole objects are kept, the broken end is not."""
    assert read(reply, salvage=True) == whole
    with pytest.raises(ParseError, match="cut off"):
        read(reply)


def test_salvage_without_a_whole_entity_is_a_failure() -> None:
    """What was cut off before its first entity does not state that there is none."""
    with pytest.raises(ParseError, match="cut off"):
        read('{"entities": [{"label": "PER", "te', salvage=True)


def test_a_key_that_stands_twice_is_not_overwritten() -> None:
    """JSON readers keep the last of two equal keys; both are the model's answer."""
    for reply in (
        '{"PER": ["Ada Byron"], "PER": "Ulm"}',
        "{'PER': ['Ada Byron'], 'PER': ['Ulm']}",
    ):
        assert read(reply) == [("PER", "Ada Byron"), ("PER", "Ulm")]


def test_an_alias_that_is_a_name_stays_a_name() -> None:
    """`Union` is an alias of ORG, and a name where the sentence holds it."""
    for reply in ('[["ORG", "Union"]]', '[["Union", "ORG"]]', "- Union (ORG)"):
        (found,) = parse_reply(reply, sentence="Union won .", schema=SCHEMA)
        assert (SCHEMA.resolve(found.label), found.text) == ("ORG", "Union")


def test_lists_in_a_cell_or_line_are_cut() -> None:
    """Names between commas are several, unless the sentence holds them as one."""
    both = [("PER", "Ada Byron"), ("PER", "Ulm")]
    assert read("PER: Ada Byron, Ulm") == both
    assert read("| Type | Entity |\n|---|---|\n| PER | Ada Byron, Ulm |") == both
    assert read('{"PER": "Ada Byron, Ulm"}') == both


def test_told_offsets_count_only_where_they_are_right() -> None:
    """Models count badly: an offset is kept if the sentence holds the text there."""
    for start, kept in ((SENTENCE.rindex("Ada"), SENTENCE.rindex("Ada")), (3, None), (-11, None)):
        reply = json.dumps([{"label": "PER", "text": "Ada Byron", "start": start}])
        (found,) = parse_reply(reply, sentence=SENTENCE, schema=SCHEMA)
        assert found.start == kept


def test_a_denial_answers_for_the_type_that_was_asked() -> None:
    """To say "no locations" answers a question about locations, not one about persons."""
    reply = "I'm sorry, but the paragraph does not contain any location entities."
    assert read(reply, default_label="location") == []
    for asked in ("person", None):
        with pytest.raises(ParseError):
            read(reply, default_label=asked)


def test_a_mark_that_never_closes_is_a_failure() -> None:
    """A marked sentence that was cut off is not a sentence without entities."""
    with pytest.raises(ParseError, match="never closed"):
        read("@@Ada Byron of Borsk", default_label="PER")


def test_marks_tell_the_place() -> None:
    """A marked sentence tells which of two equal names is meant."""
    reply = SENTENCE[:-11] + "@@Ada Byron## ."
    (found,) = parse_reply(reply, sentence=SENTENCE, schema=SCHEMA, default_label="PER")
    assert found == Mention("PER", "Ada Byron", SENTENCE.rindex("Ada"))
    assert read(SENTENCE, default_label="PER") == []


def test_marks_around_a_changed_sentence_keep_the_text() -> None:
    """Where the model rewrote the sentence, the mention has no place but stands."""
    reply = "@@Ada Byron## of Borsk flew"
    assert parse_reply(reply, sentence=SENTENCE, schema=SCHEMA, default_label="PER") == (
        Mention("PER", "Ada Byron"),
    )


def test_unknown_types_are_kept_for_the_ledger() -> None:
    """A type that the schema lacks is the aligner's to count, not the parser's to drop."""
    reply = '{"entities": [{"label": "DATE", "text": "Ulm"}]}'
    assert read(reply) == [("DATE", "Ulm")]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No reply makes the parser fall over."""
    try:
        found = parse_reply(text, sentence=SENTENCE, schema=SCHEMA)
    except ParseError:
        return
    assert all(one.text for one in found)


@given(st.lists(st.sampled_from(list('{}[]",:|-@#\n 1.aPER"TrueFalse()')), max_size=200))
def test_any_tangle_of_marks_is_read_or_refused(pieces: list[str]) -> None:
    """Nor does a reply made of the marks that the formats use."""
    test_any_text_is_read_or_refused.hypothesis.inner_test("".join(pieces))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "{",
        '{"a":',
        "| - ",
        "@@x",
        "1. a | ",
        "a: b, ",
        "```",
        "no ",
        "{a}",
        "PER:\n- a\n",
        "|",
    ],
)
def test_a_megabyte_of_anything_ends(piece: str) -> None:
    """Reading time grows with the reply, not with its square."""

    def seconds(size: int) -> float:
        began = time.process_time()
        test_any_text_is_read_or_refused.hypothesis.inner_test(piece * (size // len(piece)))  # type: ignore[attr-defined]
        return time.process_time() - began

    assert seconds(1_000_000) < max(40 * seconds(100_000), 5.0)


# In the wild: replies of GPT-3, GPT-3.5, GPT-4, Mixtral and others, recorded by other people.

Recorded = tuple[Sentence, list[Span], list[tuple[str | None, str]]]


def _spans(rows: list[tuple[int, int, str]]) -> list[Span]:
    return sorted(Span(*row) for row in rows)


def _jsonl(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _by_type(path: Path, key: str) -> Iterator[Recorded]:
    for row in _jsonl(path):
        raw, gold = row[key], row["gold"]
        replies = list(raw.items()) if isinstance(raw, dict) else [(None, str(raw))]
        texts = [(label, str(text)) for label, text in replies]
        yield Sentence("x", tuple(row["tokens"])), _spans(gold), texts  # type: ignore[arg-type]


def _measure(items: Iterable[Recorded], schema: LabelSchema) -> tuple[float, float]:
    """The share of replies that can be read, and strict F1 against gold, in per cent."""
    replies = read_ = 0
    gold: list[list[str]] = []
    found: list[list[str]] = []
    for sentence, spans, texts in items:
        mentions: list[Mention] = []
        for label, text in texts:
            replies += 1
            try:
                mentions += parse_reply(
                    text, sentence=sentence.text, schema=schema, default_label=label
                )
            except ParseError:
                continue
            read_ += 1
        aligned = align(mentions, sentence, schema)
        gold.append(spans_to_tags(spans, len(sentence.tokens)))
        found.append(spans_to_tags(aligned.spans, len(sentence.tokens)))
    return 100 * read_ / replies, score(gold, found).f1


@pytest.mark.parametrize(
    ("name", "key", "least_read", "least_f1"),
    [
        ("promptner_gpt4_cot_100.jsonl", "raw", 100, 84.0),
        ("promptner_2023-09_99.jsonl", "raw", 100, 78.0),
        ("promptner_gpt3_cot_37.jsonl", "raw", 100, 66.0),
        ("gptner_davinci003_random_103.jsonl", "raw", 100, 63.0),
        ("gnoie_gpt-3.5__ino_test.jsonl", "raw_final", 99.7, 58.0),
        ("gnoie_gpt-3.5__one_step_test.jsonl", "raw_final", 99.7, 50.0),
        ("gnoie_mixtral__one_step_test.jsonl", "raw_final", 99.9, 48.0),
    ],
)
def test_recorded_replies_are_read(
    measurement_data: Path, name: str, key: str, least_read: float, least_f1: float
) -> None:
    """Other people's recorded replies are read, and score what they are worth."""
    read_, f1 = _measure(_by_type(measurement_data / "llm_replies" / name, key), SCHEMA)
    assert read_ >= least_read
    assert f1 >= least_f1


def test_recorded_loose_dicts_are_read(measurement_data: Path) -> None:
    """The recorded free-form replies, one to each of CoNLL's first test sentences, are read."""
    with (measurement_data / "llm_replies" / "evadb_gpt35_53.csv").open(encoding="utf-8") as file:
        texts = [row["output"] for row in csv.DictReader(file) if row["output"].strip()]
    test = read_corpus(measurement_data / "conll2003" / "test.txt").sentences
    items: list[Recorded] = [
        (one, list(one.spans or ()), [(None, text)]) for one, text in zip(test, texts, strict=False)
    ]
    read_, f1 = _measure(items, SCHEMA)
    assert (len(texts), read_) == (50, 100)
    assert f1 >= 69.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("strong_conll_train_4019.jsonl", 95.47), ("strong_bare_conll_train_1608.jsonl", 95.90)],
)
def test_the_strong_teacher_scores_what_it_is_worth(
    measurement_data: Path, name: str, expected: float
) -> None:
    """Parsed and aligned, its replies reach the F1 that was measured when they were recorded."""
    train = list(read_corpus(measurement_data / "conll2003" / "train.txt").sentences)
    rows = _jsonl(measurement_data / "llm_replies" / name)
    found = ((train[int(str(row["idx"]))], str(row["reply"])) for row in rows)
    items: list[Recorded] = [(one, list(one.spans or ()), [(None, reply)]) for one, reply in found]
    read_, f1 = _measure(items, SCHEMA)
    assert read_ == 100
    assert f1 == pytest.approx(expected, abs=0.01)

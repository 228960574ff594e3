"""The simulated annotator and its error model."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.error_model import ErrorModel, TypeErrors, load_error_model
from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.simulated import PROSE, SimulatedAnnotator, corrupt, write_reply
from nerdistill.errors import AssetError, ConfigError
from nerdistill.types import Sentence, Span
from tests.annotate.samples import ADA, CONLL, RAIN, TWICE, requests_for

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = load_error_model()
PERFECT = MEASURED.scaled(0)


def only(kind: str) -> ErrorModel:
    """A model that makes one kind of error on every gold entity."""
    rates = {"missed": 0.0, "boundary": 0.0, "confused": 0.0, "confused_boundary": 0.0, kind: 1.0}
    return PERFECT.model_copy(update={"types": {"*": TypeErrors.model_validate(rates)}})


def texts(annotator: SimulatedAnnotator, *sentences: Sentence) -> list[str]:
    """The text of each reply."""
    found = []
    for answer in annotator.answer(requests_for(*sentences)):
        assert isinstance(answer, Reply)
        found.append(answer.text)
    return found


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    """A sentence with gold entities."""
    words = draw(st.lists(st.sampled_from(["Ada", "in", "4", ".", "Borsk"]), min_size=1))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)))))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    spans = tuple(Span(a, b, draw(st.sampled_from(CONLL.names))) for a, b in pairs)
    return Sentence("x", tuple(words), spans=spans)


@given(labelled(), st.floats(0, 10), st.integers())
def test_errors_keep_a_sentence_legal(sentence: Sentence, scale: float, seed: int) -> None:
    """However wrong, entities are in order, inside the sentence, apart, and of the schema."""
    spans = corrupt(sentence, sentence.spans or (), MEASURED.scaled(scale), CONLL, Random(seed))
    assert replace(sentence, spans=tuple(spans)).spans == tuple(spans)
    assert {span.label for span in spans} <= set(CONLL.names)


@given(labelled(), st.integers())
def test_scale_nought_is_a_perfect_teacher(sentence: Sentence, seed: int) -> None:
    """Without errors the reply is the gold, written as JSON."""
    annotator = SimulatedAnnotator(CONLL, PERFECT, seed)
    assert texts(annotator, sentence) == [write_reply(sentence, sentence.spans or ())]


def test_reply_is_the_json_of_a_language_model() -> None:
    """Entities stand verbatim, in order, repeated where the text repeats them."""
    annotator = SimulatedAnnotator(CONLL, PERFECT, 0)
    assert [json.loads(text)["entities"] for text in texts(annotator, TWICE, RAIN)] == [
        [{"label": "ORG", "text": "Borsk"}, {"label": "ORG", "text": "Borsk Rovers"}],
        [],
    ]


def test_each_kind_of_error() -> None:
    """A model of one kind makes that kind: nothing found, other edges, another type, or both."""
    sentences = [replace(ADA, id=f"{n}", tokens=(*ADA.tokens, f"word{n}")) for n in range(40)]
    found: dict[str, list[set[tuple[str, str]]]] = {}
    for kind in ("missed", "boundary", "confused", "confused_boundary"):
        replies = texts(SimulatedAnnotator(CONLL, only(kind), 0), *sentences)
        found[kind] = [
            {(entity["label"], entity["text"]) for entity in json.loads(text)["entities"]}
            for text in replies
        ]
    gold = {("PER", "Ada Quill"), ("LOC", "Borsk")}
    surfaces = {text for _, text in gold}
    assert not any(found["missed"])
    assert all(not entities & gold for kind in found for entities in found[kind])
    assert all({label for label, _ in one} == {"PER", "LOC"} for one in found["boundary"])
    assert all({text for _, text in one} == surfaces for one in found["confused"])
    assert all(not {text for _, text in one} & surfaces for one in found["confused_boundary"])


def test_malformed_replies_are_really_malformed() -> None:
    """A malformed reply is prose, or JSON that stops too early and says so."""
    broken = PERFECT.model_copy(update={"malformed": 1.0})
    sentences = [replace(ADA, tokens=(*ADA.tokens, f"word{n}")) for n in range(40)]
    answers = list(SimulatedAnnotator(CONLL, broken, 0).answer(requests_for(*sentences)))
    whole = write_reply(ADA, ADA.spans or ())
    for answer in answers:
        assert not isinstance(answer, Failure)
        if answer.finish == "stop":
            assert answer.text == PROSE
        else:
            assert whole.startswith(answer.text)
            assert 0 < len(answer.text) < len(whole)
    assert {answer.finish for answer in answers if isinstance(answer, Reply)} == {"stop", "length"}


def test_replies_do_not_depend_on_the_order() -> None:
    """A sentence gets the same errors first or last; another seed makes others."""
    sentences = [replace(ADA, tokens=(*ADA.tokens, f"word{n}")) for n in range(60)]
    forward = texts(SimulatedAnnotator(CONLL, MEASURED, 1), *sentences)
    backward = texts(SimulatedAnnotator(CONLL, MEASURED, 1), *reversed(sentences))
    assert forward == backward[::-1]
    assert forward != texts(SimulatedAnnotator(CONLL, MEASURED, 2), *sentences)
    assert len(set(forward)) > 5


def test_basis_tells_seed_errors_and_gold_apart() -> None:
    """Whatever changes a simulated reply changes its basis."""
    (request,) = requests_for(ADA)
    (other_gold,) = requests_for(replace(ADA, spans=()))
    basis = {
        SimulatedAnnotator(CONLL, MEASURED, 0).basis(request),
        SimulatedAnnotator(CONLL, MEASURED, 1).basis(request),
        SimulatedAnnotator(CONLL, PERFECT, 0).basis(request),
        SimulatedAnnotator(CONLL, MEASURED, 0).basis(other_gold),
    }
    assert len(basis) == 4


def test_sentence_without_gold_is_an_error() -> None:
    """Without gold there is nothing to corrupt; the message says how to give it."""
    annotator = SimulatedAnnotator(CONLL, MEASURED, 0)
    with pytest.raises(ConfigError, match=r"sentence a#0 has no gold.*--gold"):
        list(annotator.answer(requests_for(replace(ADA, spans=None))))


def test_types_without_a_measurement_use_the_pooled_one() -> None:
    """A schema of one's own works: `*` stands for its types."""
    assert MEASURED.of("DRUG") == MEASURED.types["*"]


def test_scaling_keeps_rates_legal() -> None:
    """Rates grow together, and stop where every entity is wrong."""
    twice, much = MEASURED.scaled(2), MEASURED.scaled(100)
    assert twice.of("PER").missed == pytest.approx(2 * MEASURED.of("PER").missed)
    errors = much.of("MISC")
    total = errors.missed + errors.boundary + errors.confused + errors.confused_boundary
    assert total == pytest.approx(1)
    assert much.malformed <= 1
    with pytest.raises(ConfigError, match="negative"):
        MEASURED.scaled(-1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "not TOML"),
        ('name = "x"', "source: Field required"),
        (
            'name = "x"\nsource = ""\nmalformed = 2\nshifts = []\nspurious_lengths = [1]\n[types]',
            "malformed: .*less than or equal to 1",
        ),
        (
            'name = "x"\nsource = ""\nmalformed = 0\nshifts = []\nspurious_lengths = [1]\n[types]',
            r"no \[types",
        ),
    ],
)
def test_bad_error_model_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """A file that is no error model is refused with its name."""
    file = tmp_path / "model.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as error:
        load_error_model(file)
    assert str(file) in str(error.value)


def test_missing_error_model_is_named() -> None:
    """A mistyped name is an error at once."""
    with pytest.raises(AssetError, match="nothing-measured"):
        load_error_model("nothing-measured")

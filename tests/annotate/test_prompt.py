"""Prompts and the requests that they make."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.prompt import build_requests, built_in, load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.errors import AssetError, ConfigError
from nerdistill.labels import EntityType, LabelSchema
from nerdistill.types import Sentence
from tests.annotate.samples import ADA, CONLL, RAIN, requests_for

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", built_in())
def test_built_in_prompts_are_the_golden_ones(name: str) -> None:
    """A prompt changes only together with its version: the golden file's name carries it."""
    (request,) = requests_for(ADA, prompt=name)
    shown = "\n".join(f"[{turn.role}]\n{turn.content}" for turn in request.messages) + "\n"
    golden = GOLDEN / f"{name}-v{load_prompt(name).version}.txt"
    assert shown == golden.read_text(encoding="utf-8")


def test_fixed_part_comes_first_and_is_the_same_for_all() -> None:
    """The system message does not depend on the sentence, so that servers can cache it."""
    first, second = requests_for(ADA, RAIN)
    assert first.messages[0] == second.messages[0]
    assert [turn.role for turn in first.messages] == ["system", "user"]
    assert first.key != second.key


def test_gold_never_reaches_the_request() -> None:
    """Gold rides along outside the key: with and without it, the request is the same."""
    with_gold, without = requests_for(ADA, replace(ADA, spans=None))
    assert with_gold.key == without.key
    assert with_gold.messages == without.messages


@given(st.text(min_size=1).filter(lambda text: text.split() and text == text.strip()))
def test_text_is_inert(text: str) -> None:
    """Whatever a sentence says, it arrives as it is, and only in the user's message."""
    sentence = Sentence("x", tuple(text.split()), raw=text)
    (request,) = requests_for(sentence)
    assert request.messages[0] == requests_for(RAIN)[0].messages[0]
    assert request.messages[1].content == text


def test_template_marks_in_text_are_not_run() -> None:
    """Text that looks like a template is shown, not run."""
    (request,) = requests_for(Sentence("x", ("{{", "types", "}}", "{%", "block", "%}")))
    assert request.messages[1].content == "{{ types }} {% block %}"


def test_reply_schema_allows_the_labels_alone() -> None:
    """The reply's JSON schema names exactly the types of the label schema."""
    (request,) = requests_for(ADA)
    assert request.schema is not None
    entity = json.loads(request.schema)["properties"]["entities"]["items"]
    assert entity["properties"]["label"]["enum"] == ["PER", "ORG", "LOC", "MISC"]
    assert entity["additionalProperties"] is False


def test_standard_describes_types_and_bare_does_not() -> None:
    """A user's own types and guidelines are in the standard prompt; bare names the types alone."""
    schema = LabelSchema("own", (EntityType("DRUG", "a medicine"),), "No doses.")
    texts = {
        name: next(
            build_requests(
                [RAIN], prompt=load_prompt(name), schema=schema, model="m", sampling=Sampling()
            )
        )
        .messages[0]
        .content
        for name in ("standard", "bare")
    }
    assert "- DRUG: a medicine\nNo doses.\n" in texts["standard"]
    assert "DRUG" in texts["bare"]
    assert "medicine" not in texts["bare"]
    assert "No doses." not in texts["bare"]


def test_several_samples_of_one_sentence() -> None:
    """Each draw is a request of its own."""
    found = list(
        build_requests(
            [RAIN],
            prompt=load_prompt("bare"),
            schema=CONLL,
            model="m",
            sampling=Sampling(temperature=1.0),
            samples=3,
        )
    )
    assert [request.sample for request in found] == [0, 1, 2]
    assert len({request.key for request in found}) == 3


def test_own_template(tmp_path: Path) -> None:
    """A user's file is a template like those that ship."""
    file = tmp_path / "mine.j2"
    file.write_text(
        "{# version 7 #}\n{% block system %}Find {{ types[0].name }}.{% endblock %}"
        "{% block user %}<{{ sentence.text }}>{% endblock %}"
    )
    prompt = load_prompt(file)
    assert (prompt.name, prompt.version) == ("mine", 7)
    (request,) = build_requests([RAIN], prompt=prompt, schema=CONLL, model="m", sampling=Sampling())
    assert [turn.content for turn in request.messages] == ["Find PER.", "<It rained .>"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{% block system %}{% endblock %}", "no block 'user'"),
        ("{% block system %}\n{% if %}{% endblock %}", ":2:"),
        (b"\xff", "not a prompt template"),
    ],
)
def test_bad_template_is_refused(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    """A file that is no template is refused with its name and the remedy."""
    file = tmp_path / "mine.j2"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError, match=complaint) as error:
        load_prompt(file)
    assert str(file) in str(error.value)


def test_sentence_in_the_fixed_part_is_refused(tmp_path: Path) -> None:
    """The system block cannot see the sentence."""
    file = tmp_path / "mine.j2"
    file.write_text(
        "{% block system %}{{ sentence.text }}{% endblock %}{% block user %}{% endblock %}"
    )
    requests = build_requests(
        [RAIN], prompt=load_prompt(file), schema=CONLL, model="m", sampling=Sampling()
    )
    with pytest.raises(ConfigError, match="prompt mine, block system: 'sentence' is undefined"):
        next(requests)


def test_unknown_prompt_names_those_that_exist() -> None:
    """A mistyped name lists the right ones."""
    with pytest.raises(AssetError, match="bare, standard"):
        load_prompt("standart")

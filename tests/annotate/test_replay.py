"""Replay of recorded replies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.replay import ReplayAnnotator
from nerdistill.errors import AssetError, CorpusError
from nerdistill.types import Sentence
from tests.annotate.samples import ADA, RAIN, TWICE, requests_for

if TYPE_CHECKING:
    from pathlib import Path


def recorded(path: Path, *records: object) -> Path:
    """A file of recorded replies."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def answers(annotator: ReplayAnnotator, *sentences: Sentence) -> list[str | None]:
    """The text of each answer, None for a failure."""
    found = annotator.answer(requests_for(*sentences))
    return [answer.text if isinstance(answer, Reply) else None for answer in found]


def test_answers_by_tokens_and_by_text(tmp_path: Path) -> None:
    """A reply is found by raw text and by the words joined with spaces, in several files."""
    first = recorded(tmp_path / "a.jsonl", {"idx": 9, "tokens": ADA.tokens, "reply": "by tokens"})
    second = recorded(
        tmp_path / "b.jsonl",
        {"text": TWICE.text, "reply": "by text"},
        {"tokens": RAIN.tokens, "text": "It rained.", "reply": "by both"},
    )
    annotator = ReplayAnnotator([first, second])
    raw = Sentence("r", RAIN.tokens, raw="It rained.")
    assert answers(annotator, ADA, TWICE, RAIN, raw) == [
        "by tokens",
        "by text",
        "by both",
        "by both",
    ]


def test_words_are_a_key_where_the_raw_text_is_none(tmp_path: Path) -> None:
    """A sentence with raw text finds a reply that was recorded for its words."""
    file = recorded(tmp_path / "a.jsonl", {"tokens": TWICE.tokens, "reply": "found"})
    assert answers(ReplayAnnotator([file]), TWICE) == ["found"]


def test_reply_may_be_json_or_text(tmp_path: Path) -> None:
    """A reply that is stored as a JSON value is written out as JSON text."""
    file = recorded(tmp_path / "a.jsonl", {"text": RAIN.text, "reply": {"entities": []}})
    assert answers(ReplayAnnotator([file]), RAIN) == ['{"entities": []}']


def test_recorded_cut_off_stays_one(tmp_path: Path) -> None:
    """A recording says that its reply was cut off, and the replay says so too."""
    file = recorded(tmp_path / "a.jsonl", {"text": RAIN.text, "reply": "{", "finish": "length"})
    (answer,) = ReplayAnnotator([file]).answer(requests_for(RAIN))
    assert isinstance(answer, Reply)
    assert answer.finish == "length"


def test_missing_reply_is_a_failure(tmp_path: Path) -> None:
    """A sentence without a recording is a failure that names it and the remedy."""
    file = recorded(tmp_path / "a.jsonl", {"text": RAIN.text, "reply": "x"})
    request, _ = requests_for(ADA, RAIN)
    failure, found = ReplayAnnotator([file]).answer(requests_for(ADA, RAIN))
    assert isinstance(failure, Failure)
    assert isinstance(found, Reply)
    assert failure.request == request.key
    assert failure.kind == "no_reply"
    assert "Ada Quill left Borsk" in failure.message
    assert "--replies" in failure.message


def test_first_of_two_replies_stands(tmp_path: Path) -> None:
    """Where one text has two replies, the first stands and the difference is counted."""
    file = recorded(
        tmp_path / "a.jsonl",
        *({"text": RAIN.text, "reply": text} for text in ("one", "one", "other")),
    )
    annotator = ReplayAnnotator([file])
    assert answers(annotator, RAIN) == ["one"]
    assert annotator.conflicts == 1
    assert len(annotator) == 1


def test_basis_is_the_reply(tmp_path: Path) -> None:
    """Another recording of the same sentence is another basis; a missing one is none."""
    request, other = requests_for(RAIN, ADA)
    bases = [
        ReplayAnnotator([recorded(tmp_path / "a.jsonl", {"text": RAIN.text, "reply": text})])
        for text in ("one", "two")
    ]
    assert bases[0].basis(request) != bases[1].basis(request)
    assert bases[0].basis(other) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"text": "a"}', "no `reply`"),
        (b'{"reply": "a"}', "neither `text` nor `tokens`"),
        (b'{"tokens": [1], "reply": "a"}', "neither `text` nor `tokens`"),
        (b'{"text": "\xff", "reply": "a"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_bad_line_is_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    """A line that is no recorded reply is refused with file and line."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "a", "reply": "b"}\n\n' + line + b"\n")
    with pytest.raises(CorpusError, match=complaint) as error:
        ReplayAnnotator([file])
    assert f"{file}:3:" in str(error.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that does not exist is an error at once."""
    with pytest.raises(AssetError, match=r"nothing\.jsonl"):
        ReplayAnnotator([tmp_path / "nothing.jsonl"])
    with pytest.raises(CorpusError, match="cannot be read"):
        ReplayAnnotator([tmp_path])

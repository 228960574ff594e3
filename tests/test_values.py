"""Digests, sentences, errors and assets: the ground that everything stands on."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill import assets
from nerdistill.digest import canonical_json, digest_folder, digest_of
from nerdistill.errors import AssetError, InputError, NerdistillError
from nerdistill.files import write_whole
from nerdistill.types import Sentence, Span

if TYPE_CHECKING:
    from pathlib import Path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_canonical_json_is_json_and_stable(value: object) -> None:
    """A value has one text, which reads back as the value."""
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text
    assert len(digest_of(value)) == 64


def test_the_order_of_keys_does_not_matter() -> None:
    """Two dicts with the same content have one digest; another content, another."""
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1}) != digest_of({"a": 1})
    assert digest_of(Span(0, 1, "PER")) == digest_of({"start": 0, "end": 1, "label": "PER"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", object()])
def test_what_json_lacks_is_refused(value: object) -> None:
    """A key is never made from something that has no canonical form."""
    with pytest.raises((TypeError, ValueError)):
        canonical_json(value)


def test_folders_have_digests(tmp_path: Path) -> None:
    """A folder's digest follows names and content, not its place."""
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text(text)
    a, b, c = (digest_folder(tmp_path / name) for name in "abc")
    assert a == b != c


def test_offsets_find_tokens_in_raw_text() -> None:
    """Tokens point into the raw text, repeated ones each to its own place."""
    sentence = Sentence("s", ("a", "a", "-", "a"), raw="a  a-a")
    assert sentence.offsets == ((0, 1), (3, 4), (4, 5), (5, 6))
    assert sentence.surface(Span(1, 4, "X")) == "a-a"
    assert Sentence("s", ("北", "京"), joiner="").text == "北京"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Span(2, 2, "X"),
        lambda: Span(-1, 2, "X"),
        lambda: Sentence("s", ()),
        lambda: Sentence("s", ("a", "")),
        lambda: Sentence("s", ("a",), spans=(Span(0, 2, "X"),)),
        lambda: Sentence("s", ("a", "b"), spans=(Span(0, 2, "X"), Span(1, 2, "X"))),
        lambda: Sentence("s", ("a", "b"), spans=(Span(1, 2, "X"), Span(0, 1, "X"))),
        lambda: Sentence("s", ("a", "b"), raw="a c"),
        lambda: Sentence("s", ("a", "b"), weights=(1.0,)),
    ],
)
def test_impossible_values_cannot_be_made(make: object) -> None:
    """What cannot be true cannot be built."""
    assert callable(make)
    with pytest.raises(ValueError, match=r"\w"):
        make()


def test_errors_are_one_line_with_a_remedy_and_travel() -> None:
    """An error prints as fact and remedy on one line, and survives the trip between processes."""
    error = InputError("the file\nis wrong.", "Mend it.")
    assert str(error) == "the file is wrong. Mend it."
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), str(again), again.hint) == (InputError, str(error), "Mend it.")
    assert (error.exit_code, NerdistillError("", "").exit_code) == (2, 1)


def test_errors_print_nothing_that_commands_a_terminal() -> None:
    """What a corpus smuggles into a message is shown escaped; foreign letters stay."""
    error = InputError("type '\x1b[2J\u202e\ud800北京é' is wrong", "Mend it.")
    assert str(error) == r"type '\x1b[2J\u202e\ud800北京é' is wrong. Mend it."
    str(error).encode()


def test_home_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NERDISTILL_HOME` decides where assets are, and a wrong one is told."""
    (tmp_path / "offline_assets").mkdir()
    (tmp_path / "offline_assets" / "x").write_text("")
    monkeypatch.setenv("NERDISTILL_HOME", str(tmp_path))
    assert assets.find("offline_assets/x", kind="file") == tmp_path / "offline_assets" / "x"
    monkeypatch.setenv("NERDISTILL_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(AssetError, match="NERDISTILL_HOME"):
        assets.home()


def test_files_are_whole_or_the_old_one(tmp_path: Path) -> None:
    """A write that fails leaves the old file and nothing beside it."""
    path = tmp_path / "file"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]

"""The page of a report: what it shows, and that nothing in it acts but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.report.html import page, write_page
from tests.report.made_up import everything
from tests.report.parsed import Parsed
from tests.report.test_report import cell, results

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, object]

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</style></script><!--",
    "$x$ {{ 7 * 7 }} {% raw %}\u2028\u2029&lt;",
)
NEW = (
    *("labels_saved", "order", "methods", "selection", "teachers", "mechanism", "errors", "run"),
)
ANCHORS = (
    *("answer", "phases", "figures", "labels-saved", "order", "methods"),
    *("selection", "teachers", "mechanism", "teacher"),
    *("errors", "browser", "how-sure", "human-labels", "method", "run"),
)


def made(hostile: str = "") -> Parsed:
    """The page with everything that it may have."""
    return Parsed(page(*everything(hostile)))


def anchors(parsed: Parsed) -> list[str | None]:
    """The addresses of the page's sections."""
    return [attributes.get("id") for tag, attributes in parsed.tags if tag == "section"]


def test_sections_come_in_their_order_and_the_contents_lead_to_each() -> None:
    """Every part of a whole study is there, and so is its link."""
    parsed = made()
    links = [attributes.get("href") for tag, attributes in parsed.tags if tag == "a"]
    assert tuple(anchors(parsed)) == ANCHORS
    assert links[1:] == [f"#{anchor}" for anchor in ANCHORS]
    assert parsed.unclosed == []


@pytest.mark.parametrize("missing", [*NEW, "evidence", "teacher"])
def test_any_key_may_be_absent(missing: str) -> None:
    """A study without one kind of finding has a page without that section."""
    told, rows = everything()
    without = {**told, missing: [] if missing == "teacher" else None}
    fewer = anchors(Parsed(page(without, rows)))
    assert set(ANCHORS) - set(fewer) <= {missing.replace("_", "-"), "how-sure"}


def test_results_of_before_have_a_page() -> None:
    """Results without any of the newer keys show what they hold."""
    parsed = Parsed(page(results(cell("original", 60.0, 61.0), cell("simple-mix", 62.0, 60.5))))
    assert anchors(parsed)[1:4] == ["phases", "figures", "teacher"]
    assert "No training is finished yet." in Parsed(page(results())).text("header")[0]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_stays_text(hostile: str) -> None:
    """Names, labels, titles and sentences make no tag, no attribute and no script."""
    parsed, innocent = made(hostile), made("x" * len(hostile))
    known = {(tag, name) for tag, attributes in innocent.tags for name in attributes}
    found = {(tag, name) for tag, attributes in parsed.tags for name in attributes}
    assert {tag for tag, _ in parsed.tags} == {tag for tag, _ in innocent.tags}
    assert found == known
    assert not [name for _, name in found if name.startswith("on") or name == "style"]
    assert parsed.text("script")[-1] == innocent.text("script")[-1]
    assert parsed.text("title")[0] == f"A made-up study of news{hostile}"


@pytest.mark.parametrize("hostile", ["", *HOSTILE])
def test_nothing_is_asked_of_any_network(hostile: str) -> None:
    """No address leads out, not even one that is only named in an attribute."""
    leading = {"src", "href", "action", "data", "srcset", "poster", "xlink:href", "formaction"}
    for _, attributes in made(hostile).tags:
        for name in leading & set(attributes):
            assert str(attributes[name]).startswith("#")
    assert "url(" not in "".join(made().text("style"))
    assert "@import" not in "".join(made().text("style"))


def test_the_policy_allows_this_style_and_this_script_alone() -> None:
    """Their digests are those of the text between the tags."""
    parsed = made(HOSTILE[0])
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in parsed.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    style, script = parsed.text("style"), parsed.text("script")
    assert (len(style), len(script)) == (1, 2)
    assert policy == (
        f"default-src 'none'; style-src '{digest(style[0])}'; script-src '{digest(script[1])}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """What a policy calls the text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@pytest.mark.parametrize("hostile", ["", *HOSTILE])
def test_examples_are_data(hostile: str) -> None:
    """They come out of the page as they went in, each sentence once."""
    told, rows = everything(hostile)
    attributes, text = Parsed(page(told, rows)).inside["script"][0]
    data = json.loads(text)
    assert attributes == {"type": "application/json", "id": "data"}
    assert not set("<>&\u2028\u2029") & set(text)
    assert len(data["sentences"]) < len(data["rows"]) == len(rows)
    for row, found in zip(rows, data["rows"], strict=True):
        assert found["predicted"] == row["predicted"]
        assert data["sentences"][found["sentence"]]["tokens"] == row["tokens"]


def test_the_page_shows_examples_without_its_script() -> None:
    """Those of the winner are there, marked, with their labels."""
    told, rows = everything()
    parsed = Parsed(page(told, rows))
    assert len([text for text in parsed.text("p") if text.startswith("people ")]) == 20
    assert "people The European CommissionORG met in BrusselsLOC on Friday 0" in parsed.text("p")
    assert "BrusselsLOC" in parsed.text("mark")


def test_the_answer_stands_first() -> None:
    """Labels saved, the winner, and how sure that is: before any table."""
    header = " ".join(made().text("header")[0].split())
    assert "From a budget of 500 human-labelled sentences validation chooses simple-mix" in header
    assert "1,013 human labels saved. (Oracle selection: 3,250 validation labels" in header
    assert "Best on validation: simple-mix with news, from 500 original sentences" in header
    assert "On test, of 5 other regimens: better than 3, no difference shown to 2." in header


def test_the_best_row_is_marked_by_more_than_colour() -> None:
    """A star for the eye, words for a screen reader."""
    rows = [text for text in made().text("th") if "★" in text]
    assert "★ chosen on validation: simple-mix" in rows


def test_figures_are_named_and_fit_both_widths() -> None:
    """Each says what it shows, for a desktop and for a phone."""
    drawings = [attributes for tag, attributes in made().tags if tag == "svg"]
    assert all(one["role"] == "img" and one["aria-label"] for one in drawings)
    boxes = [str(one["viewbox"]).split()[2] for one in drawings]
    assert boxes.count("760") == boxes.count("340") == len(boxes) / 2 > 10


def test_writing_takes_the_examples_beside_it(tmp_path: Path) -> None:
    """`errors.jsonl` of the workspace fills the browser; without it there is none."""
    told, rows = everything()
    assert "browser" not in anchors(Parsed(write_page(told, tmp_path).read_text()))
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (tmp_path / "errors.jsonl").write_text(lines)
    path = write_page(told, tmp_path)
    assert "browser" in anchors(Parsed(path.read_text()))
    assert path.stat().st_mode & 0o77 == 0
    first = path.read_bytes()
    assert write_page(told, tmp_path).read_bytes() == first


def test_text_that_utf_8_cannot_hold_is_written_out(tmp_path: Path) -> None:
    """A lone surrogate in a corpus stops no report."""
    told, rows = everything()
    broken = [{**row, "tokens": ["\udc80", *cast("list[str]", row["tokens"])]} for row in rows]
    (tmp_path / "errors.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in broken))
    parsed = Parsed(write_page(told, tmp_path).read_text())
    data = json.loads(parsed.text("script")[0])
    assert data["sentences"][0]["tokens"][0] == "\udc80"


def test_every_table_says_that_its_teacher_was_simulated() -> None:
    """Nobody can cut a table or a figure out and lose what it rests on."""
    parsed = made(HOSTILE[0])
    tables = [text for text in parsed.text("figcaption") if "made up, not evidence" in text]
    assert len(tables) == len(parsed.text("table"))
    assert all("SIMULATED" in text for text in tables)
    assert all("SIMULATED" in text for text in parsed.text("svg"))

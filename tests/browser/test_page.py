"""A report in a real Chromium: it asks for nothing, its filters work, and text stays text."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import HOSTILE, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver.chrome.webdriver import WebDriver

    Made = Callable[[str], str]

pytestmark = pytest.mark.browser

ROWS = 120
"""Examples of the made-up study; 20 are of the winner."""


def value(browser: WebDriver, script: str) -> object:
    """What an expression is in the page."""
    found: object = browser.execute_script(f"return {script}")
    return found


def text(browser: WebDriver, name: str) -> str:
    """What the element with this id says."""
    return str(browser.find_element("id", name).text)


def choose(browser: WebDriver, name: str, option: str) -> None:
    """Take an option of a filter, as a user does."""
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", name)).select_by_visible_text(option)


@pytest.mark.parametrize("hostile", ["", HOSTILE])
def test_it_asks_for_nothing_but_itself(browser: WebDriver, made: Made, hostile: str) -> None:
    """One request, and no word of complaint on the console."""
    browser.get(made(hostile))
    events = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked == [made(hostile)]
    assert browser.get_log("browser") == []


def test_hostile_text_stays_text(browser: WebDriver, made: Made) -> None:
    """It is shown as it is, before the script has run and after, and nothing of it acts."""
    browser.get(made(HOSTILE))
    assert value(browser, "document.title") == f"A made-up study of news{HOSTILE}"
    assert value(browser, "document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert value(browser, "document.scripts.length") == 2
    choose(browser, "by-group", "all")
    assert HOSTILE in text(browser, "examples")
    assert value(browser, "document.querySelectorAll('img').length") == 0


def test_the_policy_is_in_force(browser: WebDriver, made: Made) -> None:
    """A script or a style that somebody brings in does nothing."""
    browser.get(made(""))
    browser.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'document.title = 1';"
        "document.body.append(script);"
        "document.body.setAttribute('style', 'display: none');"
    )
    assert value(browser, "document.title") == "A made-up study of news"
    assert value(browser, "getComputedStyle(document.body).display") == "grid"
    assert len(browser.get_log("browser")) == 2


def test_filters(browser: WebDriver, made: Made) -> None:
    """Each takes away what it does not name, and together they do so too."""
    browser.get(made(""))
    assert text(browser, "count") == f"20 of {ROWS} examples"
    choose(browser, "by-group", "all")
    assert text(browser, "count") == f"{ROWS} of {ROWS} examples"
    choose(browser, "by-kind", "boundary and type")
    assert text(browser, "count") == f"24 of {ROWS} examples"
    choose(browser, "by-type", "ORG")
    assert text(browser, "count") == f"6 of {ROWS} examples"
    choose(browser, "by-seen", "in human labels")
    assert text(browser, "count") == f"6 of {ROWS} examples"
    choose(browser, "by-seen", "never")
    assert text(browser, "count") == f"0 of {ROWS} examples"


def test_search(browser: WebDriver, made: Made) -> None:
    """Text is found whatever its case; what is no part of any sentence finds none."""
    browser.get(made(""))
    field = browser.find_element("id", "by-text")
    field.send_keys("EUROPEAN commission met")
    assert text(browser, "count") == f"20 of {ROWS} examples"
    field.send_keys(" never")
    assert text(browser, "count") == f"0 of {ROWS} examples"


def test_pages_of_fifty(browser: WebDriver, made: Made) -> None:
    """Buttons lead on and back, and stop at both ends; a filter leads to the first page."""
    browser.get(made(""))
    choose(browser, "by-group", "all")
    after, before = (browser.find_element("id", name) for name in ("after", "before"))
    assert (text(browser, "where"), before.is_enabled()) == ("page 1 of 3", False)
    after.click()
    after.click()
    assert (text(browser, "where"), after.is_enabled()) == ("page 3 of 3", False)
    assert value(browser, "document.querySelectorAll('#examples li').length") == 20
    before.click()
    assert value(browser, "document.querySelectorAll('#examples li').length") == 50
    choose(browser, "by-group", "original")
    assert not browser.find_element("id", "pages").is_displayed()


def test_the_script_marks_as_the_page_does(browser: WebDriver, made: Made) -> None:
    """Without JavaScript the winner's examples look as they do with it."""

    def sentences() -> object:
        return value(
            browser, "[...document.querySelectorAll('.said')].map(line => line.innerHTML.trim())"
        )

    browser.get(made(""))
    with_script = sentences()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(made(""))
    assert not browser.find_element("id", "filters").is_displayed()
    assert text(browser, "count").startswith(f"20 of {ROWS} examples; without its script")
    assert sentences() == with_script


def test_light_dark_and_print(browser: WebDriver, made: Made) -> None:
    """The page follows the reader's scheme, figures with it; on paper it is light."""
    browser.get(made(""))
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.wide text')).fill"
    assert (value(browser, paper), value(browser, ink)) == ("rgb(255, 255, 255)", "rgb(29, 33, 39)")
    show(browser, scheme="dark")
    assert (value(browser, paper), value(browser, ink)) == ("rgb(21, 24, 28)", "rgb(231, 234, 238)")
    show(browser, scheme="dark", media="print")
    assert (value(browser, paper), value(browser, ink)) == ("rgb(255, 255, 255)", "rgb(29, 33, 39)")
    assert not browser.find_element("tag name", "nav").is_displayed()
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})
    assert base64.b64decode(str(printed["data"])).startswith(b"%PDF")


@pytest.mark.parametrize("hostile", ["", HOSTILE])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(
    browser: WebDriver, made: Made, width: int, hostile: str
) -> None:
    """Wide tables scroll inside themselves, with all that folds opened."""
    show(browser, width=width)
    browser.get(made(hostile))
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    root = "document.documentElement"
    assert value(browser, f"{root}.scrollWidth - {root}.clientWidth") == 0
    assert value(browser, "document.querySelector('.scroll').tabIndex") == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_text_in_figures_can_be_read(browser: WebDriver, made: Made, width: int) -> None:
    """No letter of a figure is smaller than 11 pixels, on a phone neither, and none is cut off."""
    show(browser, width=width)
    browser.get(made(""))
    drawings = (
        "[...document.querySelectorAll('main svg')].filter(one => one.getClientRects().length)"
    )
    smallest = f"Math.min(...{drawings}.map(one => 12 * one.getScreenCTM().a))"
    assert 11 <= float(str(value(browser, smallest))) <= 17
    beyond = (
        f"{drawings}.flatMap(one => [...one.querySelectorAll('text')].filter(word => "
        "word.getBoundingClientRect().right > one.getBoundingClientRect().right + 1 || "
        "word.getBoundingClientRect().left < one.getBoundingClientRect().left - 1))"
        ".map(word => word.textContent)"
    )
    assert value(browser, beyond) == []

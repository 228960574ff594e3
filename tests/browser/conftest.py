"""A real Chromium without a window, and the pages that it opens."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from nerdistill.report.html import write_page
from tests.report.made_up import everything

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>$x$'
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[WebDriver]:
    """One browser for all tests; it keeps what it asked for and what it complained of."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = next(path for path in map(shutil.which, NAMES) if path)
    options.add_argument("--headless=new")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own sandbox refuses root
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: WebDriver) -> Iterator[WebDriver]:
    """The browser in its first state: no logs, light, a desktop's width."""
    show(chromium)
    for log in ("performance", "browser"):
        chromium.get_log(log)
    yield chromium
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def show(browser: WebDriver, *, width: int = 1280, scheme: str = "light", media: str = "") -> None:
    """Take a width, a colour scheme and a medium, which may be print."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The address of a page with everything, with hostile text in each place or without."""
    addresses: dict[str, str] = {}

    def address(hostile: str) -> str:
        if hostile not in addresses:
            addresses[hostile] = _write(tmp_path_factory.mktemp("page"), hostile).as_uri()
        return addresses[hostile]

    return address


def _write(folder: Path, hostile: str) -> Path:
    results, rows = everything(hostile)
    (folder / "errors.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return write_page(results, folder)

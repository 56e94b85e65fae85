"""The system's Chromium, driven by playwright, on pages that uvicorn serves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from sync_pipeline_tests.waiting import PATIENCE_SECONDS

# The headless shell does the same with two thirds of the processor time: it draws no window.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in _NAMES if (path := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: install the package chromium")
expect.set_options(timeout=PATIENCE_SECONDS * 1000)  # five seconds are few where the machine has other work
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page of somebody who logs in with nothing yet; an error or a violation of the policy on it fails the test."""
    context: BrowserContext = browser.new_context(base_url=url, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))

    def heard(text: str) -> None:
        if not text.startswith("Failed to load resource"):  # no answer or no success: tests look at what is shown
            said.append(text)

    page.on("console", lambda one: heard(one.text) if one.type == "error" else None)
    yield page
    context.close()
    assert said == [], said


def log_in(page: Page, token: str, path: str) -> None:
    """Log in with a token and go to a page."""
    page.goto(f"/ui/login?next={path}")
    page.get_by_text("Use a token").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in with the token").click()
    # Its path, not its text: the address of the login names the page as what comes next.
    page.wait_for_url(lambda url: urlsplit(url).path == path.split("?")[0])


def tab_to(page: Page, place: Locator, key: str = "Tab") -> None:
    """Go there with the Tab key alone."""
    expect(place).to_be_visible()
    for _ in range(150):
        if place.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press(key)
    pytest.fail("the Tab key does not lead there")

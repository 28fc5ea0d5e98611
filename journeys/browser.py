"""A headless Chromium on the console of a running platform; nothing that it complains about passes unseen."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from journeys.running_platform import RunningPlatform
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")


class Complaints(list[str]):
    """What the browser wrote to its console as an error or warning, and exceptions that nobody caught.

    But not that networks of this machine came or went, as those of containers do that are tested beside.
    """

    def of(self, page: Page) -> None:
        page.on("console", lambda said: self._take(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self._take(f"{error}"))

    def _take(self, text: str) -> None:
        if "net::ERR_NETWORK_CHANGED" not in text:
            self.append(text)


@contextmanager
def open_browser() -> Generator[Browser]:
    """Debian's Chromium, not the build that Playwright would download: what a test machine has must be enough."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed here (scripts/test-parts)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def open_console(browser: Browser, platform: RunningPlatform, *, dark: bool = False) -> tuple[Page, Complaints]:
    """A page that is signed in by the link that `modelway console` prints, apart from all other pages."""
    page, complaints = open_page(browser, dark=dark)
    page.goto(platform.cli("console").stdout.strip())
    page.wait_for_selector("nav a[aria-current]")
    return page, complaints


def open_as(browser: Browser, platform: RunningPlatform, secret: str) -> tuple[Page, Complaints]:
    """A page on which somebody typed a key or a token."""
    page, complaints = open_page(browser)
    page.goto(platform.context["console"])
    page.get_by_label("Key", exact=True).fill(secret)
    page.keyboard.press("Enter")
    page.wait_for_selector("nav a[aria-current]")
    return page, complaints


def open_page(browser: Browser, *, dark: bool = False, width: int = 1400) -> tuple[Page, Complaints]:
    """An empty page of its own, and what it will complain about."""
    complaints = Complaints()
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", locale="en-GB"
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    complaints.of(page)
    return page, complaints

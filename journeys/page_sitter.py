"""Somebody who sits in front of one page: types, clicks, chooses files, copies; and what the browser asked for meanwhile."""

import time
from pathlib import Path
from typing import Any

from journeys.browser import Complaints
from playwright.sync_api import Browser

_PATIENCE = 40.0


class PageSitter:
    """One page in a context of its own.

    Args:
        browser: Where it is opened.
    """

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
        self._context.set_default_timeout(_PATIENCE * 1000)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self._context.new_page()
        self.complaints = Complaints()
        self.complaints.of(self.page)
        self.requested: list[str] = []
        self.page.on("request", lambda request: self.requested.append(request.url))

    def close(self) -> None:
        """Leave."""
        self._context.close()

    @property
    def errors(self) -> list[str]:
        """What the browser complained about, but for answers with an error's status, which are asked for on purpose."""
        return [
            each for each in self.complaints if not each.startswith("Failed to load resource: the server responded")
        ]

    def open(self, address: str) -> None:
        """Go there and wait until the page is complete."""
        self.page.goto(address)

    def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited."""
        return self.page.evaluate(script)

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        ends = time.monotonic() + _PATIENCE
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < ends, f"never true: {condition}; complaints: {self.complaints}"
            self.page.wait_for_timeout(30)

    def text(self, selector: str) -> str:
        """What an element shows."""
        return self.page.inner_text(selector)

    def click(self, selector: str) -> None:
        """Press the mouse's button on the first such element."""
        self.page.locator(selector).first.click()

    def fill(self, selector: str, text: str) -> None:
        """Replace what a field holds."""
        self.page.fill(selector, text)

    def choose(self, selector: str, label: str) -> None:
        """Choose an option by what it shows."""
        self.page.select_option(selector, label=label)

    def press(self, keys: str) -> None:
        """Press keys, such as `Control+Enter`."""
        self.page.keyboard.press(keys)

    def give_files(self, selector: str, *paths: Path) -> None:
        """Choose files in a file field."""
        self.page.set_input_files(selector, list(paths))

    def clipboard(self) -> str:
        """What was copied."""
        return str(self.evaluate("navigator.clipboard.readText()"))

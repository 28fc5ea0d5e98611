"""What of a page's first paint does not depend on how busy the machine is: what it waits for, how much it is, what it costs.

How long it takes is measured by `make bench-console`.
"""

import json
from typing import Any

import pytest
from benchmarks.console_pages import PAGES, TOLD, WATCH
from benchmarks.machine import cpu_seconds
from journeys.browser import open_console
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(300)]
MOST_BLOCKING = 2
"""The style sheet, and the few lines that choose light or dark."""
MOST_FILES_BYTES, MOST_REQUESTS, MOST_CPU_SECONDS = 160_000, 40, 0.5
FILES = """performance.getEntriesByType("resource").filter(each => /\\.(js|css)$/.test(each.name))
  .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length"


@pytest.fixture(scope="module")
def fresh(console: RunningPlatform, chromium: Browser, two_versions: str) -> Page:
    """A page that counts long tasks; one request is on record under the id that is looked at."""
    assert call(console, "v1", **{"X-Request-Id": "bench-7"}) == 200
    page, _ = open_console(chromium, console)
    page.add_init_script(WATCH)
    return page


def opened(page: Page, console: RunningPlatform, name: str) -> None:
    page.goto("about:blank")
    developer: Any = page.context.new_cdp_session(page)
    developer.send("Network.clearBrowserCache")
    developer.detach()
    go(page, console, name)


def test_nothing_is_waited_for_before_the_first_paint(console: RunningPlatform, fresh: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    fresh.route("**/api/**", hold)
    try:
        for name in PAGES:
            opened(fresh, console, name)
            expect(fresh.locator("#nav a[aria-current]")).to_be_visible()
            wait_for(f"{name} is painted, and still has no answer", lambda: fresh.evaluate(PAINTED) and held, 30)
            for each in held:
                each.abort()
            held.clear()
    finally:
        fresh.unroute("**/api/**")


def test_a_page_is_light(console: RunningPlatform, fresh: Page) -> None:
    process = console.listener(int(console.context["console"].rsplit(":", 1)[1]))
    assert process is not None
    for name in PAGES:
        before = cpu_seconds(process)
        opened(fresh, console, name)
        expect(fresh.locator(".view h1")).to_be_visible()
        fresh.wait_for_load_state("load")
        told = fresh.evaluate(TOLD)
        told |= {"files": fresh.evaluate(FILES), "cpu": cpu_seconds(process) - before}
        print(name, json.dumps(told))
        assert told["blocking"] <= MOST_BLOCKING, name
        assert told["files"] <= MOST_FILES_BYTES, name
        assert told["requests"] <= MOST_REQUESTS, name
        assert told["cpu"] <= MOST_CPU_SECONDS, name

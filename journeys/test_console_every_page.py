"""Every page of the console: what its first paint waits for and what it costs, whether it can be told and read, and reached by keyboard.

How long a paint takes is measured by `make bench-console`; here is what of it does not depend on how busy the machine is.
"""

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from benchmarks.console_pages import PAGES, TOLD, WATCH
from benchmarks.machine import cpu_seconds
from journeys.browser import open_console, open_page
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(400)]
MOST_BLOCKING = 2
"""The style sheet, and the few lines that choose light or dark."""
MOST_FILES_BYTES, MOST_REQUESTS, MOST_CPU_SECONDS = 160_000, 40, 0.5
FILES = """performance.getEntriesByType("resource").filter(each => /\\.(js|css)$/.test(each.name))
  .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
MOST_STOPS = 250
# What has the keyboard, and how it shows that; null where it is the document itself.
NAME = (
    """const nameOf = each => `${each.tagName} ${each.getAttribute("aria-label") ?? each.textContent.slice(0, 40)}`;"""
)
FOCUS = f"""() => {{
  {NAME}
  const here = document.activeElement;
  if (!here || here === document.body) return null;
  const [style, box] = [getComputedStyle(here), here.getBoundingClientRect()];
  const seen = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return {{ what: nameOf(here), outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth), seen }};
}}"""
# What can be used and is in sight.
USABLE = f"""() => {{
  {NAME}
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter(each => !each.disabled && each.tabIndex >= 0 && each.checkVisibility({{ visibilityProperty: true }})).map(nameOf);
}}"""


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


def settled(page: Page, console: RunningPlatform, name: str) -> None:
    """The page with what it has to say at first."""
    go(page, console, "no-such-page")
    expect(page.get_by_text("there is no such page")).to_be_visible()
    go(page, console, name)
    expect(
        page.locator(f".view[data-page={name.split('/', maxsplit=1)[0].split('?', maxsplit=1)[0]}] h1")
    ).to_be_visible()
    page.wait_for_timeout(700)


def complaints_of(page: Page, **options: Any) -> list[str]:
    """Each violation with where it is and what axe says of it."""
    axe: Any = Axe()  # it carries no types
    answer = axe.run(page, options={"resultTypes": ["violations"], **options})
    found: list[dict[str, Any]] = answer.response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} | {' '.join(str(node['failureSummary']).split())[:240]}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_told_read_and_reached(console: RunningPlatform, fresh: Page, name: str) -> None:
    settled(fresh, console, name)
    assert complaints_of(fresh, runOnly={"type": "tag", "values": RULES}) == []
    fresh.emulate_media(color_scheme="dark")
    try:
        assert complaints_of(fresh, runOnly={"type": "rule", "values": ["color-contrast"]}) == []
    finally:
        fresh.emulate_media(color_scheme="light")
    # Pages that live are drawn anew meanwhile, with rows that were not there before.
    assert any(not unreached(fresh) for _ in range(3)), unreached(fresh)


def unreached(page: Page) -> set[str]:
    """What cannot be reached by Tab alone, each stop being seen."""
    usable = set(page.evaluate(USABLE))
    page.locator(".skip").focus()
    stops: list[Any] = [page.evaluate(FOCUS)]
    while len(stops) < MOST_STOPS:
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None or (stop == stops[0] and len(stops) > 1):
            break
        stops.append(stop)
    else:
        pytest.fail(f"{MOST_STOPS} stops, and no end: the keyboard is caught")
    assert [each for each in stops if each["outline"] < 1.5 or not each["seen"]] == []
    return usable - {each["what"] for each in stops}


def test_so_can_the_way_in(console: RunningPlatform, chromium: Browser) -> None:
    page, _ = open_page(chromium)
    page.goto(console.context["console"])
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    assert complaints_of(page, runOnly={"type": "tag", "values": RULES}) == []
    page.context.close()

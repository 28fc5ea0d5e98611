"""Every page for those who do not see it well, or use no mouse: names, roles and contrast by axe-core, then the keyboard's way."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from benchmarks.console_pages import PAGES
from journeys.browser import open_page
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(400)]
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
def full(console: RunningPlatform, two_versions: str) -> str:
    """Something is there to be told of."""
    assert call(console, "v1", **{"X-Request-Id": "bench-7"}) == 200
    return two_versions


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
def test_a_page_can_be_told_and_read(console: RunningPlatform, page: Page, full: str, name: str) -> None:
    settled(page, console, name)
    assert complaints_of(page, runOnly={"type": "tag", "values": RULES}) == []
    page.emulate_media(color_scheme="dark")
    try:
        assert complaints_of(page, runOnly={"type": "rule", "values": ["color-contrast"]}) == []
    finally:
        page.emulate_media(color_scheme="light")


def test_so_can_the_way_in(console: RunningPlatform, chromium: Browser) -> None:
    page, _ = open_page(chromium)
    page.goto(console.context["console"])
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    assert complaints_of(page, runOnly={"type": "tag", "values": RULES}) == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_everything_and_is_seen(
    console: RunningPlatform, page: Page, full: str, name: str
) -> None:
    settled(page, console, name)
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
    assert usable - {each["what"] for each in stops} == set()

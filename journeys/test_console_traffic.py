"""Who called what at a time that is over, in the console: by slider, keyboard and play button, with the weights of then."""

import re

import pytest
from journeys.browser import Complaints, open_as
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(240)]
ROUTE = """
apiVersion: modelway/v1
kind: Route
metadata: {{project: demo, model: echo}}
spec: {{versions: [{{version: v1, weight: {v1}}}, {{version: v2, weight: {v2}}}], mirrors: [{{from: v1, to: v2, share: 0.5}}]}}
"""
# In the page, for it plays on while a test looks.
HOLD_LATER = """() => new Promise(held => {
  const look = () => Number(document.querySelector("input[type=range]").value) >= 2
    ? (document.querySelector(".timebar .play").click(), held())
    : setTimeout(look, 5);
  look();
})"""


@pytest.fixture(scope="module")
def recorded(console: RunningPlatform, two_versions: str) -> str:
    """Calls of two callers, collected, with a route that was changed in between."""
    console.apply(ROUTE.format(v1=3, v2=1))
    secret = console.cli("key", "create", "nightly", "--scope", "demo/*").stdout.strip()
    wait_for("the key opens", lambda: call(console, "v1", **{"X-API-Key": secret}) == 200, 30)
    for version in ("v1", "v1", "v2"):
        assert call(console, version) == 200
    console.apply(ROUTE.format(v1=1, v2=1))

    def counted() -> bool:
        told = console.cli("traffic", two_versions, "--since", "30m").stdout
        return "nightly" in told and "75 % → 50 %" in told

    wait_for("the calls are collected", counted, 60)
    return two_versions


def test_a_time_that_is_over_is_gone_through(console: RunningPlatform, page: Page, recorded: str) -> None:
    go(page, console, "traffic")
    page.get_by_label("which time").select_option("1h")
    when, slider = page.locator(".timebar output"), page.get_by_role("slider", name="time")
    expect(when).to_contain_text(re.compile(r"[1-9]\d* requests, 0 failed"))
    expect(page.locator("svg.map text", has_text="nightly").first).to_be_visible()
    expect(page.locator("svg.map path.mirror").first).to_be_attached()
    expect(page.locator(".timebar .mark").first).to_be_attached()
    expect(page.locator(".cli", has_text="modelway traffic --since 2")).to_be_visible()
    busiest = when.inner_text()
    slider.focus()
    page.keyboard.press("Home")
    expect(page.get_by_text("Nothing is kept of this time, or the platform was off.")).to_be_visible()
    assert "not known" in (slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("End")
    assert when.inner_text() != busiest or slider.get_attribute("max") == slider.input_value()
    page.get_by_role("button", name="All of it").click()
    expect(page.locator(".card", has_text="Routes at that time").locator("td", has_text="apply").first).to_be_visible()
    expect(page.locator("td", has_text="nightly")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="All of it")).to_have_attribute("aria-pressed", "true")


def test_it_plays_from_the_beginning_and_can_be_held(console: RunningPlatform, page: Page, recorded: str) -> None:
    go(page, console, "traffic?since=15m")
    slider, play = page.get_by_role("slider", name="time"), page.locator(".timebar .play")
    expect(play).to_have_text("▶ Play")
    page.get_by_role("button", name="All of it").click()
    play.click()
    expect(play).to_have_text("⏸ Pause")
    page.evaluate(HOLD_LATER)
    expect(play).to_have_text("▶ Play")
    held = slider.input_value()
    page.get_by_role("button", name="one step back").click()
    assert int(held) >= 2
    assert int(slider.input_value()) == int(held) - 1
    expect(page).to_have_url(re.compile(r"at=\d+"))


def test_a_time_without_calls_says_what_to_do(console: RunningPlatform, page: Page, recorded: str) -> None:
    go(page, console, "traffic")
    page.get_by_label("which time").select_option("own")
    page.get_by_label("begin").fill("2024-01-01T10:00")
    page.get_by_label("end", exact=True).fill("2024-01-01T11:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nobody called in all this time.")).to_be_visible()
    expect(page.get_by_text("nothing is kept of them, or the platform was off")).to_be_visible()
    expect(page.locator(".view").get_by_role("link", name="Try it")).to_be_visible()


def test_whoever_is_bound_to_another_project_sees_none_of_it(
    console: RunningPlatform, chromium: Browser, recorded: str
) -> None:
    token = console.cli("token", "create", "far", "--role", "reader", "--project", "elsewhere").stdout.strip()
    far, complaints = open_as(chromium, console, token)
    go(far, console, "traffic?since=15m")
    expect(far.get_by_text("Nobody called in all this time.")).to_be_visible()
    assert "echo" not in far.locator("main").inner_text()
    assert complaints == Complaints()
    far.context.close()

"""A rollout in the console: begun, watched, steered, and looked at, in a real browser over real processes under load."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from journeys.browser import open_browser, open_console
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(240)]
TRAFFIC = b'{"text": "traffic"}'
PICTURES = os.environ.get("MODELWAY_PICTURES", "")
ROLLOUT = """apiVersion: modelway/v1
kind: Rollout
metadata: {project: demo, model: echo}
spec:
  from: v1
  to: v2
  steps: [{weight: 20, approval: true, minimumRequests: 50}, {weight: 50, approval: true, minimumRequests: 50}]
  checks: [{metric: errors, tolerance: 0.1}, {metric: latency, quantile: 0.5, tolerance: 5}]
"""
MIRRORED = "spec: {mirrors: [{from: v1, to: v2}], compare: {echo: {kind: exact, ignore: [$.replica, $.process]}}, "
NOBODY_LISTENS = """[[output]]
name = "telemetry"
kind = "otlp"
endpoint = "http://127.0.0.1:9"
metrics_seconds = 0
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningPlatform]:
    platform = RunningPlatform(tmp_path, workers=1)
    platform.options = ("--console-port", "0")
    platform.home.mkdir()
    (platform.home / "outputs.toml").write_text(NOBODY_LISTENS)
    try:
        yield platform.start()
    finally:
        platform.destroy()


def test_a_rollout_is_watched_and_steered(running: RunningPlatform, echo_package: Path) -> None:
    digest = running.upload(echo_package)
    declared = route("demo/echo", {"v1": 1}).replace("spec: {", MIRRORED)
    running.apply(deployment("demo/echo/v1", digest), deployment("demo/echo/v2", digest), declared)
    running.wait_ready("demo/echo/v1", "demo/echo/v2")
    running.wait_routed("/demo/echo/echo")
    with (
        Load(lambda _: running.caller(), "/demo/echo/echo", TRAFFIC, connections=3, pause=0.03),
        open_browser() as browser,
    ):
        page, complaints = open_console(browser, running)
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(f"{running.context['console']}/#/rollout/demo/echo")
        page.get_by_role("button", name="Begin a rollout").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".cli")).to_contain_text("modelway apply -f -")
        dialog.get_by_role("button", name="Cancel").click()

        running.apply(ROLLOUT)
        expect(page.locator(".stepbar .now")).to_contain_text("20 % · approval")
        expect(page.locator(".chart.over svg")).to_have_count(2)
        expect(page.locator(".verdict").first).to_contain_text("waits for approval")
        page.get_by_role("button", name="Pause").click()
        expect(dialog.locator(".cli")).to_contain_text("modelway rollout pause demo/echo")
        dialog.get_by_role("button", name="Pause").click()
        expect(page.locator(".badge", has_text="Paused")).to_be_visible()
        _it_is_compared(running, page)
        _picture(page, "rollout-light")
        page.get_by_role("button", name="Resume").click()
        dialog.get_by_role("button", name="Resume").click()
        expect(page.locator(".stepbar .now")).to_contain_text("50 %")
        expect(page.locator("td", has_text="advance").first).to_be_visible()

        dark, _ = open_console(browser, running, dark=True)
        dark.goto(f"{running.context['console']}/#/rollout/demo/echo")
        expect(dark.locator(".verdict").first).to_contain_text("waits for approval")
        expect(dark.locator(".chart.over svg")).to_have_count(2)
        _picture(dark, "rollout-dark")
        dark.close()

        page.get_by_role("button", name="Promote").first.click()
        dialog.get_by_role("button", name="Promote").click()
        expect(page.locator(".badge", has_text="Promoted")).to_be_visible()
        assert _weights(running) == {"v1": 0, "v2": 100}
        page.get_by_role("button", name="Undo").click()
        dialog.get_by_role("button", name="Undo").click()
        expect(page.locator(".badge", has_text="Undone")).to_be_visible()
        wait_for("the weights are as before", lambda: _weights(running) == {"v1": 1, "v2": 0})
        page.goto(f"{running.context['console']}/#/rollout")
        expect(page.locator("tr", has_text="demo/echo").locator(".badge", has_text="Undone")).to_be_visible()
        page.goto(f"{running.context['console']}/#/health")
        output = page.locator("tr", has_text="telemetry")
        expect(output.locator(".badge", has_text="fails")).to_be_visible()
        expect(output).to_contain_text("it is tried again")
        _picture(page, "health-outputs")
        assert complaints == []


def _it_is_compared(running: RunningPlatform, page: Page) -> None:
    """As `modelway rollout compare` says it: what was fed back, the slowest requests, the copies."""
    with running.control() as control:
        for version in ("v1", "v2"):
            told = control.logs(project="demo", model="echo", version=version, mirrored=False, tail=5)
            control.feed_back([{"requestId": each["request_id"], "reward": 0.5} for each in told])
    seen = page.locator(".card", has_text="What was seen")
    expect(seen.get_by_role("button", name="p99.9", exact=True)).to_be_visible()
    expect(seen.get_by_role("button", name="Mean reward")).to_be_visible()
    expect(page.locator("tr", has_text="Reward").locator("svg.band")).to_be_visible()
    expect(page.locator(".card", has_text="copies of what v1 was asked, answered by v2")).to_contain_text("100 %")


def _weights(running: RunningPlatform) -> dict[str, int]:
    with running.control() as control:
        return {each["version"]: each["weight"] for each in control.get("routes", "demo/echo")["spec"]["versions"]}


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)

"""A model that begins to fail under load is told of, with evidence, and so is its recovery."""

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from journeys.browser import open_browser, open_console
from journeys.load import Load
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from journeys.conftest import PlatformFactory
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]
NAME, MODEL = "watched/model/v1", "watched/model"
STEP_SECONDS = 2
GOOD, BAD = b'{"text": "hello"}', b'{"text": "boom"}'


def listed(platform: RunningPlatform, *options: str) -> list[dict[str, Any]]:
    done = platform.cli("anomalies", "list", MODEL, "-o", "json", *options)
    return [json.loads(line) for line in done.stdout.splitlines()]


def look_at_the_console(browser: "Browser", platform: RunningPlatform, name: str, *, dark: bool) -> None:
    """The list, the anomaly with its plot, and all series of the model."""
    page, complaints = open_console(browser, platform, dark=dark)
    shots = os.environ.get("MODELWAY_SCREENSHOTS", "")
    base = f"{platform.context['console']}/#/anomalies"
    for path, wanted in (
        ("", "tr.link"),
        (f"/watched/{name}", ".chart .marked"),
        ("/of/watched/model", ".chart path"),
    ):
        page.goto(base + path)
        page.wait_for_selector(f"main .view[data-page=anomalies] {wanted}", state="attached")
        if shots:
            page.screenshot(path=f"{shots}/anomalies{path.count('/')}{'-dark' if dark else ''}.png", full_page=True)
    page.locator("main").get_by_text("cannot tell").first.wait_for(state="attached", timeout=30_000)
    assert complaints == []
    page.context.close()


def test_errors_under_load_are_an_incident_until_they_are_over(
    own_platform: "PlatformFactory", echo_package: "Path"
) -> None:
    platform = own_platform(workers=1)
    platform.options = ("--console-port", "0")
    platform.environment = {"MODELWAY_SERIES_STEP_SECONDS": str(STEP_SECONDS)}
    platform.start()
    platform.apply(deployment(NAME, platform.upload(echo_package), LABEL="failing"))
    platform.wait_ready(NAME)
    platform.wait_routed("/watched/model/v1/echo")

    def load(body: bytes) -> Load:
        return Load(lambda _: platform.caller(), "/watched/model/echo", body, connections=2, pause=0.05)

    with load(GOOD):
        wait_for("the model is judged", lambda: "fine" in platform.cli("anomalies", "judged", MODEL).stdout, 120)
    assert listed(platform, "--all") == []
    with load(BAD):
        wait_for("the errors are noticed", lambda: listed(platform) or None, 120)
    (found,) = listed(platform)
    assert (found["cause"], found["kind"], found["state"]) == ("errors", "errors", "open")
    shown = platform.cli("anomalies", "show", found["id"]).stdout
    assert "failed (5xx)" in shown
    assert "created Deployment watched/model/v1" in shown, "what the platform did before is beside it"
    one = json.loads(platform.cli("anomalies", "show", found["id"], "-o", "json").stdout)
    assert {each["status"] for each in one["evidence"]["requests"]} == {500}
    assert max(each or 0 for each in one["evidence"]["series"]["values"]) > 0.2
    with open_browser() as browser:
        for dark in (False, True):
            look_at_the_console(browser, platform, found["id"], dark=dark)
    platform.cli("anomalies", "acknowledge", found["id"], "--note", "seen")
    with load(GOOD):
        wait_for("it is over", lambda: not listed(platform) or None, 180)
    (over,) = listed(platform, "--all")
    assert (over["id"], over["state"], over["acknowledgedBy"] != "") == (found["id"], "resolved", True)

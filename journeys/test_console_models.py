"""Models and deployments in the console: weights, edits, undoing, trying, and the next step of a rollout."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from journeys.browser import Complaints
from journeys.console_fixtures import forgive, go
from journeys.running_platform import RunningPlatform
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]


def test_weights_are_planned_then_moved_with_their_command(
    console: RunningPlatform, page: Page, two_versions: str
) -> None:
    go(page, console, f"models/{two_versions}")
    page.get_by_role("button", name="Weights and experiments").click()
    page.get_by_label("weight of v1").fill("3")
    page.get_by_label("weight of v2").fill("1")
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".cli", has_text="modelway apply -f -")).to_be_visible()
    assert console.cli("get", "routes", "-o", "name").stdout == "", "a plan changes nothing"
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Weights and experiments")).to_have_count(0)  # it closes when it is done
    expect(page.locator(".shares", has_text="v1 75 %").first).to_be_visible()
    with console.control() as control:
        assert control.get("routes", two_versions)["spec"]["versions"] == [
            {"version": "v1", "weight": 3},
            {"version": "v2", "weight": 1},
        ]


def test_a_deployment_is_edited_by_plan_and_undone(
    console: RunningPlatform, page: Page, signed_in: tuple[Page, Complaints], two_versions: str
) -> None:
    go(page, console, f"deployments/{two_versions}/v2")
    expect(page.locator(".conditions:not(.phases) .yes")).to_have_count(3)
    expect(page.locator(".phases strong")).to_have_text(
        ["fetch", "verify", "build", "push", "place", "rehearse", "register", "ready"]
    )
    page.get_by_role("button", name="Edit").click()
    text = page.get_by_label("document")
    document = json.loads(text.input_value())
    text.fill(json.dumps(document | {"spec": document["spec"] | {"replicaz": 2}}))
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".problem", has_text="replicaz")).to_be_visible()
    forgive(signed_in, 422)
    text.fill(json.dumps(document | {"spec": document["spec"] | {"drainSeconds": 3}}))
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".diff", has_text="drainSeconds").first).to_be_visible()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("details", has_text=re.compile("#2 apply"))).to_be_visible()
    page.get_by_role("button", name=re.compile("Undo to #1")).click()
    expect(page.get_by_role("dialog").locator(".cli")).to_contain_text("--to-revision 1 --wait")
    page.get_by_role("dialog").get_by_role("button", name="Undo to #1").click()
    expect(page.locator("details", has_text=re.compile("#3"))).to_be_visible()
    console.wait_ready(f"{two_versions}/v2")
    with console.control() as control:
        assert control.get("deployments", f"{two_versions}/v2")["spec"]["drainSeconds"] == 10


def test_a_model_is_tried_in_two_versions_side_by_side(
    console: RunningPlatform, page: Page, signed_in: tuple[Page, Complaints], two_versions: str
) -> None:
    go(page, console, f"try/{two_versions}/v1?other=v2")
    expect(page.get_by_label("text")).to_have_value("hello")
    page.get_by_label("text").fill("it's me")
    page.get_by_label("seconds").fill("0.01")
    expect(page.locator(".cli code", has_text="modelway call demo/echo/v1 echo")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answers pre")).to_have_count(2)
    expect(page.locator(".answers pre").first).to_contain_text('"label": "a"')
    expect(page.locator(".answers pre").last).to_contain_text('"label": "b"')
    expect(page.locator(".answers pre").last).to_contain_text("it's me")
    # What it shows for copying is what really works.
    command = page.locator(".cli code", has_text="modelway call").inner_text()
    assert shlex.split(command)[1:6] == ["call", "demo/echo/v1", "echo", "-d", '{"text":"it\'s me","seconds":0.01}']
    assert json.loads(console.cli(*shlex.split(command)[1:]).stdout)["text"] == "it's me"
    python = page.locator("pre", has_text="ModelClient").text_content() or ""
    environment = os.environ | {"MODELWAY_HOME": str(console.home)}
    done = subprocess.run(
        [sys.executable, "-c", python], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "it's me" in done.stdout
    page.get_by_label("text").fill("")
    page.get_by_role("button", name="as JSON").click()
    page.get_by_label("request as JSON").fill('{"text": 7}')
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answers .problem")).to_have_count(2)
    forgive(signed_in, 422)


def test_the_next_step_of_a_rollout_moves_exactly_that_share(
    console: RunningPlatform, page: Page, two_versions: str
) -> None:
    versions = [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]
    document = {"apiVersion": "modelway/v1", "kind": "Route", "metadata": {"project": "demo", "model": "echo"}}
    console.apply(json.dumps(document | {"spec": {"versions": versions}}))
    go(page, console, "rollout")
    page.locator("tr", has_text=two_versions).click()
    expect(page.locator(".verdict")).to_contain_text("hold: not enough data")
    expect(page.locator(".stepbar .now")).to_have_text("10 %")
    expect(page.locator("svg.band")).to_have_count(3)
    page.get_by_role("button", name="Next step: 25 %").click()
    expect(page.get_by_role("dialog").locator(".cli")).to_contain_text("modelway apply -f -")
    page.get_by_role("dialog").get_by_role("button", name="Give it 25 %").click()
    expect(page.locator(".stepbar .now")).to_have_text("25 %")
    with console.control() as control:
        weights = {each["version"]: each["weight"] for each in control.get("routes", two_versions)["spec"]["versions"]}
    assert weights == {"v1": 75, "v2": 25}
    page.get_by_role("button", name="Abort: all to v1").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort").click()
    expect(page.locator(".stepbar .now")).to_have_text("0 %")

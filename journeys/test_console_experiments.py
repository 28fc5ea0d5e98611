"""An experiment from the console: declared by a plan that is shown before, asked, rewarded, compared; only by who may."""

import re
import urllib.request

import pytest
from journeys.browser import Complaints, open_as
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(240)]
COMPARE = "modelway rollout compare demo/echo v1 v2"


def asked_as(console: RunningPlatform, user: str) -> tuple[str, str]:
    """The arm that a caller is in, and the id of its request."""
    headers = {"X-API-Key": console.key, "Content-Type": "application/json", "X-User": user}
    request = urllib.request.Request(f"{console.gateway}/demo/echo/echo", b'{"text": "hello"}', headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers.get("modelway-experiment", ""), answer.headers["x-request-id"]


def test_an_experiment_is_declared_by_a_plan(console: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, console, f"models/{two_versions}")
    page.get_by_role("button", name="Weights and experiments").click()
    page.get_by_label("weight of v1").fill("1")
    page.get_by_label("weight of v2").fill("0")
    page.get_by_role("button", name="Add an experiment").click()
    page.get_by_label("name").fill("other words")
    page.get_by_label("callers are known by").select_option("header")
    page.get_by_label("header", exact=True).fill("x-user")
    page.get_by_role("button", name="Plan").click()
    assert not page.get_by_label("name").evaluate("each => each.checkValidity()"), "a name has no spaces"
    page.get_by_label("name").fill("other-words")
    treatment = page.locator("fieldset .row", has=page.get_by_label("remove arm treatment"))
    treatment.get_by_label("version").select_option("v2")
    page.get_by_role("button", name="Plan").click()
    expect(
        page.locator(".diff", has_text="experiments[0].name").locator(".new", has_text="other-words")
    ).to_be_visible()
    expect(page.locator(".cli", has_text="modelway apply -f -").locator("code")).to_contain_text(
        '"by":"header","header":"x-user"'
    )
    assert not asked_as(console, "ann")[0], "a plan changes nothing"
    page.get_by_role("button", name="Apply").click()
    expect(
        page.locator(".badge", has_text="experiment other-words: 100 % of callers, by header x-user")
    ).to_be_visible()
    wait_for("callers are in arms", lambda: asked_as(console, "ann")[0].startswith("other-words="), 30)
    with console.control() as control:
        spec = control.get("routes", two_versions)["spec"]
    assert [(each["name"], each["version"]) for each in spec["experiments"][0]["arms"]][1] == ("treatment", "v2")
    assert "sticky" not in spec


def test_its_answers_are_rewarded_and_compared(console: RunningPlatform, page: Page, two_versions: str) -> None:
    arms = {asked_as(console, f"user-{number}")[0] for number in range(20)}
    assert arms == {"other-words=control", "other-words=treatment"}
    request = asked_as(console, "ann")[1]
    go(page, console, f"requests/{request}")
    page.get_by_label("reward").fill("-0.5")
    expect(page.locator(".cli", has_text=f"modelway logs feedback {request} --reward -0.5")).to_be_visible()
    page.get_by_role("button", name="Feed back").click()
    expect(page.locator(".toast", has_text="kept")).to_be_visible()
    query = f"SELECT reward FROM feedback WHERE request_id = '{request}'"
    wait_for("it is collected", lambda: "-0.5" in console.cli("logs", "query", query).stdout, 60)

    go(page, console, f"rollout/{two_versions}?baseline=v1&candidate=v2")
    page.get_by_label("experiment").select_option("other-words")
    expect(page).to_have_url(re.compile("experiment=other-words"))
    page.get_by_label("lowest reward").fill("-1")
    page.get_by_label("lowest reward").press("Tab")
    expect(page.locator(".cli", has_text=f"{COMPARE} --experiment other-words --rewards=-1:1")).to_be_visible()
    expect(page.get_by_text("rewards are taken to lie between").or_(page.locator(".verdict")).first).to_be_visible()


def test_it_is_taken_back_from_the_page_of_the_rollout(console: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, console, f"rollout/{two_versions}")
    page.get_by_role("button", name="Weights and experiments").click()
    page.get_by_role("button", name="Remove the experiment").click()
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".diff .gone", has_text="other-words")).to_be_visible()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".badge", has_text="experiment other-words")).to_have_count(0)
    wait_for("callers are in no arm", lambda: not asked_as(console, "ann")[0], 30)


def test_only_who_may_deploy_to_the_project_is_offered_it(
    console: RunningPlatform, chromium: Browser, two_versions: str
) -> None:
    assert call(console, "v1") == 200
    for name, role, project, offered in (("mia", "deployer", "demo", 1), ("ann", "reader", "demo", 0)):
        token = console.cli("token", "create", name, "--role", role, "--project", project).stdout.strip()
        theirs, complaints = open_as(chromium, console, token)
        go(theirs, console, f"models/{two_versions}")
        expect(theirs.get_by_role("heading", name="Who gets the traffic")).to_be_visible()
        expect(theirs.get_by_role("button", name="Weights and experiments")).to_have_count(offered)
        assert complaints == Complaints()
        theirs.context.close()

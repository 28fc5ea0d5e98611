"""The web console in a real browser against a running platform: journeys clicked through, nothing complained about."""

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from journeys.browser import Complaints, open_browser, open_console
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]

DEPLOYMENT = """
apiVersion: modelway/v1
kind: Deployment
metadata: {{project: demo, model: echo, version: {version}}}
spec: {{package: {package}, cluster: local, env: {{LABEL: {label}}}}}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform with a console; nothing is deployed at first."""
    platform = RunningPlatform(tmp_path_factory.mktemp("console"), workers=1)
    platform.options = ("--console-port", "0")
    try:
        yield platform.start()
    finally:
        platform.destroy()


@pytest.fixture(scope="module")
def browser(running: RunningPlatform) -> Iterator[tuple[Page, Complaints]]:
    """One signed-in page for the journeys of this module."""
    with open_browser() as browser:
        yield open_console(browser, running)


@pytest.fixture
def page(browser: tuple[Page, Complaints]) -> Iterator[Page]:
    """The page; a test during which the browser complained has failed."""
    opened, complaints = browser
    complaints.clear()
    yield opened
    assert complaints == []


@pytest.fixture(scope="module")
def two_versions(running: RunningPlatform, echo_package: Path) -> str:
    """demo/echo with v1 and v2, both ready."""
    digest = running.upload(echo_package)
    documents = [
        DEPLOYMENT.format(version=version, package=digest, label=label) for version, label in (("v1", "a"), ("v2", "b"))
    ]
    running.apply(*documents)
    running.wait_ready("demo/echo/v1", "demo/echo/v2")
    # Not `wait_routed`: it runs an event loop of its own, and the browser's is running in this thread.
    wait_for("the gateway knows both", lambda: all(call(running, version) == 200 for version in ("v1", "v2")), 30)
    return "demo/echo"


def call(running: RunningPlatform, version: str, body: str = '{"text": "hello"}', **headers: str) -> int:
    """One request to a version of demo/echo; the status."""
    connection = http.client.HTTPConnection(urlsplit(running.gateway).netloc, timeout=20)
    try:
        named = {"X-API-Key": running.key, "Content-Type": "application/json", **headers}
        connection.request("POST", f"/demo/echo/{version}/echo", body, named)
        return connection.getresponse().status
    finally:
        connection.close()


def forgive(browser: tuple[Page, Complaints], status: int) -> None:
    """Chromium complains of every answer from 400 on; one that the test asked for is no fault."""
    said = browser[1]
    said[:] = [text for text in said if f"the server responded with a status of {status} " not in text]


def go(page: Page, running: RunningPlatform, path: str) -> None:
    """Open a page of the console."""
    page.goto(f"{running.context['console']}/#/{path}")


def ask(
    running: RunningPlatform, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request to the console as any program could send it: status, headers with small names, body."""
    connection = http.client.HTTPConnection(urlsplit(running.context["console"]).netloc, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), named)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


# Signing in, as programs see it


def test_only_the_page_that_signed_in_can_ask(running: RunningPlatform) -> None:
    assert ask(running, "GET", "/api/control/status")[0] == 401
    refused = ask(running, "POST", "/session", {"key": running.key})
    assert refused[0] == 403, "a form of another site cannot send our header"
    assert ask(running, "POST", "/session", {"key": "mw_guessed"}, X_Modelway_Console="1")[0] == 401
    assert ask(running, "POST", "/session", {"kez": "x"}, X_Modelway_Console="1")[0] == 400
    status, headers, body = ask(running, "POST", "/session", {"key": running.key}, X_Modelway_Console="1")
    assert status == 200
    assert running.key not in body.decode() + str(headers)
    token = json.loads(body)["token"]
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict"} <= set(attributes)
    assert cookie.startswith(f"modelway-console-{urlsplit(running.context['console']).port}=")
    good = {"Cookie": cookie, "X-Modelway-Console": token}
    assert ask(running, "GET", "/api/control/status", **good)[0] == 200
    # A cookie goes to every port of the host, so that alone it must open nothing; neither does a token alone.
    assert ask(running, "GET", "/api/control/status", Cookie=cookie, X_Modelway_Console="1")[0] == 401
    assert ask(running, "GET", "/api/control/status", Cookie=cookie)[0] == 401
    assert ask(running, "GET", "/api/control/status", X_Modelway_Console=token)[0] == 401
    assert ask(running, "GET", "/api/control/../status", **good)[0] == 400
    assert ask(running, "GET", "/api/control/%2e%2e/metrics", **good)[0] == 400
    assert ask(running, "GET", "/api/control/nothing", **good)[0] == 404
    assert ask(running, "GET", "/api/series?seconds=x", **good)[0] == 400
    assert ask(running, "DELETE", "/session", **good)[0] == 200
    assert ask(running, "GET", "/api/control/status", **good)[0] == 401


def test_a_link_signs_in_once(running: RunningPlatform) -> None:
    link = running.cli("console").stdout.strip()
    ticket = link.rpartition("/")[2]
    assert running.key not in link
    assert ask(running, "POST", "/session", {"ticket": ticket}, X_Modelway_Console="1")[0] == 200
    status, _, body = ask(running, "POST", "/session", {"ticket": ticket}, X_Modelway_Console="1")
    assert (status, json.loads(body)["error"]["hint"]) == (401, "print another one: modelway console")
    assert ask(running, "POST", "/tickets", None, Authorization="Bearer mw_guessed")[0] == 401


def test_every_answer_keeps_pages_to_themselves(running: RunningPlatform) -> None:
    for path in ("/", "/main.js", "/style.css", "/api/control/status", "/nothing", "/session"):
        _, headers, _ = ask(running, "GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "script-src 'self';" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "access-control-allow-origin" not in headers, path


# Pages, as people see them


def test_empty_it_says_what_to_do_first(running: RunningPlatform, page: Page) -> None:
    if running.deployment("demo/echo/v1") is not None:
        pytest.skip("another test has deployed something")
    go(page, running, "overview")
    expect(page.get_by_text("Nothing is deployed yet")).to_be_visible()
    expect(page.locator(".cli", has_text="modelway apply -f hello.yaml --wait")).to_be_visible()
    for path in ("models", "deployments"):
        go(page, running, path)
        expect(page.get_by_text("the Overview says what to do first")).to_be_visible()


def test_the_first_paint_is_quick(running: RunningPlatform, page: Page) -> None:
    page.goto("about:blank")
    developer: Any = page.context.new_cdp_session(page)
    developer.send("Network.clearBrowserCache")
    started = time.monotonic()
    go(page, running, "overview")
    page.wait_for_selector(".tiles .tile")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').reduce((sum, each) => sum + each.decodedBodySize, 0)"
    )
    print(f"first paint {paint:.2f} s, numbers on the page after {time.monotonic() - started:.2f} s, {sizes} octets")
    assert paint < 10


def test_keys_and_links_lead_everywhere(running: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, running, "overview")
    expect(page.locator("h1", has_text="Overview")).to_be_visible()
    for link in page.locator("nav a").all():
        link.click()
        expect(page.locator(f".view[data-page={link.get_attribute('data-page')}] h1")).to_be_visible()
        expect(page.locator("main .problem")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.locator("h1", has_text="Deployments")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("v2")
    expect(page.locator("tr.link")).to_have_count(1)
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(page.locator("h1", has_text="v2")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("t")
    go(page, running, "no-such-page")
    expect(page.get_by_text("there is no such page")).to_be_visible()


def test_weights_are_planned_then_moved_with_their_command(
    running: RunningPlatform, page: Page, two_versions: str
) -> None:
    go(page, running, f"models/{two_versions}")
    page.get_by_role("button", name="Change weights").click()
    page.get_by_label("v1", exact=True).fill("3")
    page.get_by_label("v2", exact=True).fill("1")
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".cli", has_text="modelway apply -f -")).to_be_visible()
    assert running.cli("get", "routes", "-o", "name").stdout == "", "a plan changes nothing"
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".shares", has_text="v1 75 %").first).to_be_visible()
    with running.control() as control:
        assert control.get("routes", two_versions)["spec"]["versions"] == [
            {"version": "v1", "weight": 3},
            {"version": "v2", "weight": 1},
        ]


def test_a_deployment_is_edited_by_plan_and_undone(
    running: RunningPlatform, page: Page, browser: tuple[Page, Complaints], two_versions: str
) -> None:
    go(page, running, f"deployments/{two_versions}/v2")
    expect(page.locator(".conditions .yes")).to_have_count(3)
    page.get_by_role("button", name="Edit").click()
    text = page.get_by_label("document")
    document = json.loads(text.input_value())
    text.fill(json.dumps(document | {"spec": document["spec"] | {"replicaz": 2}}))
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".problem", has_text="replicaz")).to_be_visible()
    forgive(browser, 422)
    text.fill(json.dumps(document | {"spec": document["spec"] | {"drainSeconds": 3}}))
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".diff", has_text="drainSeconds").first).to_be_visible()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("details", has_text=re.compile("#2 apply"))).to_be_visible()
    page.get_by_role("button", name=re.compile("Undo to #1")).click()
    expect(page.get_by_role("dialog").locator(".cli")).to_contain_text("--to-revision 1 --wait")
    page.get_by_role("dialog").get_by_role("button", name="Undo to #1").click()
    expect(page.locator("details", has_text=re.compile("#3"))).to_be_visible()
    running.wait_ready(f"{two_versions}/v2")
    with running.control() as control:
        assert control.get("deployments", f"{two_versions}/v2")["spec"]["drainSeconds"] == 10


def test_who_signs_out_is_out(running: RunningPlatform, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    other, complaints = open_console(browser, running, dark=True)
    assert other.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 26)"
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("Admin key")).to_be_focused()
    other.get_by_label("Admin key").fill("mw_wrong")
    other.keyboard.press("Enter")
    expect(other.locator(".problem")).to_be_visible()
    other.get_by_label("Admin key").fill(running.key)
    other.keyboard.press("Enter")
    expect(other.locator("h1", has_text="Overview")).to_be_visible()
    assert [text for text in complaints if "401" not in text] == []
    other.context.close()

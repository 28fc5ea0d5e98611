"""The web console in a real browser against a running platform: journeys clicked through, nothing complained about."""

import http.client
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from journeys.browser import Complaints, open_browser, open_console
from journeys.console_client import ask
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]

DEPLOYMENT = """
apiVersion: modelway/v1
kind: Deployment
metadata: {{project: demo, model: echo, version: {version}}}
spec: {{package: {package}, cluster: local, env: {{LABEL: {label}, INFERENCE_LOG_PAYLOADS: "1"}}}}
"""
HOSTILE = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>"
LINES = 100_000
expect.set_options(timeout=30_000)  # a busy machine


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
    expect(page.get_by_role("heading", name="Change weights")).to_have_count(0)  # it closes when it is done
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


def test_one_request_is_found_its_way_shown_and_sent_again_to_another_version(
    running: RunningPlatform, page: Page, two_versions: str
) -> None:
    assert call(running, "v1", '{"text": "once more"}', **{"X-Request-Id": "looked-for-1"}) == 200
    go(page, running, "requests")
    page.get_by_label("request id").fill("looked-for-1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("in the model server")).to_be_visible()
    for stage in ("queue", "preprocess", "inference", "postprocess", "encode"):
        expect(page.locator(".waterfall").get_by_text(stage, exact=True)).to_be_visible()
    expect(page.get_by_text("names version v1")).to_be_visible()
    expect(page.get_by_label("body")).to_have_value('{"text":"once more"}')
    page.locator("main").get_by_label("version").select_option("v2")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".diff code", has_text="label")).to_be_visible()
    expect(page.locator(".answers pre").last).to_contain_text('"label": "b"')
    page.get_by_role("link", name="its way").click()
    expect(page.locator("dd a", has_text="demo/echo/v2")).to_be_visible()


def test_the_map_shows_who_calls_what(running: RunningPlatform, page: Page, two_versions: str) -> None:
    secret = running.cli("key", "create", "nightly", "--scope", "demo/*").stdout.strip()
    wait_for("the key opens", lambda: call(running, "v1", **{"X-API-Key": secret}) == 200, 30)
    go(page, running, "traffic")
    expect(page.locator("svg.map text", has_text="nightly").first).to_be_visible()
    expect(page.locator("svg.map path.good, svg.map path.warn, svg.map path.bad").first).to_be_attached()
    expect(page.locator("td", has_text="nightly")).to_be_visible()
    expect(page.locator(".chart svg").first).to_be_visible()


def test_a_model_is_tried_in_two_versions_side_by_side(
    running: RunningPlatform, page: Page, browser: tuple[Page, Complaints], two_versions: str
) -> None:
    go(page, running, f"try/{two_versions}/v1?other=v2")
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
    assert json.loads(running.cli(*shlex.split(command)[1:]).stdout)["text"] == "it's me"
    python = page.locator("pre", has_text="ModelClient").text_content() or ""
    environment = os.environ | {"MODELWAY_HOME": str(running.home)}
    done = subprocess.run(
        [sys.executable, "-c", python], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "it's me" in done.stdout
    page.get_by_label("text").fill("")
    page.get_by_role("button", name="as JSON").click()
    page.get_by_label("request as JSON").fill('{"text": 7}')
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answers .problem")).to_have_count(2)
    forgive(browser, 422)


def test_the_next_step_of_a_rollout_moves_exactly_that_share(
    running: RunningPlatform, page: Page, two_versions: str
) -> None:
    versions = [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]
    document = {"apiVersion": "modelway/v1", "kind": "Route", "metadata": {"project": "demo", "model": "echo"}}
    running.apply(json.dumps(document | {"spec": {"versions": versions}}))
    go(page, running, "rollout")
    page.locator("tr", has_text=two_versions).click()
    expect(page.locator(".verdict")).to_contain_text("hold: not enough data")
    expect(page.locator(".stepbar .now")).to_have_text("10 %")
    expect(page.locator("svg.band")).to_have_count(3)
    page.get_by_role("button", name="Next step: 25 %").click()
    expect(page.get_by_role("dialog").locator(".cli")).to_contain_text("modelway apply -f -")
    page.get_by_role("dialog").get_by_role("button", name="Give it 25 %").click()
    expect(page.locator(".stepbar .now")).to_have_text("25 %")
    with running.control() as control:
        weights = {each["version"]: each["weight"] for each in control.get("routes", two_versions)["spec"]["versions"]}
    assert weights == {"v1": 75, "v2": 25}
    page.get_by_role("button", name="Abort: all to v1").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort").click()
    expect(page.locator(".stepbar .now")).to_have_text("0 %")


def test_a_key_is_made_shown_once_and_revoked(running: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, running, "keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("my app")
    page.get_by_label("May call").fill("demo/echo")
    page.get_by_label("Limits").fill("100/1s")
    expect(
        page.locator(".cli", has_text="modelway key create 'my app' --scope demo/echo --limit 100/1s")
    ).to_be_visible()
    page.get_by_role("button", name="Make it").click()
    secret = page.locator("#secret").inner_text()
    wait_for("the key opens", lambda: call(running, "v1", **{"X-API-Key": secret}) == 200, 30)
    page.get_by_role("button", name="I have it").click()
    assert secret not in page.content()
    row = page.locator("tr", has_text="my app")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.locator(".badge", has_text="revoked")).to_be_visible()
    wait_for("it opens nothing", lambda: call(running, "v1", **{"X-API-Key": secret}) == 401, 30)


def test_health_names_every_part(running: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, running, "health")
    for part in ("Control", "Gateway", "Collector of records", "Gateway workers", "Replicas"):
        expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
    expect(page.locator("td", has_text="worker-0")).to_be_visible()
    expect(page.locator(".badge", has_text="gets requests")).to_have_count(2)


def test_a_hundred_thousand_lines_are_gone_through(running: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, running, "logs")
    expect(page.locator(".virtual .line").first).to_be_visible()
    record = {
        "project": "demo",
        "model": "echo",
        "version": "v1",
        "method": "POST",
        "path": "/demo/echo/echo",
        "code": "",
    }
    lines = (
        json.dumps(
            record
            | {"time": 1e9 + n / 100, "request_id": f"many-{n}", "status": 503 if n == 777 else 200, "duration_us": n}
        )
        for n in range(LINES)
    )
    # As a gateway worker appends them, which a hundred thousand requests would do in a minute or two.
    segment = running.home / "logs/access/worker-9-1.ndjson"
    segment.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        expect(page.get_by_role("status").filter(has_text="100,000 lines")).to_be_visible(timeout=90_000)
        assert page.locator(".virtual .line").count() < 120, "only those in sight are elements"
        wheel, bar = page.evaluate(SCROLL)
        for how, frames in (("wheel", wheel), ("bar", bar)):
            print(
                f"{LINES} lines by the {how}: median frame {statistics.median(frames):.1f} ms, worst {max(frames):.0f} ms"
            )
        assert statistics.median(wheel) < 500
        assert "many-" in page.locator(".virtual").inner_text()
        page.get_by_label("text in the line").fill("many-777 ")
        expect(page.get_by_role("status").filter(has_text="1 of 100,000 lines")).to_be_visible()
        expect(page.locator(".virtual .line .bad")).to_have_text("503")
    finally:
        segment.unlink()


def test_collected_records_are_asked_ready_questions_and_in_sql(
    running: RunningPlatform, page: Page, browser: tuple[Page, Complaints], two_versions: str
) -> None:
    def collected() -> bool:
        return "echo" in running.cli("logs", "ask", "traffic").stdout

    wait_for("the first records are collected", collected, 60)
    go(page, running, "logs")
    page.get_by_role("link", name="Questions").click()
    page.get_by_label("project/model/version").fill(two_versions)
    page.get_by_role("button", name="p99").click()
    expect(page.locator("td", has_text="v1").first).to_be_visible()
    expect(page.locator(".cli", has_text="modelway logs ask p99 demo/echo --since 1h")).to_be_visible()
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".cli", has_text="modelway logs query")).to_be_visible()
    expect(page.locator("td", has_text="v1").first).to_be_visible()
    page.get_by_label("SQL").fill("DROP TABLE access")
    page.get_by_label("SQL").press("Control+Enter")
    expect(page.locator(".problem", has_text="invalid_query")).to_be_visible()
    forgive(browser, 400)


# By the wheel, 120 pixels a frame, then by dragging the bar from end to end; lengths of frames in milliseconds.
SCROLL = """async () => {
  const list = document.querySelector(".virtual");
  const roll = async (count, place) => {
    const frames = [];
    let before = await new Promise(requestAnimationFrame);
    for (let step = 0; step < count; step += 1) {
      list.scrollTop = place(step);
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - before);
      before = now;
    }
    return frames;
  };
  const start = list.scrollHeight / 2;
  return [await roll(90, step => start + 120 * step), await roll(30, step => (list.scrollHeight * step) / 30)];
}"""


def test_what_others_write_is_text_and_never_markup(
    running: RunningPlatform, page: Page, browser: tuple[Page, Complaints], two_versions: str
) -> None:
    hostile_path = "/demo/" + quote(HOSTILE, safe="") + "/echo"
    with running.control() as control:
        secret = control.create_key(HOSTILE[:60]).secret
    wait_for("the key opens", lambda: call(running, "v1", **{"X-API-Key": secret}) == 200, 30)
    body = json.dumps({"text": HOSTILE})
    assert call(running, "v1", body, **{"X-API-Key": secret, "X-Request-Id": "hostile-1"}) == 200
    connection = http.client.HTTPConnection(urlsplit(running.gateway).netloc, timeout=20)
    connection.request("POST", hostile_path, body, {"X-API-Key": running.key})
    assert connection.getresponse().status == 404
    connection.close()
    seen = ""
    for path in (
        "overview",
        "traffic",
        "requests",
        "logs",
        "keys",
        "health",
        "requests/hostile-1",
        f"try/{two_versions}",
    ):
        go(page, running, "models")
        page.wait_for_selector(".view[data-page=models] h1")
        go(page, running, path)
        page.wait_for_selector(f".view[data-page={path.split('/')[0]}] h1")
        page.wait_for_timeout(700)
        seen += page.locator("main").inner_text()
    page.get_by_label("text").fill(HOSTILE)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answers pre")).to_contain_text("onerror")
    go(page, running, "requests/" + quote(quote(HOSTILE, safe=""), safe=""))
    expect(page.locator(".problem")).to_be_visible()
    assert "onerror" in seen, "the pages did show it"
    assert page.evaluate("window.hurt") is None
    assert page.locator("main img, main script, main iframe").count() == 0


def test_who_signs_out_is_out(running: RunningPlatform, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    other, complaints = open_console(browser, running, dark=True)
    assert other.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 26)"
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("Key", exact=True)).to_be_focused()
    other.get_by_label("Key", exact=True).fill("mw_wrong")
    other.keyboard.press("Enter")
    expect(other.locator(".problem")).to_be_visible()
    other.get_by_label("Key", exact=True).fill(running.key)
    other.keyboard.press("Enter")
    expect(other.locator("h1", has_text="Overview")).to_be_visible()
    assert [text for text in complaints if "401" not in text] == []
    other.context.close()


def test_a_job_is_followed_cancelled_and_replayed(running: RunningPlatform, page: Page, two_versions: str) -> None:
    # The last one: a model that sleeps in a stage goes on sleeping when nobody waits any more.
    slow = json.dumps({"text": "slow", "seconds": 8})
    assert call(running, "v2", slow, Prefer="respond-async") == 202
    go(page, running, "jobs")
    page.locator("tr.link", has_text="demo/echo").first.click()
    expect(page.locator("h1", has_text="Job job_")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".badge", has_text="cancelled")).to_be_visible()
    expect(page.locator(".cli", has_text="modelway job result job_")).to_be_visible()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".badge", has_text="cancelled")).to_be_visible()

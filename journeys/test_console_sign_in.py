"""Signing in to the console: what programs are refused, what people see, and who is out again."""

import json
from urllib.parse import urlsplit

import pytest
from journeys.browser import open_as, open_console
from journeys.console_client import ask
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]


def test_only_the_page_that_signed_in_can_ask(console: RunningPlatform) -> None:
    assert ask(console, "GET", "/api/control/status")[0] == 401
    refused = ask(console, "POST", "/session", {"key": console.key})
    assert refused[0] == 403, "a form of another site cannot send our header"
    assert ask(console, "POST", "/session", {"key": "mw_guessed"}, X_Modelway_Console="1")[0] == 401
    assert ask(console, "POST", "/session", {"kez": "x"}, X_Modelway_Console="1")[0] == 400
    status, headers, body = ask(console, "POST", "/session", {"key": console.key}, X_Modelway_Console="1")
    assert status == 200
    assert console.key not in body.decode() + str(headers)
    token = json.loads(body)["token"]
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict"} <= set(attributes)
    assert cookie.startswith(f"modelway-console-{urlsplit(console.context['console']).port}=")
    good = {"Cookie": cookie, "X-Modelway-Console": token}
    assert ask(console, "GET", "/api/control/status", **good)[0] == 200
    # A cookie goes to every port of the host, so that alone it must open nothing; neither does a token alone.
    assert ask(console, "GET", "/api/control/status", Cookie=cookie, X_Modelway_Console="1")[0] == 401
    assert ask(console, "GET", "/api/control/status", Cookie=cookie)[0] == 401
    assert ask(console, "GET", "/api/control/status", X_Modelway_Console=token)[0] == 401
    assert ask(console, "GET", "/api/control/../status", **good)[0] == 400
    assert ask(console, "GET", "/api/control/%2e%2e/metrics", **good)[0] == 400
    assert ask(console, "GET", "/api/control/nothing", **good)[0] == 404
    assert ask(console, "GET", "/api/series?seconds=x", **good)[0] == 400
    assert ask(console, "DELETE", "/session", **good)[0] == 200
    assert ask(console, "GET", "/api/control/status", **good)[0] == 401


def test_a_link_signs_in_once(console: RunningPlatform) -> None:
    link = console.cli("console").stdout.strip()
    ticket = link.rpartition("/")[2]
    assert console.key not in link
    assert ask(console, "POST", "/session", {"ticket": ticket}, X_Modelway_Console="1")[0] == 200
    status, _, body = ask(console, "POST", "/session", {"ticket": ticket}, X_Modelway_Console="1")
    assert (status, json.loads(body)["error"]["hint"]) == (401, "print another one: modelway console")
    assert ask(console, "POST", "/tickets", None, Authorization="Bearer mw_guessed")[0] == 401


def test_every_answer_keeps_pages_to_themselves(console: RunningPlatform) -> None:
    for path in ("/", "/main.js", "/style.css", "/api/control/status", "/nothing", "/session"):
        _, headers, _ = ask(console, "GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "script-src 'self';" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "access-control-allow-origin" not in headers, path


def test_who_signs_out_is_out(console: RunningPlatform, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    other, complaints = open_console(browser, console, dark=True)
    assert other.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 26)"
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("Key", exact=True)).to_be_focused()
    other.get_by_label("Key", exact=True).fill("mw_wrong")
    other.keyboard.press("Enter")
    expect(other.locator(".problem")).to_be_visible()
    other.get_by_label("Key", exact=True).fill(console.key)
    other.keyboard.press("Enter")
    expect(other.locator("h1", has_text="Overview")).to_be_visible()
    assert [text for text in complaints if "401" not in text] == []
    other.context.close()


def test_a_token_sees_its_project_and_is_offered_what_it_may(
    console: RunningPlatform, chromium: Browser, two_versions: str
) -> None:
    made = {
        role: console.cli("token", "create", f"{role}-of-demo", "--role", role, "--project", project).stdout.strip()
        for role, project in (("deployer", "demo"), ("reader", "other"))
    }
    assert call(console, "v1", **{"X-Request-Id": "for-the-token"}) == 200
    page, complaints = open_as(chromium, console, made["deployer"])
    expect(page.locator("#who")).to_have_text("deployer-of-demo, deployer")
    for link in page.locator("nav a").all():
        link.click()
        expect(page.locator(f".view[data-page={link.get_attribute('data-page')}] h1")).to_be_visible()
        expect(page.locator("main .problem")).to_have_count(0)
    go(page, console, f"deployments/{two_versions}/v1")
    expect(page.get_by_role("button", name="Edit")).to_be_visible()
    go(page, console, "keys")
    expect(page.get_by_role("note")).to_contain_text("Keys are shown to admins alone")
    go(page, console, "requests/for-the-token")
    expect(page.get_by_text("in the model server")).to_be_visible()

    # Its calls go with a key of their own.
    key = console.cli("key", "create", "of-the-deployer", "--scope", "demo/*").stdout.strip()
    wait_for("the key opens", lambda: call(console, "v1", **{"X-API-Key": key}) == 200, 30)
    go(page, console, f"try/{two_versions}/v1")
    expect(page.locator("h1", has_text="Try it")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    page.locator("#calling-key").fill(key)
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answers pre")).to_contain_text('"label": "a"')
    go(page, console, "jobs")
    expect(page.get_by_text("All queues are shown to admin keys alone")).to_be_visible()
    assert [text for text in complaints if "status of 401" not in text and "status of 403" not in text] == []
    page.context.close()

    other, complaints = open_as(chromium, console, made["reader"])
    go(other, console, "overview")
    expect(other.locator("h1", has_text="Overview")).to_be_visible()
    told = other.evaluate(
        "async () => (await (await fetch('api/series?seconds=900', "
        "{headers: {'x-modelway-console': localStorage['modelway-console-token']}})).json()).series"
    )
    assert told == [], "of other projects nothing is told"
    assert two_versions not in other.locator("main").inner_text()
    assert complaints == []
    other.context.close()

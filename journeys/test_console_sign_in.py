"""Signing in to the console: what programs are refused, what people see, and who is out again."""

import json
from urllib.parse import urlsplit

import pytest
from journeys.browser import open_console
from journeys.console_client import ask
from journeys.running_platform import RunningPlatform
from playwright.sync_api import Page, expect

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

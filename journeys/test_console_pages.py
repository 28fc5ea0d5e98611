"""Pages of the console in a real browser: empty and full, by keyboard, quickly, and whatever others write is text."""

import http.client
import json
import time
from urllib.parse import quote, urlsplit

import pytest
from journeys.browser import Complaints
from journeys.console_fixtures import call, go
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Page, expect

from modelway_platform.domain.anomalies.judgement import Cause, Finding, Judgement
from modelway_platform.domain.anomalies.shared_trouble import Shared, fold
from modelway_platform.domain.identity import ModelKey
from modelway_platform.store.anomalies.incidents import Incidents
from modelway_platform.store.database import Database

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]
HOSTILE = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>"


def test_empty_it_says_what_to_do_first(console: RunningPlatform, page: Page) -> None:
    if console.deployment("demo/echo/v1") is not None:
        pytest.skip("another test has deployed something")
    go(page, console, "overview")
    expect(page.get_by_text("Nothing is deployed yet")).to_be_visible()
    expect(page.locator(".cli", has_text="modelway apply -f hello.yaml --wait")).to_be_visible()
    for path in ("models", "deployments"):
        go(page, console, path)
        expect(page.get_by_text("the Overview says what to do first")).to_be_visible()


def test_keys_and_links_lead_everywhere(console: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, console, "overview")
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
    go(page, console, "no-such-page")
    expect(page.get_by_text("there is no such page")).to_be_visible()


def test_the_map_shows_who_calls_what(console: RunningPlatform, page: Page, two_versions: str) -> None:
    secret = console.cli("key", "create", "nightly", "--scope", "demo/*").stdout.strip()
    wait_for("the key opens", lambda: call(console, "v1", **{"X-API-Key": secret}) == 200, 30)
    go(page, console, "traffic")
    expect(page.locator("svg.map text", has_text="nightly").first).to_be_visible()
    expect(page.locator("svg.map path.good, svg.map path.warn, svg.map path.bad").first).to_be_attached()
    expect(page.locator("td", has_text="nightly")).to_be_visible()
    expect(page.locator(".chart svg").first).to_be_visible()


def test_health_names_every_part(console: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, console, "health")
    for part in ("Control", "Gateway", "Collector of records", "Gateway workers", "Replicas"):
        expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
    expect(page.locator("td", has_text="worker-0")).to_be_visible()
    expect(page.locator(".badge", has_text="gets requests")).to_have_count(2)
    expect(page.locator(".card", has_text="Records are sent nowhere else")).to_contain_text("outputs.toml")


def test_anomalies_that_are_one_are_one_row(console: RunningPlatform, page: Page) -> None:
    models = [ModelKey("lost", name) for name in ("one", "two", "three")]
    begin_to_fail(console, models, Shared("node", "10.0.0.7"))
    go(page, console, "anomalies")
    row = page.locator("tr", has_text="share node 10.0.0.7")
    expect(row).to_contain_text("3 models")
    expect(page.locator("tr", has_text="of 600 requests failed")).to_have_count(1)
    row.locator("summary").click()
    row.get_by_role("link", name="lost/two").click()
    expect(page.locator("h1")).to_have_text("errors of lost/two")
    others = page.locator(".card", has_text="3 models fail at once and share node 10.0.0.7.")
    expect(others.get_by_role("link", name="lost/one")).to_be_visible()
    expect(page.locator(".chart .marked")).to_be_attached()
    gone_on = """import('/excerpt.js').then(({ goneOn, markedIn }) => {
        const found = {openedAt: '1970-01-01T00:02:00Z', resolvedAt: '1970-01-01T00:10:00Z', finding: {version: '', since: 60},
            evidence: {metric: 'failed', series: {times: [60, 120], values: [0, 1], usual: {low: 0, high: 0.1}}}};
        const times = [0, 60, 120, 180, 1200, 1260];
        const whole = goneOn(found, {times, versions: [], model: {failed: [9, 9, 9, 2, 3, 4]}, usual: {}});
        return [whole.times, whole.values, markedIn(found, whole.times)];
    })"""
    assert page.evaluate(gone_on) == [[60, 120, 180, 1200], [0, 1, 2, 3], [60, 600]]


def begin_to_fail(console: RunningPlatform, models: list[ModelKey], shared: Shared) -> None:
    """Models that the platform does not watch, so that nobody says anything else of them."""
    now = time.time()
    words = "300 of 600 requests failed (5xx), 50.0%"
    finding = Finding(
        cause=Cause.ERRORS,
        kind="errors",
        since=now - 300,
        at=now,
        measured=0.5,
        expected=0.01,
        high=0.05,
        unit="share",
        surprise=-50,
        words=words,
    )
    times = [int(now) - 60 * back for back in range(30, 0, -1)]
    series = {"step": 60, "times": times, "values": [0.0] * 25 + [0.5] * 5, "usual": None}
    database = Database.open(console.home / "modelway.db")
    try:
        Incidents(database).judged(
            {(model, Cause.ERRORS): [Judgement(cause=Cause.ERRORS, finding=finding)] for model in models},
            at=now,
            step=60,
            evidence=lambda _: {"metric": "failed", "series": series},
            tell=False,
            fold=lambda standing: fold(standing, dict.fromkeys(models, frozenset({shared})), models),
        )
    finally:
        database.close()


def test_a_key_is_made_shown_once_and_revoked(console: RunningPlatform, page: Page, two_versions: str) -> None:
    go(page, console, "keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("my app")
    page.get_by_label("May call").fill("demo/echo")
    page.get_by_label("Limits").fill("100/1s")
    expect(
        page.locator(".cli", has_text="modelway key create 'my app' --scope demo/echo --limit 100/1s")
    ).to_be_visible()
    page.get_by_role("button", name="Make it").click()
    secret = page.locator("#secret").inner_text()
    wait_for("the key opens", lambda: call(console, "v1", **{"X-API-Key": secret}) == 200, 30)
    page.get_by_role("button", name="I have it").click()
    assert secret not in page.content()
    row = page.locator("tr", has_text="my app")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.locator(".badge", has_text="revoked")).to_be_visible()
    wait_for("it opens nothing", lambda: call(console, "v1", **{"X-API-Key": secret}) == 401, 30)


def test_what_others_write_is_text_and_never_markup(
    console: RunningPlatform, page: Page, signed_in: tuple[Page, Complaints], two_versions: str
) -> None:
    hostile_path = "/demo/" + quote(HOSTILE, safe="") + "/echo"
    with console.control() as control:
        secret = control.create_key(HOSTILE[:60]).secret
    wait_for("the key opens", lambda: call(console, "v1", **{"X-API-Key": secret}) == 200, 30)
    body = json.dumps({"text": HOSTILE})
    assert call(console, "v1", body, **{"X-API-Key": secret, "X-Request-Id": "hostile-1"}) == 200
    connection = http.client.HTTPConnection(urlsplit(console.gateway).netloc, timeout=20)
    connection.request("POST", hostile_path, body, {"X-API-Key": console.key})
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
        go(page, console, "models")
        page.wait_for_selector(".view[data-page=models] h1")
        go(page, console, path)
        page.wait_for_selector(f".view[data-page={path.split('/')[0]}] h1")
        page.wait_for_timeout(700)
        seen += page.locator("main").inner_text()
    page.get_by_label("text").fill(HOSTILE)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answers pre")).to_contain_text("onerror")
    go(page, console, "requests/" + quote(quote(HOSTILE, safe=""), safe=""))
    expect(page.locator(".problem")).to_be_visible()
    assert "onerror" in seen, "the pages did show it"
    assert page.evaluate("window.hurt") is None
    assert page.locator("main img, main script, main iframe").count() == 0


def test_a_job_is_followed_cancelled_and_replayed(console: RunningPlatform, page: Page, two_versions: str) -> None:
    # The last one: a model that sleeps in a stage goes on sleeping when nobody waits any more.
    slow = json.dumps({"text": "slow", "seconds": 8})
    assert call(console, "v2", slow, Prefer="respond-async") == 202
    go(page, console, "jobs")
    page.locator("tr.link", has_text="demo/echo").first.click()
    expect(page.locator("h1", has_text="Job job_")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".badge", has_text="cancelled")).to_be_visible()
    expect(page.locator(".cli", has_text="modelway job result job_")).to_be_visible()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".badge", has_text="cancelled")).to_be_visible()

"""What the journeys through the console share: one platform and one browser for each of their modules."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from journeys.browser import Complaints, open_browser, open_console
from journeys.running_platform import RunningPlatform, wait_for
from playwright.sync_api import Browser, Page, expect

WAIT_MS = 30_000  # a busy machine
DEPLOYMENT = """
apiVersion: modelway/v1
kind: Deployment
metadata: {{project: demo, model: echo, version: {version}}}
spec: {{package: {package}, cluster: local, env: {{LABEL: {label}, INFERENCE_LOG_PAYLOADS: "1"}}}}
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform with a console; nothing is deployed at first."""
    platform = RunningPlatform(tmp_path_factory.mktemp("console"), workers=1)
    platform.options = ("--console-port", "0")
    expect.set_options(timeout=WAIT_MS)
    try:
        yield platform.start()
    finally:
        platform.destroy()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser; each page in it is opened by who needs it."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def signed_in(console: RunningPlatform, chromium: Browser) -> tuple[Page, Complaints]:
    """One page of an admin for the journeys of a module, and what the browser complained about there."""
    return open_console(chromium, console)


@pytest.fixture
def page(signed_in: tuple[Page, Complaints]) -> Iterator[Page]:
    """The page; a test during which the browser complained has failed."""
    opened, complaints = signed_in
    complaints.clear()
    yield opened
    assert complaints == []


@pytest.fixture(scope="module")
def two_versions(console: RunningPlatform, echo_package: Path) -> str:
    """demo/echo with v1 and v2, both ready."""
    digest = console.upload(echo_package)
    documents = [
        DEPLOYMENT.format(version=version, package=digest, label=label) for version, label in (("v1", "a"), ("v2", "b"))
    ]
    console.apply(*documents)
    console.wait_ready("demo/echo/v1", "demo/echo/v2")
    # Not `wait_routed`: it runs an event loop of its own, and the browser's is running in this thread.
    wait_for("the gateway knows both", lambda: all(call(console, version) == 200 for version in ("v1", "v2")), 30)
    return "demo/echo"


def call(console: RunningPlatform, version: str, body: str = '{"text": "hello"}', **headers: str) -> int:
    """One request to a version of demo/echo; the status."""
    connection = http.client.HTTPConnection(urlsplit(console.gateway).netloc, timeout=20)
    try:
        named = {"X-API-Key": console.key, "Content-Type": "application/json", **headers}
        connection.request("POST", f"/demo/echo/{version}/echo", body, named)
        return connection.getresponse().status
    finally:
        connection.close()


def forgive(signed_in: tuple[Page, Complaints], status: int) -> None:
    """Chromium complains of every answer from 400 on; one that the test asked for is no fault."""
    said = signed_in[1]
    said[:] = [text for text in said if f"the server responded with a status of {status} " not in text]


def go(page: Page, console: RunningPlatform, path: str) -> None:
    """Open a page of the console."""
    page.goto(f"{console.context['console']}/#/{path}")

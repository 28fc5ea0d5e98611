"""The docs page of a deployed model, reached through the gateway: it asks, and copies commands, under the gateway's address."""

import ast
import json
import subprocess
import sys

import pytest
from journeys.browser import open_browser
from journeys.page_sitter import PageSitter
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]


def test_the_docs_page_through_the_gateway(platform: RunningPlatform, echo: str) -> None:
    platform.apply(deployment("docs/echo/v1", echo, LABEL="one"), route("docs/echo", {"v1": 1}, access="open"))
    platform.wait_ready("docs/echo/v1")
    platform.wait_routed("/docs/echo/echo")
    with open_browser() as browser:
        for address in ("docs/echo", "docs/echo/v1"):
            page = PageSitter(browser)
            page.open(f"{platform.gateway}/{address}/docs")
            page.fill("#echo-text", "it's me")
            page.press("Control+Enter")
            page.until("document.querySelector('#echo .value')")
            said = json.loads(page.evaluate("document.querySelector('#echo .value').textContent"))
            assert (said["text"], said["label"]) == ("it's me", "one")
            assert "modelway-version v1" in page.text("#echo .result")
            curl = page.text("#echo .program")
            assert f"{platform.gateway}/{address}/echo" in curl
            assert json.loads(subprocess.check_output(["bash", "-c", curl], timeout=30)) == said
            page.evaluate("document.querySelector('#echo input[value=Python]').click()")
            python = page.text("#echo .program")
            assert (
                ast.literal_eval(subprocess.check_output([sys.executable, "-c", python], timeout=60).decode()) == said
            )
            assert page.errors == []
            assert all(each.startswith((f"{platform.gateway}/{address}/", "data:")) for each in page.requested)
            page.close()

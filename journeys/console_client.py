"""Asks the console as any program could, and as its own page does once somebody is signed in."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from journeys.running_platform import RunningPlatform


def ask(
    running: RunningPlatform, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request to the console: status, headers with small names, body."""
    connection = http.client.HTTPConnection(urlsplit(running.context["console"]).netloc, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), named)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def sign_in(running: RunningPlatform) -> dict[str, str]:
    """The headers with which a page that signed in asks."""
    status, headers, body = ask(running, "POST", "/session", {"key": running.key}, X_Modelway_Console="1")
    assert status == 200, body
    cookie = headers["set-cookie"].split("; ")[0]
    return {"Cookie": cookie, "X-Modelway-Console": json.loads(body)["token"]}

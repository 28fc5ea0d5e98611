"""Keys, tokens and limits on a real platform: what is declared with commands holds at every gateway worker."""

import asyncio
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from journeys.conftest import PlatformFactory
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
EVERYWHERE_SECONDS = 30.0  # on a machine however busy; 5 is promised


def statuses(platform: RunningPlatform, path: str, key: str, connections: int = 12) -> Counter[int]:
    """One request on each of some connections, so that every worker is asked."""

    async def run() -> Counter[int]:
        found: Counter[int] = Counter()
        for _ in range(connections):
            async with platform.caller(key=key) as caller:
                found[(await caller.post(path, b'{"text": "hello"}')).status] += 1
        return found

    return asyncio.run(run())


def wait_for_status(platform: RunningPlatform, path: str, key: str, status: int) -> float:
    """Seconds until every worker answered with `status` only."""
    begun = time.monotonic()
    wait_for(f"{status} everywhere", lambda: set(statuses(platform, path, key)) == {status}, EVERYWHERE_SECONDS)
    return time.monotonic() - begun


def test_a_key_through_its_life(platform: RunningPlatform, echo: str) -> None:
    platform.apply(deployment("life/echo/v1", echo))
    platform.wait_ready("life/echo/v1")
    path = "/life/echo/v1/echo"
    made = json.loads(
        platform.cli("key", "create", "robot", "--consumer", "batch", "--scope", "life/*", "-o", "json").stdout
    )
    wait_for_status(platform, path, made["secret"], 200)
    assert set(statuses(platform, "/other/model/predict", made["secret"])) == {403}
    second = platform.cli("key", "rotate", made["id"], "--grace", "2s").stdout.strip()
    wait_for_status(platform, path, second, 200)
    wait_for_status(platform, path, made["secret"], 401)  # its time of grace is over
    used = wait_for("its use is known", lambda: _key(platform, made["id"]).get("lastUsedAt"), 60)
    assert used
    platform.cli("key", "revoke", made["id"])
    assert wait_for_status(platform, path, second, 401) < EVERYWHERE_SECONDS
    with platform.control() as control:
        records = list(control.logs(source="access", project="life", model="echo", tail=1000))
    assert {each.get("consumer") for each in records if each["key"] == made["id"]} == {"batch"}


def test_a_key_ends_while_control_stands_still(own_platform: PlatformFactory, echo_package: Path) -> None:
    platform = own_platform().start()
    platform.apply(deployment("end/echo/v1", platform.upload(echo_package)))
    platform.wait_ready("end/echo/v1")
    secret = platform.cli("key", "create", "short", "--expires", "6s").stdout.strip()
    made = time.monotonic()
    wait_for_status(platform, "/end/echo/v1/echo", secret, 200)
    control = platform.control_process()
    assert control is not None
    os.kill(control, signal.SIGSTOP)
    try:
        assert set(statuses(platform, "/end/echo/v1/echo", secret)) == {200}
        time.sleep(max(0.0, made + 5.5 - time.monotonic()))
        wait_for_status(platform, "/end/echo/v1/echo", secret, 401)
    finally:
        os.kill(control, signal.SIGCONT)


def test_tokens_of_a_declared_issuer(platform: RunningPlatform, echo: str) -> None:
    platform.apply(deployment("token/echo/v1", echo))
    platform.wait_ready("token/echo/v1")
    path = "/token/echo/v1/echo"
    private = ec.generate_private_key(ec.SECP256R1())
    public = jwt.get_algorithm_by_name("ES256").to_jwk(private.public_key(), as_dict=True)
    claims = {"iss": "https://login", "aud": "models", "sub": "alice", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, private, "ES256", {"kid": "one"})
    assert set(statuses(platform, path, token)) == {401}
    with _key_set({**public, "kid": "one"}) as url:
        words = ("--issuer", "https://login", "--audience", "models", "--scope", "token/*")
        platform.cli("issuer", "set", "corp", *words, "--key-set-url", url)
        wait_for_status(platform, path, token, 200)
        assert set(statuses(platform, "/other/model/predict", token)) == {403}
        platform.cli("issuer", "remove", "corp")
        wait_for_status(platform, path, token, 401)


def test_a_limit_holds_over_the_workers(platform: RunningPlatform, echo: str) -> None:
    limited = route("limit/echo", {"v1": 1}).rstrip().removesuffix("}")
    platform.apply(
        deployment("limit/echo/v1", echo),
        limited + ", limits: [{per: consumer, requests: 1, window: 1h, burst: 40}]}\n",
    )
    platform.wait_ready("limit/echo/v1")
    with platform.control() as control:
        one, other = (control.create_key(name).secret for name in ("one", "other"))
    wait_for("the key is known", lambda: 401 not in statuses(platform, "/limit/none/x", one))
    found = statuses(platform, "/limit/echo/echo", one, 60)
    assert found[429] > 0
    assert 30 <= found[200] <= 40
    assert set(statuses(platform, "/limit/echo/echo", other, 12)) == {200}


def _key(platform: RunningPlatform, key_id: str) -> dict[str, Any]:
    with platform.control() as control:
        return next(each for each in control.list_all("keys") if each["id"] == key_id)


@contextmanager
def _key_set(*keys: dict[str, Any]) -> Generator[str]:
    body = json.dumps({"keys": keys}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

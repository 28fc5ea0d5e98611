"""Asynchronous requests on a real platform: from `Prefer: respond-async` to the result, and what callers may ask."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from journeys.conftest import PlatformFactory
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = pytest.mark.journey
ROUTE = """
apiVersion: modelway/v1
kind: Route
metadata: {{project: {project}, model: {model}}}
spec: {{versions: [{{version: v1, weight: 1}}], async: {{concurrency: {concurrency}, attempts: 2}}, timeoutSeconds: 10}}
"""


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Client:
    """Speaks to the gateway with one key."""

    def __init__(self, platform: RunningPlatform, key: str) -> None:
        self._port = platform.gateway_port
        self._key = key

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Said:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def submit(self, path: str, text: str, *, seconds: float = 0.0, prefer: str = "respond-async", **more: str) -> Said:
        body = json.dumps({"text": text, "seconds": seconds}).encode()
        return self.ask("POST", path, body, Content_Type="application/json", Prefer=prefer, **more)

    def wait(self, job: str, seconds: int = 20) -> dict[str, Any]:
        said = self.ask("GET", f"{job}?wait={seconds}")
        assert said.status == 200, said
        return said.json


@pytest.fixture(scope="module")
def ready(platform: RunningPlatform, echo_package: Path) -> RunningPlatform:
    digest = platform.upload(echo_package)
    platform.apply(
        deployment("jobs/echo/v1", digest),
        ROUTE.format(project="jobs", model="echo", concurrency=8),
        deployment("jobs/slow/v1", digest),
        ROUTE.format(project="jobs", model="slow", concurrency=1),
    )
    platform.wait_ready("jobs/echo/v1", "jobs/slow/v1")
    platform.wait_routed("/jobs/echo/v1/echo")
    platform.wait_routed("/jobs/slow/v1/echo")
    return platform


def key_for(platform: RunningPlatform, name: str, *scopes: str) -> str:
    with platform.control() as control:
        secret = control.create_key(name, scopes=scopes).secret
    client = Client(platform, secret)
    wait_for("the key is known", lambda: all(client.ask("GET", "/_/jobs").status == 200 for _ in range(6)) or None)
    return secret


@pytest.fixture(scope="module")
def ann(ready: RunningPlatform) -> Client:
    return Client(ready, key_for(ready, "ann", "jobs/*"))


@pytest.fixture(scope="module")
def bob(ready: RunningPlatform) -> Client:
    return Client(ready, key_for(ready, "bob"))


def test_accepted_executed_and_fetched(ann: Client) -> None:
    accepted = ann.submit("/jobs/echo/echo?x=1", "hello")
    assert accepted.status == 202
    assert accepted.headers["preference-applied"] == "respond-async"
    assert accepted.headers["modelway-durability"] == "synced"
    where = accepted.headers["location"]
    assert where == f"/_/jobs/{accepted.headers['modelway-job']}"
    assert accepted.json["state"] in {"queued", "running"}
    job = ann.wait(where)
    assert (job["state"], job["result"]["status"], job["result"]["version"]) == ("succeeded", 200, "v1")
    assert job["result"]["json"]["text"] == "hello"
    result = ann.ask("GET", where + "/result")
    assert (result.status, result.headers["content-type"]) == (200, "application/json")
    assert result.json == job["result"]["json"]


def test_a_caller_may_wait_a_moment_for_the_answer_itself(ann: Client) -> None:
    said = ann.submit("/jobs/echo/v1/echo", "soon", prefer="respond-async, wait=10")
    assert (said.status, said.json["text"]) == (200, "soon")
    assert said.headers["modelway-job"].startswith("job_")


def test_without_the_preference_nothing_changes(ann: Client) -> None:
    assert ann.submit("/jobs/echo/echo", "now", prefer="handling=lenient").json["text"] == "now"


def test_what_is_wrong_with_a_request_is_its_result(ann: Client) -> None:
    accepted = ann.ask(
        "POST", "/jobs/echo/echo", b'{"text": 7}', Content_Type="application/json", Prefer="respond-async"
    )
    job = ann.wait(accepted.headers["location"])
    assert (job["state"], job["reason"], job["attempts"]) == ("failed", "invalid_input", 0)
    assert ann.ask("GET", accepted.headers["location"] + "/result").status == 422


def test_admission_comes_first(ann: Client, ready: RunningPlatform) -> None:
    assert Client(ready, "").submit("/jobs/echo/echo", "x").code == "unauthenticated"
    assert ann.submit("/other/model/echo", "x").code == "out_of_scope"
    assert ann.submit("/jobs/none/echo", "x").code == "model_not_found"
    assert ann.submit("/jobs/echo/v9/echo", "x").code == "version_not_found"
    assert ann.submit("/jobs/echo/echo", "x", Modelway_Priority="11").code == "invalid_request"
    assert ann.submit("/jobs/echo/echo", "x", Modelway_Expires="2d").code == "invalid_request"
    assert ann.submit("/jobs/echo/echo", "x", Modelway_Callback="http://127.0.0.1/").code == "callback_refused"


def test_the_same_idempotency_key_is_the_same_job(ann: Client, bob: Client) -> None:
    first, again = (ann.submit("/jobs/echo/echo", "once", Idempotency_Key="k-1") for _ in range(2))
    assert again.status == 202
    assert first.headers["location"] == again.headers["location"]
    other = ann.submit("/jobs/echo/echo", "twice", Idempotency_Key="k-1")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert bob.submit("/jobs/echo/echo", "once", Idempotency_Key="k-1").headers["location"] != first.headers["location"]


def test_jobs_are_their_consumers_own(ann: Client, bob: Client, ready: RunningPlatform) -> None:
    where = ann.submit("/jobs/echo/echo", "mine").headers["location"]
    ann.wait(where)
    unknown = bob.ask("GET", "/_/jobs/job_" + "0" * 26)
    for method, path in (("GET", where), ("GET", where + "/result"), ("DELETE", where), ("POST", where + "/replay")):
        refused = bob.ask(method, path, None)
        assert (refused.status, refused.json["error"]["message"]) == (404, unknown.json["error"]["message"])
        assert Client(ready, "").ask(method, path).status == 401
        assert Client(ready, "mw_wrong").ask(method, path).status == 401
    assert where.removeprefix("/_/jobs/") not in bob.ask("GET", "/_/jobs").body.decode()
    assert bob.ask("GET", "/_/jobs?consumer=ann").status == 403
    assert bob.ask("GET", "/_/jobs/queues").status == 403
    admin = Client(ready, ready.key)
    assert admin.ask("GET", where).json["consumer"] == "ann"
    assert admin.ask("GET", "/_/jobs?consumer=ann&limit=500").json["items"]


def test_nobody_passes_for_another_or_for_the_gateway(bob: Client, ann: Client, ready: RunningPlatform) -> None:
    where = ann.submit("/jobs/echo/echo", "mine").headers["location"]
    forged: dict[str, Any] = {"Modelway_Consumer": "ann", "Modelway_Job_Admin": "true", "Modelway_Jobs_Secret": "x"}
    assert bob.ask("GET", where, **forged).status == 404
    assert (
        bob.ask("GET", "/_/jobs?limit=500", **forged).json["items"] == bob.ask("GET", "/_/jobs?limit=500").json["items"]
    )
    port = next(port for port in _listening_ports(ready) if port not in {ready.gateway_port, ready.control_port})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", where, headers={"Modelway-Job-Admin": "true"})
    assert connection.getresponse().status in {403, 404}
    connection.close()


def test_priority_position_and_cancelling(ann: Client) -> None:
    running = ann.submit("/jobs/slow/echo", "first", seconds=1.5).headers["location"]
    wait_for("it runs", lambda: ann.ask("GET", running).json["state"] == "running" or None)
    low = ann.submit("/jobs/slow/echo", "low", Modelway_Priority="1").headers["location"]
    high = ann.submit("/jobs/slow/echo", "high", Modelway_Priority="9").headers["location"]
    unwanted = ann.submit("/jobs/slow/echo", "unwanted", Modelway_Priority="5").headers["location"]
    assert [ann.ask("GET", job).json["position"] for job in (high, unwanted, low)] == [0, 1, 2]
    early = ann.ask("GET", low + "/result")
    assert (early.status, early.code, early.headers["retry-after"]) == (409, "job_not_finished", "1")
    cancelled = ann.ask("DELETE", unwanted)
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    assert ann.ask("GET", unwanted + "/result").code == "job_cancelled"
    assert ann.ask("DELETE", running).json["state"] == "cancelled", "one that runs, too"
    finished = [ann.wait(job)["finishedAt"] for job in (high, low)]
    assert finished == sorted(finished)
    assert ann.ask("DELETE", high).status == 409


def test_one_that_waits_too_long_expires(ann: Client) -> None:
    blocking = ann.submit("/jobs/slow/echo", "long", seconds=2.0).headers["location"]
    wait_for("it runs", lambda: ann.ask("GET", blocking).json["state"] == "running" or None)
    late = ann.submit("/jobs/slow/echo", "late", Modelway_Expires="500ms").headers["location"]
    assert ann.wait(late)["state"] == "expired"
    assert ann.ask("GET", late + "/result").code == "job_expired"
    ann.ask("DELETE", blocking)


def test_limits_count_a_job_once(ann: Client, ready: RunningPlatform, echo_package: Path) -> None:
    limited = ROUTE.format(project="jobs", model="limited", concurrency=4).replace(
        "timeoutSeconds", "limits: [{per: consumer, requests: 4, window: 1h}], timeoutSeconds"
    )
    ready.apply(deployment("jobs/limited/v1", ready.upload(echo_package)), limited)
    ready.wait_ready("jobs/limited/v1")
    prober = Client(ready, key_for(ready, "prober"))
    wait_for(
        "limits hold",
        lambda: all(prober.submit("/jobs/limited/echo", "x", prefer="").status == 429 for _ in range(8)) or None,
    )
    answers = [ann.submit("/jobs/limited/echo", str(each)) for each in range(5)]
    assert [each.status for each in answers] == [202, 202, 202, 202, 429]
    for each in answers[:4]:
        job = ann.wait(each.headers["location"])
        assert (job["state"], job["attempts"]) == ("succeeded", 0), "executed though the limit is used up"


def test_a_list_has_filters_and_pages(ann: Client) -> None:
    for text in "abcde":
        ann.wait(ann.submit("/jobs/echo/echo", text).headers["location"])
    first = ann.ask("GET", "/_/jobs?model=jobs/echo&state=succeeded&limit=3").json
    second = ann.ask("GET", f"/_/jobs?model=jobs/echo&state=succeeded&limit=3&before={first['next']}").json
    ids = [job["id"] for job in (*first["items"], *second["items"])]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) >= 5
    assert ann.ask("GET", "/_/jobs?state=running,queued").json["items"] == []
    for wrong in ("state=gone", "limit=0", "limit=x", "before=x", "colour=red"):
        assert ann.ask("GET", f"/_/jobs?{wrong}").code == "invalid_request"


def test_large_requests_and_results_lie_beside_the_database(ann: Client, ready: RunningPlatform) -> None:
    text = "x" * 300_000
    where = ann.submit("/jobs/echo/echo", text).headers["location"]
    job = ann.wait(where)
    assert job["result"]["bytes"] > 300_000
    assert "json" not in job["result"]
    assert ann.ask("GET", where + "/result").json["text"] == text
    assert sum(1 for _ in (ready.home / "jobs").iterdir()) >= 2


class _Hook(BaseHTTPRequestHandler):
    told: list[tuple[dict[str, str], bytes]] = []  # noqa: RUF012 - one server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_callback_a_crash_and_metrics(
    own_platform: PlatformFactory, echo_package: Path, hook: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWAY_CALLBACK_NETWORKS", "127.0.0.0/8")
    platform = own_platform(workers=1).start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("own/echo/v1", digest), ROUTE.format(project="own", model="echo", concurrency=4))
    platform.wait_ready("own/echo/v1")
    platform.wait_routed("/own/echo/v1/echo")
    admin = Client(platform, platform.key)
    url = f"http://127.0.0.1:{hook.server_port}/told"
    slow = [admin.submit("/own/echo/echo", str(each), seconds=0.4, Modelway_Callback=url) for each in range(6)]
    os.kill(jobs_process(platform), signal.SIGKILL)
    refused = [admin.submit("/own/echo/echo", "away")]
    assert refused[0].status in {202, 503}
    wait_for("jobs are back", lambda: admin.ask("GET", "/_/jobs").status == 200 or None)
    for each in slow:
        assert each.status == 202
        assert admin.wait(each.headers["location"])["state"] == "succeeded"
    ids = {each.headers["modelway-job"] for each in slow}
    wait_for("all are told", lambda: {json.loads(body)["data"]["id"] for _, body in _Hook.told} == ids or None)
    secret = admin.ask("GET", "/_/jobs/callback-secret").json["secret"]
    for fields, body in _Hook.told:
        signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
        digest_of = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        assert fields["webhook-signature"] == "v1," + base64.b64encode(digest_of).decode()
    wait_for("metrics", lambda: "jobs_finished_total{" in admin.ask("GET", "/_/metrics").body.decode() or None)
    assert "modelway_jobs_oldest_queued_seconds" in admin.ask("GET", "/_/metrics").body.decode()
    assert platform.stop() == 0


def jobs_process(platform: RunningPlatform) -> int:
    """Whose command line says so."""
    for pid in platform.processes():
        if b"modelway_platform.apps.jobs" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("no jobs process")


def _listening_ports(platform: RunningPlatform) -> list[int]:
    words = Path(f"/proc/{jobs_process(platform)}/cmdline").read_bytes().split(b"\0")
    return [int(words[words.index(b"--port") + 1])]

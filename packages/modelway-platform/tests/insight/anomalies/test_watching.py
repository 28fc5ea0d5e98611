"""From series to incidents and those who are told of them: each once, durable, muted, acknowledged, resolved."""

import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import NotFoundError
from modelway_platform.apps.alert_post import guarded_post, plain_post, signer
from modelway_platform.domain.access.audit_entry import AuditQuery
from modelway_platform.domain.anomalies.anomaly_policy import AnomalyPolicy
from modelway_platform.domain.anomalies.incident import Incident, IncidentState
from modelway_platform.domain.anomalies.judgement import Cause
from modelway_platform.domain.anomalies.sample import Sample, latency_bin
from modelway_platform.domain.anomalies.shared_trouble import Shared
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.insight.anomalies.desk import SeriesDesk
from modelway_platform.insight.anomalies.evidence import EvidenceGatherer
from modelway_platform.insight.anomalies.model_watch import ModelWatch
from modelway_platform.insight.anomalies.places import ModelPlaces
from modelway_platform.insight.anomalies.plots import plot, read_judged
from modelway_platform.insight.anomalies.receivers import Receivers, RefusedError
from modelway_platform.insight.anomalies.telling import Teller
from modelway_platform.insight.anomalies.watcher import AnomalyWatcher, WatchParts
from modelway_platform.insight.series.store import SeriesReader, SeriesStore
from modelway_platform.insight.series.tiers import tiers_of
from modelway_platform.store.access.audit import Audit
from modelway_platform.store.anomalies.anomaly_settings import AnomalySettings
from modelway_platform.store.anomalies.incidents import IncidentQuery, Incidents
from modelway_platform.store.database import Database

START = int(time.time()) // 3600 * 3600 - 7200
MODEL = ModelKey("vision", "digits")
OTHER = ModelKey("vision", "faces")
LOOPBACK = CallbackRules(allowed=(ip_network("127.0.0.0/8"),))


class Platform:
    """Series that a test writes, and everything that watches them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.minute = 0
        self.now = float(START)
        self.series = SeriesStore(root / "series.db", tiers_of(60))
        self.database = Database.open(root / "modelway.db")
        self.settings = AnomalySettings(self.database, clock=lambda: self.now)
        self.audit = Audit(self.database)
        self.incidents = Incidents(self.database, clock=lambda: self.now)
        self.said: list[Incident] = []
        self.places = ModelPlaces(lambda: self.clusters, lambda: self.hosts, root / "shipped", clock=lambda: self.now)
        self.clusters: dict[ModelKey, frozenset[str]] = {}
        self.hosts: dict[ModelKey, frozenset[str]] = {}
        self.restart()

    def restart(self) -> None:
        """As after a kill: nothing is known but what was kept."""
        watch = ModelWatch(self.series)
        evidence = EvidenceGatherer(
            self.series, watch, self.root / "records", lambda since: self.audit.newest(AuditQuery())
        )
        self.watcher = AnomalyWatcher(
            WatchParts(
                watch=watch, incidents=self.incidents, settings=self.settings, evidence=evidence.gather,
                say=self.said.append, tell=True, step=60, places=self.places.of,
            )
        )  # fmt: skip

    def minutes(
        self,
        count: int,
        failed: float = 0.0,
        models: tuple[ModelKey, ...] = (MODEL,),
        failing: tuple[ModelKey, ...] | None = None,
    ) -> None:
        """Passes, with a share of requests failing, of all models or of some."""
        for _ in range(count):
            at = START + self.minute * 60
            samples = [
                (
                    VersionKey(each.project, each.model, "v1"),
                    Sample(
                        at=at,
                        seconds=60,
                        requests=100,
                        failed=round(100 * failed) if failing is None or each in failing else 0,
                        latency={latency_bin(9000): 90},
                    ),
                )
                for each in models
            ]
            self.series.put(60, at, at + 60, samples)
            self.series.roll_up(at + 60)
            self.minute += 1
            self.now = at + 60.0
            self.places.remember()
            self.watcher.turn(at + 60)

    def only(self) -> Incident:
        (found,) = self.incidents.find(IncidentQuery())
        return found

    def close(self) -> None:
        self.series.close()
        self.database.close()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    found = Platform(tmp_path)
    yield found
    found.close()


def test_errors_are_one_incident_with_its_evidence_until_they_are_over(platform: Platform) -> None:
    platform.settings.set_policy("vision", "", AnomalyPolicy(), "ann")
    platform.minutes(10)
    platform.minutes(3, failed=0.3)
    one = platform.only()
    assert (one.model, one.cause, one.state, one.versions) == (MODEL, Cause.ERRORS, IncidentState.OPEN, ("v1",))
    assert one.opened_at == START + 13 * 60, "the third bad minute"
    series: Mapping[str, Any] = one.evidence["series"]
    assert series["values"][-3:] == [0.3, 0.3, 0.3]
    assert one.evidence["metric"] == "failed"
    platform.minutes(12, failed=0.3)
    assert platform.only().times == 1
    platform.minutes(16)
    over = platform.only()
    assert (over.state, over.reason) == (IncidentState.RESOLVED, "back to what is usual")
    assert [each.over for each in platform.said] == [False, True]
    assert over.evidence == one.evidence


def test_an_incident_outlives_a_kill_and_is_not_opened_twice(platform: Platform) -> None:
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    known = platform.only()
    platform.restart()
    platform.minutes(3, failed=0.5)
    again = platform.only()
    assert (again.id, again.opened_at, again.times) == (known.id, known.opened_at, 1)
    assert len(platform.incidents.due_messages()) == 1


def test_acknowledging_stays_while_it_is_seen_and_is_audited(platform: Platform) -> None:
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    name = platform.only().id
    platform.incidents.acknowledge(name, "ann", "rolling back")
    platform.incidents.acknowledge(name, "bob", "")
    platform.minutes(2, failed=0.5)
    one = platform.only()
    assert (one.state, one.acknowledged_by, one.note) == (IncidentState.ACKNOWLEDGED, "ann", "rolling back")
    assert [each.action for each in platform.audit.newest(AuditQuery())] == ["acknowledged"]
    with pytest.raises(NotFoundError, match="an-nothing"):
        platform.incidents.acknowledge("an-nothing", "ann", "")
    (changed,) = platform.incidents.following(0)
    assert platform.incidents.following(changed[0]) == []
    assert platform.incidents.newest_number() == changed[0]


def test_a_policy_ends_what_is_not_watched_any_more(platform: Platform) -> None:
    platform.settings.set_policy("vision", "faces", AnomalyPolicy(causes=frozenset()), "ann")
    platform.minutes(5, models=(MODEL, OTHER))
    platform.minutes(4, failed=0.5, models=(MODEL, OTHER))
    assert platform.only().model == MODEL
    platform.settings.set_policy("vision", "", AnomalyPolicy(causes=frozenset({Cause.TRAFFIC})), "ann")
    platform.minutes(62, failed=0.5)
    assert platform.only().over
    platform.settings.drop_policy("vision", "", "ann")
    with pytest.raises(NotFoundError):
        platform.settings.drop_policy("vision", "", "ann")


def test_what_is_said_of_a_model_can_be_read_and_drawn(platform: Platform) -> None:
    platform.minutes(20, failed=0.01)
    reader = SeriesReader(platform.series.path, tiers_of(60))
    judged = read_judged(reader, MODEL)
    blind = {each.cause: each.blind for each in judged.judgements if each.blind}
    assert "0 of 156 hours" in blind[Cause.TRAFFIC]
    assert Cause.ERRORS not in blind
    drawn = plot(reader.read(60, START, START + 1200), 60, judged.usual)
    assert drawn["model"]["failed"] == [0.01] * 20
    assert [each["version"] for each in drawn["versions"]] == ["v1"]
    new = SeriesDesk(reader, clock=lambda: platform.now).series(MODEL, 7 * 86_400.0)
    assert (new["step"], len(new["times"])) == (60, 20), "nothing coarser is there yet"
    assert read_judged(reader, OTHER).judgements == ()
    assert read_judged(SeriesReader(platform.root / "none.db", tiers_of(60)), MODEL).judgements == ()


class Receiver:
    """A webhook that keeps what it gets, and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook?a=1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def teller(platform: Platform, receivers: Receivers, rules: CallbackRules = LOOPBACK) -> Teller:
    _, sign = signer("the platform's secret")
    return Teller(platform.incidents, receivers, webhook=guarded_post(rules), alertmanager=plain_post(), sign=sign)


def test_a_webhook_gets_each_message_signed_until_it_takes_it(platform: Platform, receiver: Receiver) -> None:
    secret, _ = signer("the platform's secret")
    sends = teller(platform, Receivers(webhook=receiver.url))
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    receiver.status = 500
    sends.turn((), platform.now)
    sends.turn((), platform.now)
    assert len(receiver.got) == 1, "not at once again"
    receiver.status = 204
    platform.minutes(20)
    sends.turn((), platform.now)
    sends.turn((), platform.now)
    bodies = [json.loads(body) for _, body in receiver.got]
    assert [(each["event"], each["anomaly"]["cause"]) for each in bodies] == [
        ("opened", "errors"), ("opened", "errors"), ("resolved", "errors"),
    ]  # fmt: skip
    headers, body = receiver.got[0]
    assert headers["webhook-id"] == receiver.got[1][0]["webhook-id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert hmac.compare_digest(b64decode(headers["webhook-signature"].removeprefix("v1,")), digest)


def test_a_webhook_cannot_be_led_to_private_addresses(platform: Platform, receiver: Receiver) -> None:
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    teller(platform, Receivers(webhook=receiver.url), CallbackRules()).turn((), platform.now)
    assert not receiver.got
    for url in ("http://169.254.169.254/latest", "https://10.0.0.1/", "https://localhost/"):
        with pytest.raises(RefusedError):
            guarded_post(CallbackRules())(url, b"", {})


def test_nobody_is_told_of_what_is_muted_until_it_ends(platform: Platform, receiver: Receiver) -> None:
    sends = teller(platform, Receivers(webhook=receiver.url))
    mute = platform.settings.mute(MODEL, "errors", platform.now + 3600, author="ann", note="load test")
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    sends.turn(platform.settings.mutes(), platform.now)
    assert not receiver.got
    with pytest.raises(NotFoundError):
        platform.settings.unmute("other", mute.id, "ann")
    platform.settings.unmute("vision", mute.id, "ann")
    assert platform.settings.mutes() == []
    platform.now += 3600
    sends.turn(platform.settings.mutes(), platform.now)
    assert len(receiver.got) == 1


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """The real one."""
    if shutil.which("prometheus-alertmanager") is None:
        pytest.skip("prometheus-alertmanager is not installed (scripts/test-parts)")
    (tmp_path / "am.yml").write_text("route: {receiver: n, group_wait: 1s}\nreceivers: [{name: n}]\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            "prometheus-alertmanager", f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'am'}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError):
            urllib.request.urlopen(f"{url}/-/ready", timeout=5).close()
            break
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(30)


def alerts(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=30) as answer:
        return json.load(answer)


def test_a_real_alertmanager_shows_an_incident_once_and_lets_go_of_it(platform: Platform, alertmanager: str) -> None:
    sends = teller(platform, Receivers(alertmanager=alertmanager, console="http://127.0.0.1:7080"))
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    now = time.time()
    sends.turn((), now)
    sends.turn((), now)
    (alert,) = alerts(alertmanager)
    assert alert["labels"] == {
        "alertname": "ModelwayAnomaly", "project": "vision", "model": "digits", "cause": "errors", "severity": "warning",
    }  # fmt: skip
    assert "failed (5xx)" in alert["annotations"]["description"]
    assert alert["generatorURL"].endswith(f"/#/anomalies/vision/{platform.only().id}")
    platform.minutes(20)
    sends.turn((), platform.now)
    assert alerts(alertmanager) == []


MANY = tuple(ModelKey(f"p{number % 2}", f"m{number}") for number in range(8))


def test_a_lost_node_is_one_incident_with_its_members(
    platform: Platform, receiver: Receiver, alertmanager: str
) -> None:
    sends = teller(platform, Receivers(webhook=receiver.url))
    pages = teller(platform, Receivers(alertmanager=alertmanager))
    platform.hosts = {each: frozenset({"10.0.0.1" if number < 4 else "10.0.0.2"}) for number, each in enumerate(MANY)}
    platform.clusters = {each: frozenset({"east"}) for each in MANY}
    platform.minutes(10, models=MANY)
    platform.hosts = {each: hosts for each, hosts in platform.hosts.items() if "10.0.0.2" in hosts}  # it is gone by now
    platform.minutes(3, 0.5, MANY, failing=MANY[:3])
    platform.minutes(3, 0.5, MANY, failing=MANY[:4])
    sends.turn((), platform.now)
    now = time.time()
    pages.turn((), now)
    pages.turn((), now)
    found = platform.incidents.find(IncidentQuery(state="standing"))
    (together,) = {each.together for each in found}
    assert together is not None
    assert (together.kind, together.name, {each.model for each in found}) == ("node", "10.0.0.1", set(MANY[:4]))
    (said,) = [json.loads(body) for _, body in receiver.got]  # the first three were not told of by themselves
    assert (said["event"], said["together"]["id"], len(said["together"]["members"])) == ("opened", together.id, 4)
    assert said["together"]["words"].startswith("4 models fail at once and share node 10.0.0.1: p0/m0, ")
    assert all("failed (5xx)" in each["words"] for each in said["together"]["members"])
    assert said["anomaly"]["evidence"]["series"]
    (alert,) = alerts(alertmanager)
    assert (alert["labels"]["alertname"], alert["labels"]["shared"], alert["labels"]["name"]) == (
        "ModelwayAnomalies", "node", "10.0.0.1",
    )  # fmt: skip
    assert alert["annotations"]["description"].count("\n") == 3
    platform.minutes(20, models=MANY)
    sends.turn((), platform.now)
    assert [json.loads(body)["event"] for _, body in receiver.got] == ["opened", "resolved"], (
        "once, with the last of them"
    )
    pages.turn((), platform.now)
    assert alerts(alertmanager) == []


def test_who_joins_after_it_was_told_is_told_of(platform: Platform, receiver: Receiver) -> None:
    sends = teller(platform, Receivers(webhook=receiver.url))
    platform.clusters = {each: frozenset({"east"}) for each in MANY[:5]}
    platform.minutes(10, models=MANY)
    for failing in (MANY[:1], MANY[:3], MANY[:4]):
        platform.minutes(3, 0.5, MANY, failing=failing)
        sends.turn((), platform.now)
    said = [json.loads(body) for _, body in receiver.got]
    assert [(each["event"], len(each.get("together", {}).get("members", ()))) for each in said] == [
        ("opened", 0), ("opened", 3), ("grown", 4),
    ]  # fmt: skip


def test_a_silent_gateway_and_a_cluster_are_named(platform: Platform) -> None:
    platform.clusters = {each: frozenset({"east" if number < 4 else "west"}) for number, each in enumerate(MANY)}
    platform.minutes(10, models=MANY)
    platform.minutes(4, 0.5, MANY, failing=MANY[4:])
    (together,) = {each.together for each in platform.incidents.find(IncidentQuery())}
    assert together is not None
    assert (together.kind, together.name) == ("cluster", "west")
    for gateway, ago in (("g1", 5.0), ("g2", 600.0), ("g3", 90_000.0)):
        path = platform.root / "shipped" / gateway / "access" / "worker-0-1.ndjson"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (platform.now - ago, platform.now - ago))
    places = platform.places.of(MANY)
    assert {each for of_model in places.values() for each in of_model if each.kind == "gateway"} == {
        Shared("gateway", "g2")
    }
    assert not any(each.kind == "node" for of_model in places.values() for each in of_model), "loopback says nothing"


def test_an_alertmanager_that_is_away_stops_nothing(platform: Platform) -> None:
    platform.minutes(5)
    platform.minutes(4, failed=0.5)
    teller(platform, Receivers(alertmanager="http://127.0.0.1:9")).turn((), platform.now)

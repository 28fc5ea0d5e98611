"""Logs, metrics, health and status over HTTP."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaRecord, ReplicaState


def access(path: Path, *records: dict[str, Any]) -> None:
    with path.open("ab") as file:
        file.writelines(json.dumps(record).encode() + b"\n" for record in records)


def record(moment: float, version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"time": moment, "project": "vision", "model": "digits", "version": version, "replica": "r1", **fields}


def lines(reply: Any) -> list[Any]:
    assert reply.status == 200, reply.body
    return [json.loads(line) for line in reply.body.splitlines() if line]


def test_the_tail_of_all_workers_in_order_of_time(api: Any) -> None:
    folder = api.root / "access"
    access(folder / "worker-0-9.ndjson", *(record(moment) for moment in (1, 4)))
    access(folder / "worker-0-10.ndjson", *(record(moment) for moment in (7, 8)))
    access(folder / "worker-1-1.ndjson", *(record(moment, "v2") for moment in (2, 3, 9)))
    with (folder / "worker-1-1.ndjson").open("ab") as file:
        file.write(b'not json\n[1]\n{"time": 10, "torn')
    assert [each["time"] for each in lines(api.ask("GET", "/v1/logs"))] == [1, 2, 3, 4, 7, 8, 9]
    assert [each["time"] for each in lines(api.ask("GET", "/v1/logs?tail=3"))] == [7, 8, 9]
    assert [each["time"] for each in lines(api.ask("GET", "/v1/logs?version=v2&tail=2"))] == [3, 9]
    assert [each["time"] for each in lines(api.ask("GET", "/v1/logs?project=vision&model=digits&version=v1&tail=3"))] == [
        4, 7, 8,
    ]  # fmt: skip
    assert lines(api.ask("GET", "/v1/logs?tail=0")) == []
    assert lines(api.ask("GET", "/v1/logs?project=other")) == []


def test_a_tail_reaches_back_over_blocks(api: Any) -> None:
    path = api.root / "access" / "worker-0-1.ndjson"
    access(path, *(record(moment, filler="x" * 500) for moment in range(3000)))
    found = lines(api.ask("GET", "/v1/logs?tail=2500"))
    assert [each["time"] for each in found] == list(range(500, 3000))
    found = lines(api.ask("GET", "/v1/logs?tail=10000"))
    assert [each["time"] for each in found] == list(range(3000))


def test_durations_are_told_in_milliseconds(api: Any) -> None:
    access(api.root / "access" / "worker-0-1.ndjson", record(1, duration_us=1500, upstream_us=20))
    (found,) = lines(api.ask("GET", "/v1/logs"))
    assert (found["duration_ms"], found["upstream_ms"]) == (1.5, 0.02)
    assert "duration_us" not in found


def test_following_sees_new_records_and_new_segments(api: Any) -> None:
    folder = api.root / "access"
    access(folder / "worker-0-1.ndjson", record(1))
    stream = api.stream("/v1/logs?follow=true&tail=5&version=v1")
    assert next(stream)["time"] == 1
    access(folder / "worker-0-1.ndjson", record(2, "v2"), record(3))
    assert next(stream)["time"] == 3
    with (folder / "worker-0-1.ndjson").open("ab") as file:
        text = json.dumps(record(4)).encode() + b"\n"
        file.write(text[:20])
        file.flush()
        time.sleep(0.25)
        file.write(text[20:])
    assert next(stream)["time"] == 4
    access(folder / "worker-1-1.ndjson", record(5))
    assert next(stream)["time"] == 5


def test_what_servers_wrote(api: Any) -> None:
    for replica, version in (("r1", "v1"), ("r2", "v2")):
        api.replicas.save(
            ReplicaRecord(
                id=replica, key=VersionKey("vision", "digits", version), revision=1, package="", placement={},
                state=ReplicaState.READY, restarts=0, started_at=float(replica[1]),
            )
        )  # fmt: skip
        folder = api.root / "replicas" / replica
        folder.mkdir()
        (folder / "server.log").write_bytes(f"loading {replica}\n\xff caf\n".encode("latin-1"))
    (api.root / "replicas" / "gone").mkdir()
    (api.root / "replicas" / "gone" / "server.log").write_text("last words\n")
    (api.root / "server.log").write_text("not for you\n")
    found = lines(api.ask("GET", "/v1/logs?source=server&version=v2"))
    assert found == [
        {"replica": "r2", "project": "vision", "model": "digits", "version": "v2", "line": line}
        for line in ("loading r2", "\ufffd caf")
    ]
    assert len(lines(api.ask("GET", "/v1/logs?source=server&project=vision"))) == 4
    assert lines(api.ask("GET", "/v1/logs?source=server&replica=gone")) == [{"replica": "gone", "line": "last words"}]
    for replica in ("..", ".", "../replicas/r1", "%2e%2e"):
        assert lines(api.ask("GET", f"/v1/logs?source=server&replica={replica}")) == []
    stream = api.stream("/v1/logs?source=server&replica=r1&tail=1&follow=true")
    assert next(stream)["line"] == "\ufffd caf"
    with (api.root / "replicas" / "r1" / "server.log").open("a") as file:
        file.write("more\n")
    assert next(stream)["line"] == "more"


def test_what_became_of_requests_in_the_servers(api: Any) -> None:
    for replica, moments in (("r1", (1, 3)), ("r2", (2, 4)), ("gone", (0,))):
        folder = api.root / "replicas" / replica / "inference"
        folder.mkdir(parents=True)
        lines_of = [
            record(moment, "v2" if replica == "r2" else "v1", replica=replica, queue_us=250, request_id=f"q{moment}")
            for moment in moments
        ]
        access(folder / "worker-0-1.ndjson", *lines_of)
    (api.root / "replicas" / "bare").mkdir()
    ask = "/v1/logs?source=inference"
    assert [each["time"] for each in lines(api.ask("GET", ask))] == [0, 1, 2, 3, 4]
    assert [each["time"] for each in lines(api.ask("GET", f"{ask}&version=v2"))] == [2, 4]
    assert [each["time"] for each in lines(api.ask("GET", f"{ask}&replica=r1"))] == [1, 3]
    assert lines(api.ask("GET", f"{ask}&replica=..")) == []
    (one,) = lines(api.ask("GET", f"{ask}&requestId=q3"))
    assert (one["replica"], one["queue_ms"]) == ("r1", 0.25)
    stream = api.stream(f"{ask}&tail=1&follow=true")
    assert next(stream)["time"] == 4
    access(api.root / "replicas" / "r1" / "inference" / "worker-1-1.ndjson", record(9, replica="r1"))
    assert next(stream)["time"] == 9


def test_messages_of_a_conversation_are_found_by_the_calls_id(api: Any) -> None:
    folder = api.root / "replicas" / "r1" / "inference"
    folder.mkdir(parents=True)
    ids = (("talk", "rest"), ("talk.1", "grpc"), ("talk.12", "grpc"), ("talk.2", "rest"), ("talk.x", "grpc"))
    ids += (("talk.1.1", "grpc"), ("talks.1", "grpc"))
    access(folder / "worker-0-1.ndjson", *(record(1, request_id=name, transport=how) for name, how in ids))
    found = lines(api.ask("GET", "/v1/logs?source=inference&requestId=talk"))
    assert [each["request_id"] for each in found] == ["talk", "talk.1", "talk.12"]


def test_records_with_long_payloads_are_shown(api: Any) -> None:
    folder = api.root / "replicas" / "r1" / "inference"
    folder.mkdir(parents=True)
    access(folder / "worker-0-1.ndjson", *(record(moment, request="x" * 200_000) for moment in range(5)))
    assert [each["time"] for each in lines(api.ask("GET", "/v1/logs?source=inference"))] == list(range(5))


def test_records_are_chosen_by_status_latency_and_consumer(api: Any) -> None:
    path = api.root / "access" / "worker-0-1.ndjson"
    access(
        path,
        record(1, status=200, duration_us=900, consumer="shop"),
        record(2, status=503, duration_us=300_000, consumer="shop"),
        record(3, status=404, duration_us=200_000, consumer="shopping", path="/shop"),
        record(4, status=500, duration_us=200_001),
        record(5, status=429),
    )

    def times(query: str) -> list[float]:
        return [each["time"] for each in lines(api.ask("GET", f"/v1/logs?{query}"))]

    assert times("status=5xx") == [2, 4]
    assert times("status=404,5XX") == [2, 3, 4]
    assert times("slower=200ms") == [2, 4]
    assert times("slower=0.25s") == [2]
    assert times("slower=899us&status=2xx") == [1]
    assert times("consumer=shop") == [1, 2]
    assert times("consumer=shop&status=5xx&slower=1ms&version=v1") == [2]
    stream = api.stream("/v1/logs?follow=true&tail=1&status=5xx&slower=1ms&mirrored=false")
    assert next(stream)["time"] == 4
    access(path, record(6, status=500, duration_us=5), record(7, status=500, duration_us=5000, mirrored=True))
    access(path, record(8, status=500, duration_us=5000))
    assert next(stream)["time"] == 8
    folder = api.root / "replicas" / "r1" / "inference"
    folder.mkdir(parents=True)
    access(folder / "worker-0-1.ndjson", record(1, status=500, duration_us=20), record(2, status=200, duration_us=20))
    assert times("source=inference&status=500&slower=10us") == [1]


@pytest.mark.parametrize(
    "query",
    ["status=6xx", "status=50", "status=,", "slower=200", "slower=fast", "slower=-1ms", "source=server&status=500",
     "source=inference&consumer=shop", "slower=" + "9" * 5000 + "s"],
)  # fmt: skip
def test_filters_that_say_nothing(steady_api: Any, query: str) -> None:
    assert steady_api.ask("GET", f"/v1/logs?{query}").status == 400


@pytest.mark.parametrize(
    "query", ["source=x", "tail=-1", "tail=x", "tail=99999", "follow=1", "projct=a", "tail=" + "9" * 5000]
)
def test_log_queries_that_cannot_be(steady_api: Any, query: str) -> None:
    assert steady_api.ask("GET", f"/v1/logs?{query}").status == 400


def test_health_and_status(steady_api: Any) -> None:
    assert steady_api.ask("GET", "/livez", key=None).body == b"ok\n"
    assert steady_api.ask("GET", "/readyz", key=None).body == b"ok\n"
    status = steady_api.ask("GET", "/v1/status").json
    assert status["routeTable"] == {"number": 3}
    assert (status["deployments"], status["routes"], status["endpoints"]) == (0, 0, 0)


def test_metrics_are_prometheus_text(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    api.apply(write.deployment(spec="replicas: 2"), packages=uploaded)
    api.ask("GET", "/v1/none")
    reply = api.ask("GET", "/metrics", key=None)
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = reply.body.decode()
    for line in (
        'modelway_replicas_wanted{project="vision",model="digits",version="v1"} 2',
        'modelway_deployments{phase="Pending"} 1',
        'modelway_control_requests_total{method="GET",code="404"} 1',
        "modelway_route_table_number 3",
        "# TYPE modelway_control_requests_total counter",
    ):
        assert line in text.splitlines(), text
    assert all(line.startswith("#") or len(line.rsplit(" ", 1)) == 2 for line in text.splitlines())

"""Copies of requests: marked, bounded, never in a caller's way; and what becomes of comparing their answers."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.routing.mirroring.mirrors import Comparator, EndpointComparator, Mirror, Mirroring
from modelway_platform.gateway.proxy.metrics import Snapshot, exposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Received, Replica


def wait_for(condition: Callable[[], bool], within: float = 5) -> None:
    ends = time.monotonic() + within
    while not condition():
        assert time.monotonic() < ends, f"did not happen within {within} s"
        time.sleep(0.005)


EXACT = (EndpointComparator(endpoint="predict", comparator=Comparator(kind="exact")),)


def said(value: Any, status: int = 200, more: str = "") -> bytes:
    body = json.dumps(value)
    return (
        f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def ask(caller: Peer, body: bytes = b'{"x":1}', path: str = "/p/m/predict", headers: str = "") -> Received:
    caller.send(f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return caller.answer()


def mirrored(gateway: Gateway, count: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [each for each in gateway.records() if each.get("mirrored")]
        return len(found) >= count

    wait_for(there, 15)
    assert len(found) == count
    return found


def counts(gateway: Gateway, source: str = "v1", to: str = "v2") -> Any:
    return gateway.worker.routes.mirror_book.of("p", "m", to, source)


def publish(gateway: Gateway, table: type[Table], one: Replica, other: Replica, **mirror: Any) -> None:
    compare = mirror.pop("compare", ())
    usual = mirror.pop("usual", {})
    fields: dict[str, Any] = {"source": "v1", "to": "v2"} | mirror
    mirroring = Mirroring(mirrors=(Mirror(**fields),), compare=compare)
    gateway.publish(table({"v1": (1, [one]), "v2": (0, [other])}, mirroring=mirroring, **usual))


def test_a_copy_is_the_request_marked(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, other = replica(), replica(said("no"))
    publish(gateway, table, one, other, usual={"access": "key"})
    answer = ask(
        call(),
        headers="X-API-Key: mw_caller\r\nModelway-Mirror: true\r\nX-Request-Id: a-1\r\nX-Own: b\r\nModelway-Priority: 9\r\n",
    )
    assert (answer.body, answer.header("modelway-version")) == (b"ok", "v1")
    (record,) = mirrored(gateway)
    (original,), (copy,) = one.requests, other.requests
    assert original.header("modelway-mirror") is None
    assert copy.header("modelway-mirror") == "true"
    assert (copy.body, copy.first) == (original.body, original.first)
    assert copy.headers == [*original.headers, ("modelway-mirror", "true"), ("modelway-priority", "0")]
    assert original.header("modelway-priority") == "9"
    assert copy.header("x-api-key") is copy.header("authorization") is None
    primary = next(each for each in gateway.records() if not each.get("mirrored"))
    assert record["request_id"] == primary["request_id"] == "a-1"
    assert (record["version"], record["primary"], record["primary_status"]) == ("v2", "v1", 200)
    assert (record["status"], record["bytes_in"], record["bytes_out"]) == (200, 7, 4)
    assert (record["endpoint"], record["method"], record["replica"]) == ("predict", "POST", f"r{other.port}")
    assert "agree" not in record
    assert counts(gateway).codes == {200: 1}
    assert gateway.worker.metrics.version("p", "m", "v2").codes == {}


@pytest.mark.parametrize(("share", "of_100"), [(1.0, 100), (0.25, 25), (0.1, 10), (0.0, 0)])
def test_shares_are_exact(  # noqa: PLR0917
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    table: type[Table],
    share: float,
    of_100: int,
) -> None:
    other = replica()
    publish(gateway, table, replica(), other, share=share, max_in_flight=1000)
    caller = call()
    for _ in range(100):
        ask(caller)
    mirrored(gateway, of_100)
    assert len(other.requests) == of_100


def test_several_mirrors_and_all_versions(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, two, three = replica(), replica(), replica()
    mirroring = Mirroring(mirrors=(Mirror(to="v3"), Mirror(source="v1", to="v2")))
    gateway.publish(table({"v1": (1, [one]), "v2": (0, [two]), "v3": (0, [three])}, mirroring=mirroring))
    caller = call()
    for version in ("v1", "v2", "v3"):
        ask(caller, path=f"/p/m/{version}/predict")
    found = {(each["primary"], each["version"]) for each in mirrored(gateway, 3)}
    assert found == {("v1", "v2"), ("v1", "v3"), ("v2", "v3")}
    assert [len(each.requests) for each in (one, two, three)] == [1, 2, 3]


def test_answers_are_compared(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    answers = iter([said({"a": 1}), said({"a": 2}), said({"a": 1}, 500), b"HTTP/1.1 200 OK\r\n\r\n{}"])

    def script(peer: Peer) -> None:
        while True:
            peer.request()
            data = next(answers)
            peer.send_split(data, 7)
            if b"Content-Length" not in data:
                return

    publish(gateway, table, replica(said({"a": 1})), replica(script), compare=EXACT)
    caller = call()
    for number in range(4):
        ask(caller)
        mirrored(gateway, number + 1)
    found = [(each["agree"], each["score"], each.get("why", "")) for each in mirrored(gateway, 4)]
    assert found[:3] == [
        (True, 1.0, ""),
        (False, 0.0, "$.a differs"),
        (False, 0.0, "status 500 instead of 200"),
    ]
    assert found[3][0] is False
    assert counts(gateway).agreements == {"predict": [1, 3, 0]}
    page = exposition([Snapshot(mirrors=[counts(gateway)])]).decode()
    labels = 'project="p",model="m",version="v2",source="v1",shadow="true"'
    assert f'modelway_gateway_mirror_comparisons_total{{{labels},endpoint="predict",agree="false"}} 3' in page
    assert f'modelway_gateway_mirror_requests_total{{{labels},code="200"}} 3' in page


def test_a_dead_mirror(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    other = replica()
    other.stop()
    publish(gateway, table, replica(), other, compare=EXACT)
    caller = call()
    assert ask(caller).body == b"ok"
    (record,) = mirrored(gateway)
    assert (record["status"], record["code"], record["uncompared"]) == (503, "no_ready_replica", "no_answer")
    # What copies meet says nothing to callers: the version's replica is not left out for them.
    assert all(each.down_until == 0 for each in gateway.worker.routes.replicas.values())


def test_a_slow_mirror_is_given_up_and_bounded(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.rest()

    publish(gateway, table, replica(), replica(silent), timeout_seconds=0.5, max_in_flight=2)
    caller = call()
    for _ in range(5):
        assert ask(caller).body == b"ok"
    assert {(each["status"], each["code"]) for each in mirrored(gateway, 2)} == {(504, "deadline_exceeded")}
    assert counts(gateway).dropped == {"over_budget": 3}
    assert ask(caller).body == b"ok"
    mirrored(gateway, 3)  # there is room again


def test_a_mirror_that_breaks_is_not_asked_again(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    asked: list[Received] = []

    def breaking(peer: Peer) -> None:
        asked.append(peer.request())
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        peer.reset()

    publish(gateway, table, replica(), replica(breaking), compare=EXACT, usual={"idempotent": True})
    assert ask(call()).body == b"ok"
    (record,) = mirrored(gateway)
    assert (record["status"], record["code"], record["uncompared"]) == (502, "replica_failed", "no_answer")
    assert len(asked) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff nonsense",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_a_mirror_that_speaks_no_http(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table], garbage: bytes
) -> None:
    publish(gateway, table, replica(), replica(garbage))
    assert ask(call()).body == b"ok"
    (record,) = mirrored(gateway)
    assert record["code"] == "replica_failed"


def test_what_is_never_copied(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    other = replica()
    publish(gateway, table, replica(), other, max_body_bytes=1000)
    caller = call()
    ask(caller, b"x" * 1001)
    caller.send(b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20):
        caller.send(b"50\r\n" + b"y" * 80 + b"\r\n")
    caller.send(b"0\r\n\r\n")
    assert caller.answer().status == 200
    ask(caller, b"x" * (2 << 20))
    wait_for(lambda: counts(gateway).skipped == {"body_too_large": 3})
    ask(caller, b"x" * 1000)
    mirrored(gateway, 1)
    assert len(other.requests) == 1


def test_a_chunked_request_is_copied_whole(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    other = replica()
    publish(gateway, table, replica(), other)
    caller = call(b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    caller.send_split(b"2\r\nde\r\n0\r\n\r\n")
    assert caller.answer().status == 200
    mirrored(gateway)
    assert other.requests[0].body == b"abcde"
    assert other.requests[0].header("modelway-mirror") == "true"


def test_a_caller_who_leaves_has_no_copy(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.rest()

    publish(gateway, table, replica(silent), replica())
    caller = call(b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for(lambda: bool(gateway.worker.routes.models[b"p/m"].versions[b"v1"].replicas))
    time.sleep(0.05)
    caller.reset()
    wait_for(lambda: counts(gateway).skipped == {"caller_left": 1})


def test_streams_and_long_answers_are_copied_but_not_compared(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: a\r\n0\r\n\r\n"
    answers = iter([stream, said("x" * 2000)])

    def script(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send(next(answers))

    publish(gateway, table, replica(script), replica(said("x")), compare=EXACT, max_body_bytes=1000)
    caller = call()
    ask(caller)
    assert mirrored(gateway)[0]["uncompared"] == "stream"
    ask(caller)
    assert mirrored(gateway, 2)[1]["uncompared"] == "answer_too_large"
    assert counts(gateway).uncompared == {"stream": 1, "answer_too_large": 1}
    assert counts(gateway).agreements == {}


def test_head_requests(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    publish(
        gateway, table, replica(said(1)), replica(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), timeout_seconds=3
    )
    caller = call(b"HEAD /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n")
    assert caller.answer(to_head=True).status == 200
    assert mirrored(gateway)[0]["status"] == 200


def test_a_late_loop_drops_copies_first(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    other = replica()
    publish(gateway, table, replica(), other)
    caller = call()
    ask(caller)
    mirrored(gateway)

    def busy() -> None:
        gateway.worker.mirrors.look_again()
        time.sleep(0.2)

    gateway.call(busy)
    assert ask(caller).body == b"ok"
    wait_for(lambda: counts(gateway).dropped.get("pressure", 0) >= 1)
    assert len(other.requests) == 1

    def copied() -> bool:
        ask(caller)
        return len(other.requests) > 1

    wait_for(copied)


def test_tables_come_and_go(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, other = replica(), replica()
    publish(gateway, table, one, other)
    caller = call()
    ask(caller)
    mirrored(gateway)
    mirrors = gateway.worker.routes.models[b"p/m"].mirrors
    assert mirrors is not None
    (mirror,) = mirrors.all()
    wait_for(lambda: len(mirror.replicas[0].idle) == 1)
    publish(gateway, table, one, other, share=0.5)
    changed = gateway.worker.routes.models[b"p/m"].mirrors
    assert changed is not None
    assert changed.all() == [mirror]
    assert len(mirror.replicas[0].idle) == 1
    gateway.publish(table({"v1": (1, [one]), "v2": (0, [other])}))
    assert gateway.worker.routes.models[b"p/m"].mirrors is None
    assert mirror.replicas == []
    ask(caller)
    assert len(other.requests) == 1


CUSTOM = (
    EndpointComparator(
        endpoint="predict", comparator=Comparator(kind="custom", name="close", minimum=0.5, options=(("factor", "2"),))
    ),
)
PLUGIN = """
import os, time
def close(primary, mirror, options):
    print("to stdout, where nothing may go")
    if mirror.body == b'"raise"': raise RuntimeError("secret detail")
    if mirror.body == b'"die"': os._exit(1)
    if mirror.body == b'"hang"': time.sleep(60)
    return 0.25 * float(options["factor"]) * len(mirror.body) / len(primary.body)
"""


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "close_plugin.py").write_text(PLUGIN)
    information = folder / "close_plugin-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: close-plugin\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[modelway.comparators]\nclose = close_plugin:close\n")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def test_a_custom_comparator_and_what_may_become_of_it(  # noqa: PLR0917
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    table: type[Table],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "plugin").mkdir()
    installed(tmp_path / "plugin", monkeypatch)
    answers = ["same!", "raise", "die", "after"]

    def script(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send(said(answers.pop(0)))

    publish(gateway, table, replica(said("right")), replica(script), compare=CUSTOM)
    caller = call()
    ask(caller)
    assert mirrored(gateway)[0]["agree"] is True
    ask(caller)
    raised = mirrored(gateway, 2)[1]
    assert (raised["agree"], raised["why"]) == (None, "comparator close raised RuntimeError")
    ask(caller)
    assert mirrored(gateway, 3)[2]["uncompared"] == "comparer_ended"
    answers[:] = ["after"] * 200

    def compared() -> bool:
        ask(caller)
        time.sleep(0.05)
        return any(each.get("agree") is not None for each in gateway.records()[-3:])

    wait_for(compared, 15)  # a new helper


def test_an_ending_worker_leaves_no_helper(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    mirroring = Mirroring(mirrors=(Mirror(source="v1", to="v2"),), compare=EXACT)
    worker = process(table({"v1": (1, [replica(said(1))]), "v2": (0, [replica(said(1))])}, mirroring=mirroring))
    caller = call(port=worker.port)

    def children() -> list[str]:
        tasks = Path(f"/proc/{worker.process.pid}/task").iterdir()
        return [each for task in tasks for each in (task / "children").read_text().split()]

    ask(caller)
    wait_for(lambda: len(children()) == 1, 10)
    (helper,) = children()
    assert worker.terminate() == 0
    wait_for(lambda: not Path(f"/proc/{helper}").exists())
    snapshot = json.loads(worker.metrics_path.read_bytes())
    assert snapshot["mirrors"][0]["codes"] == {"200": 1}

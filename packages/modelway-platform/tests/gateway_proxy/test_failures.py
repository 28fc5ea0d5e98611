"""Replicas that die, refuse, hang or lie; what is sent again and what never is."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

POST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
KEYED = POST.replace(b"\r\nHost", b"\r\nIdempotency-Key: 1\r\nHost")
GET = b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n"


def dies(peer: Peer) -> None:
    """Read a request, then reset."""
    peer.request()
    peer.reset()


def dies_in_mid_head(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-")


def lies(peer: Peer) -> None:
    peer.request()
    peer.send(b"\x00\x01 nonsense\r\n\r\n")
    peer.rest()


def test_refused_connections_go_to_another(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    """Even for requests that are not idempotent: nothing was sent."""
    gone, there = replica(), replica()
    gone.stop()
    gateway.table(gone, there)
    for _ in range(6):
        assert call(POST).answer().status == 200
    assert [each.body for each in there.requests] == [b"abc"] * 6
    records = gateway.records()
    assert 1 <= sum(each["retries"] for each in records) <= 3  # then it is left out for a while
    assert {each["status"] for each in records} == {200}


@pytest.mark.parametrize("script", [dies, dies_in_mid_head, lies])
@pytest.mark.parametrize(
    ("request_bytes", "usual", "again"),
    [
        (POST, {}, False),
        (POST, {"idempotent": True}, True),
        (KEYED, {}, True),
        (GET, {}, True),
        (GET.replace(b"GET", b"OPTIONS"), {}, True),
        (GET.replace(b"GET", b"DELETE"), {}, False),
        (POST.replace(b"POST", b"PATCH"), {}, False),
    ],
)
def test_failures_in_flight_are_sent_again_only_where_safe(  # noqa: PLR0917
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    script: Callable[[Peer], None],
    request_bytes: bytes,
    usual: dict[str, Any],
    again: bool,  # noqa: FBT001 (from the table)
) -> None:
    bad, good = replica(script), replica()
    gateway.table(bad, good, **usual)
    answer = call(request_bytes).answer()
    if again:
        assert answer.status == 200
        assert good.requests[0].body == (b"abc" if b"abc" in request_bytes else b"")
        assert good.requests[0].header("x-request-id") == answer.header("x-request-id")
    else:
        assert (answer.status, answer.error) == (502, "replica_failed")
        assert not good.requests
    (record,) = gateway.records()
    assert (record["retries"], record["status"], record["replica"]) == (
        (1, 200, f"r{good.port}") if again else (0, 502, f"r{bad.port}")
    )


def test_a_body_too_large_to_keep_is_not_sent_again(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    bad, good = replica(dies), replica()
    gateway.table(bad, good, idempotent=True)
    size = 2 << 20
    caller = call(b"POST /p/m/a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    assert caller.answer().status == 502
    assert not good.requests


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Content-Length: 400000"])
def test_an_upload_goes_on_with_another_replica(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], framing: bytes
) -> None:
    died = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        while len(peer.unread) < 100:
            peer.more()
        peer.reset()
        died.set()

    bad, good = replica(script), replica()
    gateway.table(bad, good, idempotent=True)
    chunked = b"chunked" in framing
    caller = call(b"POST /p/m/a HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
    pieces = [bytes([65 + each]) * 100_000 for each in range(4)]
    for piece in pieces:
        caller.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        assert died.wait(5)
        time.sleep(0.005)
    if chunked:
        caller.send(b"0\r\n\r\n")
    assert caller.answer().status == 200
    assert good.requests[0].body == b"".join(pieces)


def test_a_kept_connection_is_used_behind_a_refused_one_for_a_large_upload(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    """The upload was held while connecting, and has to go on."""
    there, gone = replica(), replica()
    gateway.table(there, gone)
    assert call(POST).answer().status == 200
    assert gateway.idle() == 1
    gone.stop()
    size = 3 << 20
    caller = call(b"POST /p/m/a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
    caller.send(b"x" * size)
    assert caller.answer().status == 200
    assert len(there.requests[-1].body) == size


def test_at_most_three_others_are_tried(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    replicas = [replica(dies) for _ in range(6)]
    gateway.table(*replicas)
    assert call(GET).answer().status == 502
    assert sum(len(each.peers) for each in replicas) == 4
    assert gateway.records()[0]["retries"] == 3


def test_all_refuse(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    replicas = [replica(), replica()]
    for each in replicas:
        each.stop()
    gateway.table(*replicas)
    for _ in range(3):
        answer = call(POST).answer()
        assert (answer.status, answer.error, answer.header("retry-after")) == (503, "no_ready_replica", "1")
    replicas[0].start()
    assert call(POST).answer().status == 200  # at once: there is nobody better


def test_ejection_and_return(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    ill, well = replica(dies), replica()
    gateway.table(ill, well)
    caller = call(POST)
    assert caller.answer().status == 502
    for _ in range(6):  # left out
        caller.send(POST)
        assert caller.answer().status == 200
    assert len(ill.peers) == 1
    ill.script = ill.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback")
    ends = time.monotonic() + 3
    bodies: set[bytes] = set()
    while b"back" not in bodies:
        assert time.monotonic() < ends
        caller.send(POST)
        bodies.add(caller.answer().body)
    assert gateway.worker.routes.replicas[f"r{ill.port}"].failures == 0


def test_connections_that_break_together_are_one_failure(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    arrived = threading.Semaphore(0)
    go = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        arrived.release()
        go.wait(5)
        peer.reset()

    gateway.table(replica(script))
    callers = [call(POST) for _ in range(8)]
    for _ in callers:
        assert arrived.acquire(timeout=5)
    go.set()
    assert {each.answer().status for each in callers} == {502}
    (known,) = gateway.worker.routes.replicas.values()
    assert known.failures == 1
    assert known.down_until - gateway.listener.clock <= 0.3


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ],
)
@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("minor", [0, 1])
def test_an_answer_cut_short_looks_cut_short(  # noqa: PLR0917
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], begin: bytes, end: str, minor: int
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(begin)
        time.sleep(0.005)
        if end == "reset":
            peer.reset()

    gateway.table(replica(script), replica(), idempotent=True)
    caller = call(GET.replace(b"1.1", b"1.%d" % minor))
    if b"zz" in begin:  # wrong from the first piece on: there is still time to ask another
        assert caller.answer().body == b"ok"
        return
    got = b""
    aborted = False
    try:
        got = caller.rest()
    except ConnectionResetError:
        got = bytes(caller.unread)
        aborted = True
    assert not got.endswith(b"0\r\n\r\n")
    if b"chunked" in begin and minor == 0:
        assert aborted  # nothing else tells
    assert b"hello" in got or aborted
    (record,) = gateway.records()
    assert (record["status"], record["code"], record["retries"]) == (502, "replica_failed", 0)


def test_a_replica_that_closes_idle_connections_costs_nothing(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        time.sleep(0.005)

    only = replica(script)
    gateway.table(only)
    caller = call()
    for _ in range(8):
        caller.send(POST)
        assert caller.answer().status == 200
        ends = time.monotonic() + 10
        while gateway.idle() and time.monotonic() < ends:  # until its end was seen
            time.sleep(0.002)
    assert len(only.peers) == 8
    assert gateway.idle() == 0


def test_an_end_the_loop_has_not_seen_is_seen(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    """A rested connection whose end arrives together with the next request."""
    only = replica()
    gateway.table(only)
    caller = call(POST)
    assert caller.answer().status == 200
    time.sleep(1.05)

    def at_once() -> None:
        only.peers[0].close()
        caller.send(POST)
        time.sleep(0.02)  # both wait for the loop

    gateway.call(at_once)
    assert caller.answer().status == 200
    assert len(only.peers) == 2


def test_unused_connections_are_closed(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only)
    assert call(POST).answer().status == 200
    assert gateway.idle() == 1
    gateway.close_idle()
    assert gateway.idle() == 0
    only.stop()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-"])
def test_a_silent_replica_is_given_up_in_the_routes_time(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], says: bytes
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(says)
        assert not peer.rest()  # ended by the gateway

    silent, other = replica(script), replica()
    gateway.table(silent, other, timeout=0.2, idempotent=True)
    begun = time.monotonic()
    caller = call(POST)
    answer = caller.answer()
    assert (answer.status, answer.error) == (504, "deadline_exceeded")
    assert 0.15 < time.monotonic() - begun < 0.6
    for _ in range(3):  # it is left out meanwhile, and the caller's connection is good
        caller.send(POST)
        assert caller.answer().status == 200


def test_a_stream_that_stops_is_cut(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(6):
            time.sleep(0.1)
            peer.send(b"1\r\nx\r\n")
        assert not peer.rest()

    gateway.table(replica(script), timeout=0.3)
    caller = call(GET)
    with suppress(ConnectionResetError):
        caller.rest()
    got = bytes(caller.unread)
    assert not got.endswith(b"0\r\n\r\n")
    assert gateway.records()[0]["bytes_out"] == 6  # longer than the route's time, with pieces within it
    assert gateway.records()[0]["code"] == "deadline_exceeded"


def test_a_hanging_connect_is_given_up(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for each in fillers:  # what does not fit any more gets no answer at all
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.connect(full.getsockname())
    hanging, good = replica(), replica()
    hanging.stop()
    hanging.port = full.getsockname()[1]
    gateway.table(hanging, good)
    begun = time.monotonic()
    assert call(POST).answer().status == 200
    assert 0.9 < time.monotonic() - begun < 2.5
    assert call(POST).answer().status == 200
    for each in (*fillers, full):
        each.close()


def test_a_host_that_is_none(gateway: Gateway, call: Callable[..., Peer]) -> None:
    from modelway_platform.domain.table.route_table import (  # noqa: PLC0415
        ModelEntry,
        ReplicaEntry,
        RouteTable,
        VersionEntry,
    )
    from modelway_platform.store.files.table_file import write_table  # noqa: PLC0415

    def publish(number: int, host: str) -> None:
        replicas = (ReplicaEntry(id="r", host=host, port=1),)
        model = ModelEntry(
            project="p",
            model="m",
            access="open",
            idempotent=False,
            timeout_seconds=5,
            max_body_bytes=10,
            versions=(VersionEntry(version="v1", weight=1, replicas=replicas),),
        )
        write_table(gateway.table_path, RouteTable(number=number, models=(model,), keys=()))
        gateway.call(gateway.watch.look)

    for number, host in enumerate(["a..b", "x" * 300, "\u2024", "::1%none", "a b", "localhost\x00"], 1):
        publish(number, host)
        assert call(POST).answer().status == 503

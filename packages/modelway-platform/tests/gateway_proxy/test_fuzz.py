"""Bytes nobody should send, from both sides: the same process is there afterwards and answers at once."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Replica

GET = b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n"
REQUESTS = [
    GET,
    b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + GET,
    b"POST /p/m/v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + GET,
    b"HEAD /p/m/predict HTTP/1.0\r\nX-Request-Id: a\r\nConnection: keep-alive\r\n\r\n" + GET,
    b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello",
]
PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"\x00",
    b"\xff",
    b":",
    b" ",
    b"0",
    b"-1",
    b"HTTP/1.1 ",
    b"Content-Length: 9\r\n",
    b"\n",
    b"1" * 30,
]


def mutated(source: random.Random, data: bytes) -> bytes:
    for _ in range(source.randint(0, 3)):
        at = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0:
                data = data[:at] + source.choice(PIECES) + data[at:]
            case 1:
                data = data[:at] + data[at + source.randint(1, 8) :]
            case 2:
                data = data[:at]
            case _:
                data = data[:at] + source.randbytes(source.randint(1, 4)) + data[at + 1 :]
    return data


def memory(process: Process) -> int:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def fuzzing(source: random.Random) -> Callable[[Peer], None]:
    """A replica that answers with what is hardly HTTP any more."""

    def script(peer: Peer) -> None:
        with suppress(Exception):  # what comes here is fuzzed, too
            while peer.head():
                peer.send(mutated(source, source.choice(ANSWERS)))
                if source.random() < 0.3:
                    return

    return script


def sound_beside(table: type[Table], good: Replica, bad: list[Replica]) -> Table:
    """A table of a model that is fuzzed, and of one beside it whose callers are to notice nothing."""
    other = table({"v1": (1, [good])}).made(1).models[0]
    beside = replace(
        other, project="sound", model="m", access="open", idempotent=True, timeout_seconds=5, max_body_bytes=100
    )
    return table({"v1": (1, bad)}, timeout=0.2, max_body_bytes=1000, others=[beside], idempotent=True)


def attack(seed: int, call: Callable[..., Peer], port: int) -> None:
    """A caller that sends what is hardly HTTP any more, many times, and hardly waits for the answers."""
    source = random.Random(seed)
    for _ in range(150):
        with suppress(OSError):
            peer = call(mutated(source, source.choice(REQUESTS)), port=port)
            peer.socket.settimeout(0.03)
            with suppress(Exception):
                while True:
                    peer.more()
            peer.close()


def slowest_while(attackers: Sequence[threading.Thread], sound: Peer) -> float:
    """The longest that a request to the model beside took, in seconds, until no attacker is left."""
    slowest = 0.0
    while any(each.is_alive() for each in attackers):
        begun = time.monotonic()
        sound.send(GET.replace(b"/p/", b"/sound/"))
        assert sound.answer().status == 200
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.005)
    return slowest


def test_fuzz(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    script = fuzzing(random.Random(7))
    worker = process(sound_beside(table, replica(), [replica(script), replica(script)]))
    sound = call(port=worker.port)
    slowest, before = 0.0, 0
    for turn in range(2):
        attackers = [threading.Thread(target=attack, args=(each + 10 * turn, call, worker.port)) for each in range(4)]
        for each in attackers:
            each.start()
        slowest = max(slowest, slowest_while(attackers, sound))
        before = before or memory(worker)
    assert worker.process.poll() is None
    assert slowest < 1
    assert memory(worker) < before * 1.1 + (2 << 20)
    assert worker.terminate() == 0
    assert worker.errors() == ""


def test_kills_under_load_fail_no_idempotent_request(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    replicas = [replica(), replica(), replica()]
    gateway.table(*replicas, idempotent=True)
    stop = threading.Event()
    statuses: list[int] = []
    slowest = [0.0]

    def load() -> None:
        caller = call()
        while not stop.is_set():
            begun = time.monotonic()
            caller.send(b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            statuses.append(caller.answer().status)
            slowest[0] = max(slowest[0], time.monotonic() - begun)

    threads = [threading.Thread(target=load) for _ in range(6)]
    for each in threads:
        each.start()
    for turn in range(12):
        victim = replicas[turn % 3]
        time.sleep(0.03)
        victim.stop()
        time.sleep(0.03)
        victim.start()
    time.sleep(0.1)
    stop.set()
    for each in threads:
        each.join()
    assert set(statuses) == {200}
    assert len(statuses) > 500
    assert slowest[0] < 2
    assert sum(each["retries"] for each in gateway.records()) > 0


def test_a_bug_inside_tells_callers_nothing(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(replica())
    models = gateway.worker.routes.models
    gateway.call(lambda: setattr(gateway.worker.routes, "models", None))
    for number in range(50):
        answer = call(GET.replace(b"predict", b"n%d" % number)).answer()
        assert (answer.status, answer.error) == (500, "internal")
        assert not [word for word in (b"Traceback", b"NoneType", b".py", b"modelway_platform") if word in answer.body]
    gateway.call(lambda: setattr(gateway.worker.routes, "models", models))
    assert call(GET).answer().status == 200
    assert len(gateway.loop_errors) == 50  # where operators see them
    gateway.loop_errors.clear()


def test_a_bug_while_relaying_costs_one_answer(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only)
    heads = gateway.worker.known_heads
    gateway.call(lambda: setattr(gateway.worker, "known_heads", None))
    answer = call(GET.replace(b"GET", b"POST")).answer()
    assert (answer.status, answer.error) == (502, "replica_failed")
    gateway.call(lambda: setattr(gateway.worker, "known_heads", heads))
    assert call(GET).answer().status == 200
    assert gateway.idle() == 1
    gateway.loop_errors.clear()
